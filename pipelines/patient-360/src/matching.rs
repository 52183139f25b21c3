//! The operator's calls about match models: what one would learn from the records, and how another would do.

use crate::admin::{Admin, AdminError, Answer};
use crate::spaces;
use panorama_identity::{
    IdentityEngine, MemoryStore, Model, PairStatements, Quality, RecordEntry, Scorer, evaluate, train,
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

impl Admin {
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
        let mut other = Model::from_json(&model).map_err(|e| AdminError::Request(with_cause(&e)))?;
        other.thresholds = self.scorer.model().thresholds;
        let other = Scorer::new(other).map_err(|e| AdminError::Request(with_cause(&e)))?;
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

    /// All that sources and stewards said of pairs, by one of the two records; a pair is there from both sides.
    fn all_statements(&self) -> Result<Vec<(u64, Vec<PairStatements>)>, AdminError> {
        let mut all = Vec::new();
        self.store
            .scan(spaces::IDENTITY_DECISIONS, &[], None, &mut |key, value| {
                if let (Ok(number), Ok(pairs)) = (key.try_into(), postcard::from_bytes(value)) {
                    all.push((u64::from_be_bytes(number), pairs));
                }
                ControlFlow::Continue(())
            })?;
        Ok(all)
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
        for (a, pairs) in self.all_statements()? {
            for said in pairs.iter().filter(|pair| pair.other.0 > a) {
                if let (Some(a), Some(b)) = (self.entry(a)?, self.entry(said.other.0)?) {
                    engine.restate(&mut store, &a.key, &b.key, said);
                }
            }
        }
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

/// An error and what caused it.
fn with_cause(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
