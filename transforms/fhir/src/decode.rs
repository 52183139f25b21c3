//! The entry point: a payload into a reading, entry by entry.

use crate::bundle::{Bundle, Entry};
use crate::datatype::instant;
use crate::document::{Document, Place, Slot};
use crate::envelope::{Envelope, RawEntry};
use crate::node::Node;
use crate::output::{Output, Owner};
use crate::r4_type;
use crate::reference::parse_literal;
use crate::repair::without_lone_surrogates;
use crate::resource::{self, Resource};
use panorama_model::{
    DecodeContext, IdentityEvent, IdentityEventKind, Issue, Reading, RecordKind, Timestamp, Version, Zone,
};
use std::borrow::Cow;

/// Reads one FHIR R4 payload: a Bundle of any type, or one resource.
///
/// - Shape: one JSON object -> records per Patient, RelatedPerson and Provider (NPI), facts on the record their subject
///   names, identity events of `Patient.link` and of deletions, issues located as `entry[3].resource.birthDate`.
/// - Units: times are UTC; a date without time is its midnight UTC, a time without zone is in the site's zone.
/// - Nulls: resources are snapshots (`complete`), except rows of `provider_360`, which several resources make together.
/// - Spec: FHIR R4 (4.0.1) json, bundle, references; US Core for extensions.
pub fn decode(payload: &[u8], ctx: &DecodeContext<'_>) -> Reading {
    let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
    let json = match std::str::from_utf8(payload) {
        Ok(json) => json,
        Err(error) => {
            let at = error.valid_up_to();
            return Reading::unreadable(
                "encoding_invalid",
                format!("byte {at}"),
                format!("not UTF-8 from byte {at}; FHIR JSON is always UTF-8: convert the file"),
            );
        }
    };
    let envelope: Envelope<'_> = match serde_json::from_str(json) {
        Ok(envelope) => envelope,
        Err(error) => return not_json(json, &error),
    };
    if !envelope.is_object {
        let reason = "the JSON value is no object; a FHIR resource is one";
        return Reading::unreadable("not_an_object", "line 1", reason);
    }
    let Some(type_name) = envelope.resource_type.clone() else {
        let reason = "the object has no resourceType; is this source FHIR?";
        return Reading::unreadable("resource_type_missing", "resourceType", reason);
    };
    let kind = r4_type::known(&type_name).unwrap_or("unknown");
    if kind == "Bundle" {
        let mut output = Output::new(ctx.source);
        read_bundle(envelope, ctx.zone, None, 0, &mut output);
        Reading::Read(output.finish(kind))
    } else {
        read_single(json, kind, ctx)
    }
}

/// Where the JSON breaks, in numbers only: the text around it may be patient data (INV-8).
fn not_json(json: &str, error: &serde_json::Error) -> Reading {
    let (line, column) = (error.line(), error.column());
    let before: usize = json
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let byte = before.saturating_add(column).min(json.len());
    let location = format!("line {line}, column {column}");
    if error.is_eof() {
        let reason = format!(
            "the JSON ends too early, at byte {byte} (line {line}, column {column}); was the transfer cut?"
        );
        return Reading::unreadable("json_truncated", location, reason);
    }
    let reason = format!("not valid JSON at line {line}, column {column} (byte {byte})");
    Reading::unreadable("json_invalid", location, reason)
}

fn read_single(json: &str, kind: &'static str, ctx: &DecodeContext<'_>) -> Reading {
    let entry = RawEntry {
        resource: Some(json.trim()),
        ..RawEntry::default()
    };
    let bundle = Bundle::new(ctx.zone, None, vec![entry], |_| Place::Whole(kind));
    let mut output = Output::new(ctx.source);
    read_entries(&bundle, 0, &mut output);
    Reading::Read(output.finish(kind))
}

/// Reads a bundle, `depth` bundles deep in others; the innermost timestamp holds.
fn read_bundle(
    envelope: Envelope<'_>,
    zone: Option<&Zone>,
    outer_said_at: Option<Timestamp>,
    depth: u8,
    output: &mut Output,
) {
    if envelope.entries.malformed {
        output.issues.push(Issue::error("type_invalid", "entry"));
    }
    let said_at = envelope.timestamp.as_deref().and_then(|text| {
        let instant = instant(text, zone);
        if instant.is_none() {
            output.issues.push(Issue::error("date_invalid", "timestamp"));
        }
        instant.map(|(at, _)| at)
    });
    let said_at = said_at.or(outer_said_at);
    let bundle = Bundle::new(zone, said_at, envelope.entries.list, Place::Entry);
    read_entries(&bundle, depth, output);
}

/// Bundles in bundles (batch responses of searches) are read this deep: each level is scanned once more.
const DEPTH_MAX: u8 = 4;

/// Reads a bundle that is a resource of another; its issues are located below that entry.
fn read_nested(bundle: &Bundle<'_>, place: Place, json: &str, depth: u8, output: &mut Output) {
    let envelope = serde_json::from_str::<Envelope<'_>>(json).ok();
    let Some(envelope) = envelope.filter(|_| depth < DEPTH_MAX) else {
        output
            .issues
            .push(Issue::error("resource_unreadable", place.path()));
        return;
    };
    let before = output.issues.len();
    read_bundle(envelope, bundle.zone, bundle.said_at, depth + 1, output);
    for issue in output.issues.iter_mut().skip(before) {
        issue.location = format!("{}.{}", place.path(), issue.location).into();
    }
}

fn read_entries(bundle: &Bundle<'_>, depth: u8, output: &mut Output) {
    let mut slots = Vec::new();
    for (index, entry) in bundle.entries.iter().enumerate() {
        let is_delete = entry.raw.method.as_deref() == Some("DELETE");
        if entry.raw.malformed {
            output
                .issues
                .push(Issue::error("type_invalid", format!("entry[{index}]")));
        } else if is_delete {
            delete(bundle, entry, index, output);
        } else if let (Some(json), Some("Bundle")) = (entry.raw.resource, entry.type_name.as_deref()) {
            read_nested(bundle, entry.place, json, depth, output);
        } else if let Some(json) = entry.raw.resource {
            slots = read_resource(bundle, entry, json, None, slots, output);
        } else {
            output
                .issues
                .push(Issue::information("entry_empty", format!("entry[{index}]")));
        }
    }
}

/// Reads one resource; where `deleted_at` is given, what it says is undone.
fn read_resource<'a>(
    bundle: &'a Bundle<'a>,
    entry: &'a Entry<'a>,
    json: &'a str,
    deleted_at: Option<Version>,
    slots: Vec<Slot<'a>>,
    output: &mut Output,
) -> Vec<Slot<'a>> {
    let reader = match entry.type_name.as_deref() {
        None => Err(Issue::error("resource_type_missing", entry.place.path())),
        Some(name) => resource::reader(name).ok_or_else(|| unmapped(name, entry.place)),
    };
    let reader = match reader {
        Ok(reader) => reader,
        Err(issue) => {
            output.issues.push(issue);
            return slots;
        }
    };
    if let Some(document) = Document::read(json, entry.place, bundle.zone, slots) {
        let root = Node::root(&document);
        let resource = Resource::new(root, entry.id.as_deref(), json, bundle, reader, deleted_at);
        (reader.read)(&resource, output);
        let (slots, mut issues) = document.into_parts();
        output.issues.append(&mut issues);
        return slots;
    }
    let read_again = |json: String| {
        let document = Document::read(&json, entry.place, bundle.zone, Vec::new())?;
        let root = Node::root(&document);
        let resource = Resource::new(root, entry.id.as_deref(), &json, bundle, reader, deleted_at);
        (reader.read)(&resource, output);
        output.issues.append(&mut document.into_parts().1);
        Some(())
    };
    let issue = match without_lone_surrogates(json).and_then(read_again) {
        Some(()) => Issue::warning("text_mended", entry.place.path()),
        None => Issue::error("resource_unreadable", entry.place.path()),
    };
    output.issues.push(issue);
    Vec::new()
}

fn unmapped(type_name: &str, place: Place) -> Issue {
    if r4_type::known(type_name).is_some() {
        Issue::information("resource_unmapped", place.path())
    } else {
        Issue::warning("resource_type_unknown", place.path())
    }
}

/// A `DELETE` entry: of a Patient an identity event, of anything else its facts undone.
///
/// The request names a type and an id only. Whose fact it was is told by another version of the resource in the same
/// bundle, as history bundles have it; where there is none, an issue says so.
fn delete<'a>(bundle: &'a Bundle<'a>, entry: &'a Entry<'a>, index: usize, output: &mut Output) {
    let at = |path: &str| format!("entry[{index}].{path}");
    let target = match entry.raw.url.as_deref() {
        Some(url) if url.contains('?') => None,
        Some(url) => parse_literal(url),
        None => None,
    };
    let from_resource = || Some((entry.type_name.as_deref()?, entry.id.as_deref()?));
    let from_full_url = || parse_literal(entry.raw.full_url.as_deref()?);
    let Some((type_name, id)) = target.or_else(from_resource).or_else(from_full_url) else {
        output
            .issues
            .push(Issue::error("delete_target_unknown", at("request.url")));
        return;
    };
    let version = deletion_version(bundle, entry, type_name, id);
    if version.at == Timestamp(0) {
        output
            .issues
            .push(Issue::warning("delete_time_missing", at("response.lastModified")));
    }
    let kind = match type_name {
        "Patient" => Some(RecordKind::Patient),
        "RelatedPerson" => Some(RecordKind::RelatedPerson),
        _ => None,
    };
    if let Some(kind) = kind {
        let key = output.key(Owner { kind, id });
        output.identity_events.push(IdentityEvent {
            kind: IdentityEventKind::Delete,
            subject: key.clone(),
            other: key,
            version,
        });
        return;
    }
    if resource::reader(type_name).is_none() {
        output
            .issues
            .push(Issue::information("resource_unmapped", at("request.url")));
        return;
    }
    let known = bundle
        .by_name(type_name, id)
        .and_then(|index| bundle.entry(index));
    let Some((known, json)) = known.and_then(|e| Some((e, e.raw.resource?))) else {
        output
            .issues
            .push(Issue::error("reference_unresolved", at("request.url")));
        return;
    };
    read_resource(bundle, known, json, Some(version), Vec::new(), output);
}

fn deletion_version(bundle: &Bundle<'_>, entry: &Entry<'_>, type_name: &str, id: &str) -> Version {
    let last_modified = entry.raw.last_modified.as_deref();
    let at = last_modified
        .and_then(|text| instant(text, bundle.zone))
        .map(|(at, _)| at)
        .or(bundle.said_at)
        .unwrap_or_default();
    let statement: Cow<'_, str> = format!("DELETE {type_name}/{id}").into();
    // After any numbered version of the same instant.
    Version::new(at, u64::MAX, statement.as_bytes())
}
