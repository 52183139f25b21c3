//! The operator's calls: what the pipeline knows, why, and what to do again. Read from committed state.

use crate::meta::{Meta, read_positions};
use crate::records::{RecordState, link_probability, read_numbered, read_person, read_record};
use crate::{quarantined, spaces, table_number, topic_of};
use panorama_api::{Bus, ConnectorError, StateStore};
use panorama_identity::{Membership, Scorer};
use panorama_model::{PersonId, RecordKind, Row, SourceRecordKey, Text, Timestamp, Value as Cell};
use panorama_runtime::each_numbered;
use panorama_tables::table::quarantine;
use panorama_unify::record_name;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Why a call cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The call is not one of ours, or lacks something.
    #[error("{0}")]
    Request(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// State or log cannot be read.
    #[error("{error}", error = chain(.0))]
    Connector(#[from] ConnectorError),
}

fn chain(error: &ConnectorError) -> String {
    format!("{error}: {}", error.cause)
}

pub(crate) type Answer = Result<Value, AdminError>;

/// Answers operator calls over a pipeline's log and state.
pub struct Admin {
    /// The pipeline's name.
    pub name: String,
    /// Source ids and the formats they send.
    pub sources: Vec<(Text, Text)>,
    /// Raw messages.
    pub bus: Arc<dyn Bus>,
    /// State.
    pub store: Arc<dyn StateStore>,
    /// How identities are matched.
    pub scorer: Arc<Scorer>,
    /// Where the bus's futures run.
    pub runtime: Handle,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Admin {
    /// Answers a call: `{"op": NAME, ...}`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn call(&self, request: &Value) -> Answer {
        let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("op") {
            "status" => self.status(),
            "quarantine_list" => {
                let limit = request.get("limit").and_then(Value::as_u64).unwrap_or(50);
                self.quarantine_list(usize::try_from(limit).unwrap_or(usize::MAX))
            }
            "quarantine_show" => self.quarantine_show(text("id")),
            "quarantine_replay" => self.quarantine_replay(request),
            "identity_explain" => self.identity_explain(text("a"), text("b")),
            "identity_show" => self.identity_show(text("of")),
            "identity_cms" => self.identity_cms(request),
            "identity_train" => self.identity_train(),
            "identity_compare" => self.identity_compare(request),
            "review_list" => {
                let limit = request.get("limit").and_then(Value::as_u64).unwrap_or(50);
                self.review_list(usize::try_from(limit).unwrap_or(usize::MAX))
            }
            "review_decide" => self.review_decide(text("id"), text("verdict"), text("by"), text("note")),
            "identity_decide" => {
                self.identity_decide(text("a"), text("b"), text("verdict"), text("by"), text("note"))
            }
            other => Err(AdminError::Request(format!("no such call: {other:?}"))),
        }
    }

    fn status(&self) -> Answer {
        let meta = Meta::read(&*self.store)?;
        let positions = read_positions(&*self.store)?;
        let mut sources = Vec::new();
        for (source, format) in &self.sources {
            let topic = topic_of(source);
            let ends = (0..).map_while(|partition| self.bus.bounds(&topic, partition).ok());
            let stored: u64 = ends.map(|(_, end)| end).sum();
            let of_topic = positions.iter().filter(|((of, _), _)| *of == topic);
            let processed: u64 = of_topic.map(|(_, next)| next).sum();
            sources.push(json!({
                "source": source.as_str(), "format": format.as_str(), "stored": stored, "processed": processed,
                "lag": stored.saturating_sub(processed),
            }));
        }
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        self.each_quarantined(|_, row| {
            let text = |column| row.text(column).unwrap_or_default().to_owned();
            if row.text(quarantine::STATUS) == Some("open") {
                *counts
                    .entry((text(quarantine::SOURCE), text(quarantine::REASON_CODE)))
                    .or_default() += 1;
            }
        })?;
        let quarantined: Vec<Value> = counts
            .into_iter()
            .map(|((source, reason), count)| json!({"source": source, "reason": reason, "count": count}))
            .collect();
        Ok(json!({
            "name": self.name, "epoch": meta.epoch, "persons": meta.persons, "source_records": meta.next_record,
            "messages_decoded": meta.decoded, "messages_quarantined": meta.quarantined,
            "published_epoch": meta.publication.epoch, "published": meta.publication.done,
            "state_bytes": self.store.bytes(), "sources": sources, "quarantine": quarantined,
        }))
    }

    fn each_quarantined(&self, mut take: impl FnMut(&[u8], &Row)) -> Result<(), AdminError> {
        self.store
            .scan_prefix(spaces::ROWS, &[table_number::QUARANTINE], &mut |key, value| {
                let rows: Vec<Row> = postcard::from_bytes(value).unwrap_or_default();
                for row in &rows {
                    take(key, row);
                }
                ControlFlow::Continue(())
            })?;
        Ok(())
    }

    fn quarantine_list(&self, limit: usize) -> Answer {
        let mut entries = Vec::new();
        self.each_quarantined(|_, row| {
            if entries.len() < limit {
                entries.push(quarantine_json(row));
            }
        })?;
        Ok(Value::Array(entries))
    }

    fn quarantine_show(&self, id: &str) -> Answer {
        let mut found = None;
        self.each_quarantined(|_, row| {
            if row.text(quarantine::QUARANTINE_ID) == Some(id) {
                let mut entry = quarantine_json(row);
                if let (Some(Cell::Bytes(bytes)), Some(object)) =
                    (row.get(quarantine::PAYLOAD), entry.as_object_mut())
                {
                    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                    object.insert("payload_hex".to_owned(), hex.into());
                }
                found = Some(entry);
            }
        })?;
        found.ok_or_else(|| {
            AdminError::NotFound(format!(
                "no quarantine entry {id}; `quarantine list` shows what there is"
            ))
        })
    }

    /// Puts messages back at the end of their topic, marked as replays. The entry is closed when the pipeline reads the
    /// mark, in the same epoch as the message itself (INV-4).
    fn quarantine_replay(&self, request: &Value) -> Answer {
        let all = request.get("all").and_then(Value::as_bool).unwrap_or(false);
        let ids: Vec<&str> = request
            .get("ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut chosen: Vec<Row> = Vec::new();
        self.each_quarantined(|_, row| {
            let open = row.text(quarantine::STATUS) == Some("open");
            let id = row.text(quarantine::QUARANTINE_ID).unwrap_or_default();
            if open && (all || ids.contains(&id)) {
                chosen.push(row.clone());
            }
        })?;
        let is_chosen = |id: &str| {
            chosen
                .iter()
                .any(|row| row.text(quarantine::QUARANTINE_ID) == Some(id))
        };
        if let Some(missing) = ids.iter().find(|id| !is_chosen(id)) {
            return Err(AdminError::NotFound(format!(
                "no open quarantine entry {missing}"
            )));
        }
        for row in &chosen {
            if let Some(message) = quarantined::replay(row, (self.now)()) {
                let topic = row.text(quarantine::TOPIC).unwrap_or_default();
                self.runtime
                    .block_on(self.bus.append(topic, 0, vec![message], None))?;
            }
        }
        Ok(json!({"replayed": chosen.len()}))
    }

    fn identity_show(&self, of: &str) -> Answer {
        let person = match PersonId::parse(of) {
            Some(person) => person,
            None => {
                let (number, _) = self.find_record(of)?;
                self.person_of(number)?
                    .ok_or_else(|| AdminError::NotFound(format!("{of} belongs to no person")))?
            }
        };
        let entry = read_person(&*self.store, person)?
            .ok_or_else(|| AdminError::NotFound(format!("no person {person}")))?;
        let mut members = Vec::new();
        for number in &entry.members {
            if let Some(record) = read_record(&*self.store, *number)? {
                members.push(json!({
                    "record": record_name(&record.key).as_str(),
                    "first_seen_at": record.first_seen_at.to_string(),
                    "link_probability": link_probability(&*self.store, *number, &entry.members)?,
                }));
            }
        }
        let mut history = Vec::new();
        let id = person.to_string();
        self.store
            .scan_prefix(spaces::ROWS, &[table_number::IDENTITY_EVENTS], &mut |_, value| {
                use panorama_tables::table::identity_events as event;
                let rows: Vec<Row> = postcard::from_bytes(value).unwrap_or_default();
                for row in rows {
                    let concerns = [event::PERSON_ID, event::OTHER_PERSON_ID]
                        .iter()
                        .any(|c| row.text(*c) == Some(id.as_str()));
                    if concerns {
                        history.push(row_json(&row, "identity_events"));
                    }
                }
                ControlFlow::Continue(())
            })?;
        history.sort_by_key(|e| {
            e.get("occurred_at")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        });
        Ok(json!({"person_id": person.to_string(), "members": members, "history": history}))
    }

    pub(crate) fn person_of(&self, number: u64) -> Result<Option<PersonId>, AdminError> {
        let membership: Option<Membership> =
            read_numbered(&*self.store, spaces::IDENTITY_MEMBERSHIPS, number)?;
        Ok(membership.map(|m| m.person))
    }

    /// The record of a name: `source/id`, `source/authority/id`, `source/kind/id` or `source/kind/authority/id`.
    pub(crate) fn find_record(&self, name: &str) -> Result<(u64, RecordState), AdminError> {
        for key in keys_of(name) {
            let number = self
                .store
                .get(spaces::RECORD_NUMBERS, &key.hash128().to_be_bytes())?;
            if let Some(number) = number.and_then(|b| postcard::from_bytes::<u64>(&b).ok())
                && let Some(record) = read_record(&*self.store, number)?
            {
                return Ok((number, record));
            }
        }
        // A name without its authority: look through all records.
        let (source, id) = name.split_once('/').unwrap_or(("", name));
        let mut found = None;
        each_numbered(&*self.store, spaces::RECORDS, &mut |number, value| {
            let record: Option<RecordState> = postcard::from_bytes(value).ok();
            let is_meant = |r: &RecordState| r.key.id == id && (source.is_empty() || r.key.source == source);
            match record.filter(is_meant) {
                Some(record) => {
                    found = Some((number, record));
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            }
        })?;
        found.ok_or_else(|| {
            AdminError::NotFound("no such record; name it as source/id, for example crm/C-77".to_owned())
        })
    }
}

const KINDS: [RecordKind; 6] = [
    RecordKind::Patient,
    RecordKind::Contact,
    RecordKind::Caller,
    RecordKind::Subscriber,
    RecordKind::Visitor,
    RecordKind::RelatedPerson,
];

fn keys_of(name: &str) -> Vec<SourceRecordKey> {
    let kind_named = |word: &str| KINDS.into_iter().find(|k| k.name() == word);
    let parts: Vec<&str> = name.split('/').collect();
    let each = |source: &str, authority: &str, id: &str| {
        KINDS
            .map(|kind| SourceRecordKey::new(source, kind, id).with_authority(authority))
            .to_vec()
    };
    match parts.as_slice() {
        [source, id] => each(source, "", id),
        [source, word, id] => match kind_named(word) {
            Some(kind) => vec![SourceRecordKey::new(*source, kind, *id)],
            None => each(source, word, id),
        },
        [source, word, authority, id] => kind_named(word)
            .map(|kind| SourceRecordKey::new(*source, kind, *id).with_authority(*authority))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn quarantine_json(row: &Row) -> Value {
    let mut entry = row_json(row, "quarantine");
    if let Some(object) = entry.as_object_mut() {
        object.remove("payload");
    }
    entry
}

/// A kept row as JSON, by column name.
pub(crate) fn row_json(row: &Row, table: &str) -> Value {
    let columns = panorama_tables::find(table).map_or(&[][..], |d| d.columns.as_slice());
    let mut object = serde_json::Map::new();
    for (index, cell) in row.cells() {
        if let Some(column) = columns.get(usize::from(index)) {
            object.insert(column.name.to_owned(), cell_json(cell));
        }
    }
    Value::Object(object)
}

fn cell_json(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Int(n) => n.into(),
        Cell::Float(n) => n.into(),
        Cell::Bool(b) => b.into(),
        Cell::Time(at) => at.to_string().into(),
        Cell::Date(day) => day.to_string().into(),
        Cell::List(items) => items.iter().map(Text::as_str).collect(),
        Cell::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(k, v)| (k.to_string(), v.as_str().into()))
                .collect(),
        ),
        Cell::Bytes(bytes) => bytes.len().into(),
    }
}
