//! The steward's calls: what is in doubt, and decisions about it. A decision is a message in the log: durable when this
//! returns, in force once the pipeline has read it, and read again wherever the log is (INV-3, INV-4).

use crate::admin::{Admin, AdminError, Answer, row_json};
use crate::rows::each_review;
use crate::topic_of;
use panorama_api::NewMessage;
use panorama_model::{RecordKind, Row, SourceRecordKey, StewardDecision, StewardVerdict, Text, Version};
use panorama_stewardship as stewardship;
use panorama_tables::table::match_review as column;
use serde_json::{Value, json};
use std::sync::Arc;

impl Admin {
    /// The open pairs, worst consequence first: a wrong word about two patients mixes two charts, so pairs of patients
    /// stand before all others, and among them the likeliest, which a glance settles.
    pub(crate) fn review_list(&self, limit: usize) -> Answer {
        let mut open: Vec<Row> = Vec::new();
        each_review(&*self.store, |row| {
            if row.text(column::STATUS) == Some("open") {
                open.push(row);
            }
        })?;
        let patients = |row: &Row| {
            let is_patient = |name: Option<&str>| {
                let kind = name.and_then(|name| name.split('/').nth(1));
                kind == Some(RecordKind::Patient.name())
            };
            is_patient(row.text(column::RECORD_A)) && is_patient(row.text(column::RECORD_B))
        };
        let weight = |row: &Row| match row.get(column::MATCH_WEIGHT) {
            Some(panorama_model::Value::Float(weight)) => weight,
            _ => f64::MIN,
        };
        open.sort_by(|a, b| {
            patients(b)
                .cmp(&patients(a))
                .then_with(|| weight(b).total_cmp(&weight(a)))
        });
        let total = open.len();
        let rows: Vec<Value> = open
            .iter()
            .take(limit)
            .map(|row| row_json(row, "match_review"))
            .collect();
        Ok(json!({"open": total, "reviews": rows}))
    }

    /// Decides an open pair by its id.
    pub(crate) fn review_decide(&self, id: &str, verdict: &str, by: &str, note: &str) -> Answer {
        let mut found = None;
        each_review(&*self.store, |row| {
            if row.text(column::REVIEW_ID) == Some(id) {
                found = Some(row);
            }
        })?;
        let row = found.ok_or_else(|| {
            AdminError::NotFound(format!(
                "no doubtful pair {id}; `identity review list` shows them"
            ))
        })?;
        let name = |column| row.text(column).unwrap_or_default().to_owned();
        self.identity_decide(
            &name(column::RECORD_A),
            &name(column::RECORD_B),
            verdict,
            by,
            note,
        )
    }

    /// Puts a decision about two records into the log.
    pub(crate) fn identity_decide(&self, a: &str, b: &str, verdict: &str, by: &str, note: &str) -> Answer {
        let verdict: StewardVerdict = serde_json::from_value(verdict.into())
            .map_err(|_| AdminError::Request("the verdict is match, no-match or withdrawn".to_owned()))?;
        if by.trim().is_empty() {
            return Err(AdminError::Request("say who decides: --by NAME".to_owned()));
        }
        let named = |name: &str, which: &str| {
            let found = self.find_record(name);
            found.map_err(|error| match error {
                AdminError::NotFound(words) => AdminError::NotFound(format!("the {which} record: {words}")),
                other => other,
            })
        };
        let (_, a) = named(a, "first")?;
        let (_, b) = named(b, "second")?;
        if a.key == b.key {
            return Err(AdminError::Request(
                "these are one and the same record".to_owned(),
            ));
        }
        self.put_decision(a.key, b.key, verdict, by, note)?;
        Ok(json!({"decided": 1, "verdict": verdict, "by": by}))
    }

    fn put_decision(
        &self,
        a: SourceRecordKey,
        b: SourceRecordKey,
        verdict: StewardVerdict,
        by: &str,
        note: &str,
    ) -> Result<(), AdminError> {
        let now = (self.now)();
        let decision = StewardDecision {
            a,
            b,
            verdict,
            by: by.into(),
            note: note.into(),
            version: Version::new(now, 0, b""),
        };
        let message = NewMessage {
            received_at: now,
            payload: stewardship::encode(&decision).into(),
            headers: Arc::new(Vec::<(Text, Vec<u8>)>::new()),
            dedupe: None,
        };
        let topic = topic_of(stewardship::SOURCE);
        self.runtime.block_on(async {
            self.bus.ensure_topic(&topic, 1).await?;
            self.bus.append(&topic, 0, vec![message], None).await
        })?;
        Ok(())
    }
}
