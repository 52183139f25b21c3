//! The operator's question of a pair: why two records are together, or apart.

use crate::admin::{Admin, AdminError, Answer};
use crate::identity_rows::review_place;
use crate::records::{RecordState, read, read_numbered, read_person};
use crate::spaces;
use panorama_identity::{Edge, PairStatements, RecordEntry, Spoken, Verdict};
use panorama_model::{PersonId, Row, SourceRecordKey};
use panorama_runtime::StateKey;
use panorama_tables::table::match_review as column;
use panorama_unify::record_name;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Members of a person among whom a path is looked for.
const PATH_RECORDS_MAX: usize = 1000;

impl Admin {
    /// The waterfall of a pair; and, where the score alone does not say it, what holds the two together or apart.
    pub(crate) fn identity_explain(&self, a: &str, b: &str) -> Answer {
        let (a_number, a_record) = self.find_record(a)?;
        let (b_number, b_record) = self.find_record(b)?;
        let standard =
            |r: &RecordState| panorama_standardize::standardize(&r.layers.resolve().unwrap_or_default());
        let (a_person, b_person) = (standard(&a_record), standard(&b_record));
        let spoken = |source, person| Spoken { source, person };
        let explanation = self.scorer.explain_records(
            spoken(&a_record.key.source, &a_person),
            spoken(&b_record.key.source, &b_person),
        );
        let persons = [self.person_of(a_number)?, self.person_of(b_number)?];
        let same = matches!(persons, [Some(a), Some(b)] if a == b);
        let direct = explanation.weight >= self.scorer.auto_link_weight();
        let stated = self.stated(a_number, b_number)?;
        let decision = self.decision([&a_record.key, &b_record.key])?;
        let (mut path, mut constraint, mut because) = (Value::Null, Value::Null, None);
        match (same, persons) {
            (true, [Some(person), _]) if !direct && stated.is_none() => {
                path = self.path(person, a_number, b_number)?;
                because = Some(format!(
                    "they do not match directly; they are one person through {}",
                    told(&path)
                ));
            }
            (false, [Some(one), Some(other)]) if direct || stated.is_some() => {
                constraint = self.constraint(one, other)?;
                because = constraint.get("words").and_then(Value::as_str).map(str::to_owned);
            }
            _ => {}
        }
        Ok(json!({
            "a": record_name(&a_record.key).as_str(), "b": record_name(&b_record.key).as_str(),
            "same_person": same,
            "persons": persons.map(|p| p.map(|p| p.to_string())),
            "explanation": serde_json::to_value(&explanation).unwrap_or_default(),
            "text": explanation.to_string(),
            "stated": stated, "decision": decision, "path": path, "constraint": constraint, "because": because,
        }))
    }

    /// What was said of a pair, if anything is in force.
    fn stated(&self, a: u64, b: u64) -> Result<Option<&'static str>, AdminError> {
        let statements: Vec<PairStatements> =
            read(&*self.store, spaces::IDENTITY_DECISIONS, &a.to_be_bytes())?.unwrap_or_default();
        let found = statements.iter().find(|s| s.other.0 == b);
        let statement = found.and_then(PairStatements::in_force);
        Ok(statement.map(|s| match s.verdict {
            Verdict::Match => "match",
            Verdict::NoMatch => "no-match",
            Verdict::Withdrawn => "withdrawn",
        }))
    }

    /// A steward's last word on a pair, as its row in match_review keeps it.
    fn decision(&self, keys: [&SourceRecordKey; 2]) -> Answer {
        let mut place = Vec::new();
        review_place(keys).bytes(&mut place);
        let rows: Vec<Row> = read(&*self.store, spaces::ROWS, &place)?.unwrap_or_default();
        let decided = rows.first().filter(|row| row.text(column::DECIDED_BY).is_some());
        Ok(decided.map_or(Value::Null, |row| {
            json!({
                "status": row.text(column::STATUS), "by": row.text(column::DECIDED_BY),
                "at": row.time(column::DECIDED_AT).map(|at| at.to_string()), "note": row.text(column::DECISION_NOTE),
            })
        }))
    }

    /// The way from one record to another over matches among the members of their person: the one whose weakest match is
    /// the strongest.
    fn path(&self, person: PersonId, from: u64, to: u64) -> Answer {
        let members = read_person(&*self.store, person)?.unwrap_or_default().members;
        let members: BTreeSet<u64> = members.into_iter().take(PATH_RECORDS_MAX).collect();
        let mut links: BTreeMap<u64, Vec<(u64, f32)>> = BTreeMap::new();
        for &record in &members {
            let edges: Vec<Edge> =
                read_numbered(&*self.store, spaces::IDENTITY_EDGES, record)?.unwrap_or_default();
            let statements: Vec<PairStatements> =
                read(&*self.store, spaces::IDENTITY_DECISIONS, &record.to_be_bytes())?.unwrap_or_default();
            let scored = edges.iter().map(|edge| (edge.other.0, edge.weight.bits()));
            let said = statements.iter().filter_map(|pair| {
                let statement = pair.in_force()?;
                (statement.verdict == Verdict::Match).then_some((pair.other.0, f32::INFINITY))
            });
            let reached = scored.chain(said).filter(|(other, _)| members.contains(other));
            links.insert(record, reached.collect());
        }
        let mut steps = Vec::new();
        for pair in widest_path(&links, from, to).windows(2) {
            let [one, other] = pair else { continue };
            let weight = links.get(one).and_then(|l| l.iter().find(|(o, _)| o == other));
            steps.push(json!({
                "from": self.name_of(*one)?, "to": self.name_of(*other)?,
                "weight_bits": weight.map(|(_, bits)| *bits).filter(|bits| bits.is_finite()),
                "stated": weight.is_some_and(|(_, bits)| bits.is_infinite()),
            }));
        }
        Ok(Value::Array(steps))
    }

    /// What keeps two persons apart: a statement, or the pair of their records that speaks most against.
    fn constraint(&self, one: PersonId, other: PersonId) -> Answer {
        let members = |person| -> Result<Vec<u64>, AdminError> {
            let all = read_person(&*self.store, person)?.unwrap_or_default().members;
            Ok(all.into_iter().take(64).collect())
        };
        let mut worst: Option<(f32, u64, u64, String)> = None;
        for a in members(one)? {
            for b in members(other)? {
                if self.stated(a, b)? == Some("no-match") {
                    let (a, b) = (self.name_of(a)?, self.name_of(b)?);
                    let words = format!("they are kept apart: it was said that {a} and {b} are two people");
                    return Ok(json!({"kind": "stated", "a": a, "b": b, "words": words}));
                }
                let (Some(x), Some(y)) = (self.entry(a)?, self.entry(b)?) else {
                    continue;
                };
                let score = self.scorer.explain_records(x.spoken(), y.spoken());
                let bits = score.weight.bits();
                if worst.as_ref().is_none_or(|(least, ..)| bits < *least) {
                    let veto = score.veto.map(|veto| format!("{veto:?}"));
                    worst = Some((bits, a, b, veto.unwrap_or_else(|| "score".to_owned())));
                }
            }
        }
        let Some((bits, a, b, kind)) = worst else {
            return Ok(Value::Null);
        };
        let (a, b) = (self.name_of(a)?, self.name_of(b)?);
        let words = format!(
            "they match directly, but not as the persons they belong to: {a} and {b} speak most against it ({bits:+.1} bits, {kind})"
        );
        Ok(json!({"kind": kind, "a": a, "b": b, "weight_bits": bits, "words": words}))
    }

    fn name_of(&self, record: u64) -> Result<String, AdminError> {
        let entry = self.entry(record)?;
        Ok(entry.map_or_else(String::new, |entry| record_name(&entry.key).to_string()))
    }

    /// A record as matching sees it.
    pub(crate) fn entry(&self, record: u64) -> Result<Option<RecordEntry>, AdminError> {
        Ok(read_numbered(&*self.store, spaces::IDENTITY_RECORDS, record)?)
    }
}

fn told(path: &Value) -> String {
    let steps = path.as_array().map_or(&[][..], Vec::as_slice);
    let text = |step: &Value, key: &str| {
        step.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut words = steps.first().map(|step| text(step, "from")).unwrap_or_default();
    for step in steps {
        let how = match step.get("weight_bits").and_then(Value::as_f64) {
            Some(bits) => format!("{bits:+.1} bits"),
            None => "stated".to_owned(),
        };
        words.push_str(&format!(" -[{how}]- {}", text(step, "to")));
    }
    words
}

/// The path whose weakest link is the strongest (Dijkstra with the minimum for a sum); empty where there is none.
fn widest_path(links: &BTreeMap<u64, Vec<(u64, f32)>>, from: u64, to: u64) -> Vec<u64> {
    let mut best: BTreeMap<u64, (f32, u64)> = [(from, (f32::INFINITY, from))].into();
    let mut done: BTreeSet<u64> = BTreeSet::new();
    loop {
        let next = best
            .iter()
            .filter(|(record, _)| !done.contains(record))
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0));
        let Some((&record, &(width, _))) = next else {
            return Vec::new();
        };
        if record == to {
            break;
        }
        done.insert(record);
        for (other, weight) in links.get(&record).into_iter().flatten() {
            let through = width.min(*weight);
            let known = best.get(other).map_or(f32::NEG_INFINITY, |(width, _)| *width);
            if !done.contains(other) && through > known {
                best.insert(*other, (through, record));
            }
        }
    }
    let mut path = vec![to];
    while let Some((_, before)) = path.last().and_then(|last| best.get(last)) {
        if path.last() == Some(before) {
            break;
        }
        path.push(*before);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_with_the_strongest_weakest_link_is_told() {
        let check = |links: &[(u64, u64, f32)], expected: &[u64]| {
            let mut all: BTreeMap<u64, Vec<(u64, f32)>> = BTreeMap::new();
            for (a, b, weight) in links {
                all.entry(*a).or_default().push((*b, *weight));
                all.entry(*b).or_default().push((*a, *weight));
            }
            assert_eq!(widest_path(&all, 1, 9), expected);
        };
        check(&[(1, 9, 3.0)], &[1, 9]);
        check(&[(1, 9, 3.0), (1, 5, 9.0), (5, 9, 8.0)], &[1, 5, 9]);
        check(&[(1, 5, 9.0), (5, 1, 9.0)], &[]);
        check(&[(1, 2, 1.0), (2, 9, 1.0), (1, 3, 0.5), (3, 9, 40.0)], &[1, 2, 9]);
    }
}
