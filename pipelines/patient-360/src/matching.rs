//! The operator's calls about matching: why two records are together or apart, what a model would learn from the records,
//! and how another model would do.

use crate::admin::{Admin, AdminError, Answer};
use crate::records::{RecordState, read_person};
use crate::spaces;
use panorama_identity::{
    Edge, IdentityEngine, MemoryStore, Model, PairStatements, Quality, RecordEntry, Scorer, Verdict,
    evaluate, train,
};
use panorama_model::PersonId;
use panorama_standardize::StandardPerson;
use panorama_unify::record_name;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Records a training looks at. More would teach little more; each holds about a kilobyte of memory (INV-9).
const TRAINING_RECORDS_MAX: usize = 400_000;
/// Training draws random pairs by this seed: the same records give the same model.
const TRAINING_SEED: u64 = 1;
/// Members of a person among whom a path is looked for.
const PATH_RECORDS_MAX: usize = 1000;

impl Admin {
    /// The waterfall of a pair; and, where the score alone does not say it, what holds the two together or apart.
    pub(crate) fn identity_explain(&self, a: &str, b: &str) -> Answer {
        let (a_number, a_record) = self.find_record(a)?;
        let (b_number, b_record) = self.find_record(b)?;
        let standard =
            |r: &RecordState| panorama_standardize::standardize(&r.layers.resolve().unwrap_or_default());
        let explanation = self.scorer.explain(&standard(&a_record), &standard(&b_record));
        let persons = [self.person_of(a_number)?, self.person_of(b_number)?];
        let same = matches!(persons, [Some(a), Some(b)] if a == b);
        let direct = explanation.weight >= self.scorer.auto_link_weight();
        let stated = self.stated(a_number, b_number)?;
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
            "stated": stated, "path": path, "constraint": constraint, "because": because,
        }))
    }

    /// What was said of a pair, if anything is in force.
    fn stated(&self, a: u64, b: u64) -> Result<Option<&'static str>, AdminError> {
        let statements: Vec<PairStatements> = self.read(spaces::IDENTITY_DECISIONS, a)?.unwrap_or_default();
        let found = statements.iter().find(|s| s.other.0 == b);
        let statement = found.and_then(PairStatements::in_force);
        Ok(statement.map(|s| match s.verdict {
            Verdict::Match => "match",
            Verdict::NoMatch => "no-match",
            Verdict::Withdrawn => "withdrawn",
        }))
    }

    /// The way from one record to another over matches among the members of their person: the one whose weakest match is
    /// the strongest.
    fn path(&self, person: PersonId, from: u64, to: u64) -> Answer {
        let members = read_person(&*self.store, person)?.unwrap_or_default().members;
        let members: BTreeSet<u64> = members.into_iter().take(PATH_RECORDS_MAX).collect();
        let mut links: BTreeMap<u64, Vec<(u64, f32)>> = BTreeMap::new();
        for &record in &members {
            let edges: Vec<Edge> = self.read(spaces::IDENTITY_EDGES, record)?.unwrap_or_default();
            let statements: Vec<PairStatements> =
                self.read(spaces::IDENTITY_DECISIONS, record)?.unwrap_or_default();
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
                let score = self.scorer.score(&x.person, &y.person);
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

    fn entry(&self, record: u64) -> Result<Option<RecordEntry>, AdminError> {
        self.read(spaces::IDENTITY_RECORDS, record)
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        space: panorama_api::Space,
        record: u64,
    ) -> Result<Option<T>, AdminError> {
        let bytes = self.store.get(space, &record.to_be_bytes())?;
        let value = bytes.map(|b| postcard::from_bytes(&b)).transpose();
        Ok(value.map_err(|e| panorama_api::ConnectorError::fatal("read", space.0, e))?)
    }

    /// Every active record of a person, in the order of numbers.
    fn each_person(&self, mut take: impl FnMut(RecordEntry)) -> Result<(), AdminError> {
        let mut broken = None;
        self.store
            .scan(spaces::IDENTITY_RECORDS, &[], None, &mut |_, value| {
                match postcard::from_bytes::<RecordEntry>(value) {
                    Ok(entry) if entry.is_active() => take(entry),
                    Ok(_) => {}
                    Err(error) => {
                        broken = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
        match broken {
            Some(error) => {
                Err(panorama_api::ConnectorError::fatal("read", spaces::IDENTITY_RECORDS.0, error).into())
            }
            None => Ok(()),
        }
    }

    /// Learns a model from the records, without labels; it is not used before it is configured.
    pub(crate) fn identity_train(&self) -> Answer {
        let mut count = 0;
        self.each_person(|entry| count += usize::from(!entry.person.is_contact_point()))?;
        let every = count.div_ceil(TRAINING_RECORDS_MAX).max(1);
        let (mut at, mut records): (usize, Vec<StandardPerson>) = (0, Vec::new());
        self.each_person(|entry| {
            if !entry.person.is_contact_point() {
                if at.is_multiple_of(every) {
                    records.push(entry.person);
                }
                at += 1;
            }
        })?;
        if records.len() < 2 {
            return Err(AdminError::NotFound(
                "there are no records to learn from yet: run the pipeline first".to_owned(),
            ));
        }
        let training = train(&records, self.scorer.model(), TRAINING_SEED);
        Ok(json!({
            "model": serde_json::to_value(&training.model).unwrap_or_default(),
            "report": serde_json::to_value(&training.report).unwrap_or_default(),
            "records": count, "records_looked_at": records.len(),
        }))
    }

    /// Links all records anew under the model in force and under another, in memory, and says how they differ.
    pub(crate) fn identity_compare(&self, request: &Value) -> Answer {
        let model = request.get("model").map(Value::to_string).unwrap_or_default();
        let mut other = Model::from_json(&model).map_err(|e| AdminError::Request(e.to_string()))?;
        other.thresholds = self.scorer.model().thresholds;
        let other = Scorer::new(other).map_err(|e| AdminError::Request(e.to_string()))?;
        let truth: HashMap<(String, String), String> = request
            .get("truth")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|row| serde_json::from_value::<(String, String, String)>(row.clone()).ok())
            .map(|(source, id, entity)| ((source, id), entity))
            .collect();
        let (now, now_pairs) = self.link_all(&Arc::clone(&self.scorer), &truth)?;
        let (then, then_pairs) = self.link_all(&Arc::new(other), &truth)?;
        let moved = now
            .iter()
            .filter(|(record, group)| then.get(*record) != Some(*group))
            .count();
        Ok(json!({
            "records": now.len(), "records_that_would_move": moved,
            "now": side(&now, now_pairs), "then": side(&then, then_pairs),
        }))
    }

    /// Every record's group under a model, named by the group's least record, and its quality against a truth.
    fn link_all(
        &self,
        scorer: &Arc<Scorer>,
        truth: &HashMap<(String, String), String>,
    ) -> Result<(BTreeMap<String, String>, Option<Quality>), AdminError> {
        let engine = IdentityEngine::new(Arc::clone(scorer));
        let mut store = MemoryStore::new();
        self.each_person(|entry| {
            let version = entry.version.unwrap_or_default();
            let prepared = engine.prepare(entry.person);
            engine.upsert(&mut store, &entry.key, prepared, version);
        })?;
        let mut groups: BTreeMap<PersonId, Vec<String>> = BTreeMap::new();
        let mut pairs = Vec::new();
        for (_, key, membership) in store.memberships() {
            groups
                .entry(membership.person)
                .or_default()
                .push(record_name(key).to_string());
            let with_source = (key.source.to_string(), key.id.to_string());
            let entity = truth
                .get(&with_source)
                .or_else(|| truth.get(&(String::new(), key.id.to_string())));
            if let Some(entity) = entity {
                pairs.push((membership.person, entity.as_str()));
            }
        }
        let quality = (!pairs.is_empty()).then(|| evaluate(pairs));
        let mut of_record = BTreeMap::new();
        for mut group in groups.into_values() {
            group.sort_unstable();
            let Some(least) = group.first().cloned() else {
                continue;
            };
            of_record.extend(group.into_iter().map(|record| (record, least.clone())));
        }
        Ok((of_record, quality))
    }
}

fn side(groups: &BTreeMap<String, String>, quality: Option<Quality>) -> Value {
    let persons: BTreeSet<&String> = groups.values().collect();
    json!({
        "persons": persons.len(),
        "quality": quality.map(|q| json!({"precision": q.precision(), "recall": q.recall(), "f1": q.f1()})),
    })
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
