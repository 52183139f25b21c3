//! The operator's calls about match models: what one would learn from the records, and how another would do.

use crate::admin::{Admin, AdminError, Answer};
use crate::records::each_record;
use crate::spaces;
use panorama_identity::{
    IdentityEngine, MemoryStore, Model, PairStatements, Quality, RecordEntry, Scorer, evaluate, train,
};
use panorama_model::PersonId;
use panorama_standardize::StandardPerson;
use panorama_unify::record_name;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Records a training looks at. More would teach little more; each holds about a kilobyte of memory (INV-9).
const TRAINING_RECORDS_MAX: usize = 400_000;
/// Training draws random pairs by this seed: the same records give the same model.
const TRAINING_SEED: u64 = 1;

impl Admin {
    /// Every active record of a person, in the order of numbers.
    fn each_person(&self, mut take: impl FnMut(RecordEntry)) -> Result<(), AdminError> {
        let take = |_, entry: RecordEntry| {
            if entry.is_active() {
                take(entry);
            }
        };
        Ok(each_record(
            &*self.store,
            spaces::IDENTITY_RECORDS,
            |_| true,
            take,
        )?)
    }

    /// Learns a model from the records, without labels; it is not used before it is configured.
    pub(crate) fn identity_train(&self) -> Answer {
        // Training learns of what the model sees, and a record may be no more than a contact point to it.
        let seen = |entry: &RecordEntry| {
            let person = self.scorer.matched(&entry.key.source, &entry.person);
            (!person.is_contact_point()).then(|| person.into_owned())
        };
        let mut count = 0;
        self.each_person(|entry| count += usize::from(seen(&entry).is_some()))?;
        let every = count.div_ceil(TRAINING_RECORDS_MAX).max(1);
        let (mut at, mut records): (usize, Vec<StandardPerson>) = (0, Vec::new());
        self.each_person(|entry| {
            if let Some(person) = seen(&entry) {
                if at.is_multiple_of(every) {
                    records.push(person);
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
            let prepared = engine.prepare(&entry.key.source, entry.person);
            engine.upsert(&mut store, &entry.key, prepared, version);
        })?;
        let mut said: Vec<(u64, PairStatements)> = Vec::new();
        let all = |_| true;
        each_record(
            &*self.store,
            spaces::IDENTITY_DECISIONS,
            all,
            |a, pairs: Vec<_>| {
                // A pair is kept with both its records.
                let once = pairs.into_iter().filter(|pair: &PairStatements| pair.other.0 > a);
                said.extend(once.map(|pair| (a, pair)));
            },
        )?;
        for (a, pair) in said {
            if let (Some(a), Some(b)) = (self.entry(a)?, self.entry(pair.other.0)?) {
                engine.restate(&mut store, &a.key, &b.key, &pair);
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
