//! TXA: a document (HL7 v2.5 9.7.1); its OBX hold the content, of which only kind and size are told.

use crate::cell::SetPart;
use crate::datatype::{coded, provider};
use crate::patient::Again;
use crate::reader::Reader;
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Text, Value, fact::documents as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, txa: Segment<'m>) {
    let effect = reader.document;
    let [id, universal_id] = [1, 3].map(|number| txa.field(12).component(number));
    let id = id.or(universal_id).text().unwrap_or_else(|| reader.message_id());
    let parent = txa.first(13).text();
    let written_at = [4, 6, 7].into_iter().find_map(|field| reader.time(txa, field));
    let kind = coded(txa.field(2).first(), "LN");
    let availability = txa.first(19).text();
    let mut fact = Fact::new(FactTable::Documents, id.clone(), reader.version);
    fact.deleted = effect.deleted || availability.as_deref() == Some("CA");
    let status = match availability.as_deref() {
        Some("CA") => Some("entered-in-error"),
        Some("OB") => Some("superseded"),
        _ => effect.status,
    };
    let row = &mut fact.row;
    row.set_part(table::TYPE_CODE, kind.code);
    row.set_part(table::TYPE_DISPLAY, kind.display);
    row.set_some(table::STATUS, status);
    row.set_some(
        table::DOCUMENT_STATUS,
        completion(txa.first_raw(17), effect.amended),
    );
    row.set_some(table::AVAILABILITY, availability);
    row.set(table::CREATED_AT, written_at.unwrap_or(reader.version.at));
    let [author, originator] = [9, 5].map(|field| provider(txa.field(field)).id);
    row.set_part(table::AUTHOR_NPI, author.or(originator));
    row.set_part(table::TITLE, txa.field(25).or(txa.field(16)));
    row.set_some(table::REPLACES, parent.clone().filter(|_| effect.replaces_parent));
    let at = reader.add(fact, Again::Same);
    reader.detailed = Some((FactTable::Documents, at));
    if let Some(parent) = parent.filter(|parent| effect.replaces_parent && *parent != id) {
        let mut replaced = Fact::new(FactTable::Documents, parent, reader.version);
        replaced.row.set(table::STATUS, "superseded");
        reader.add(replaced, Again::Same);
    }
}

/// TXA-17, HL7 table 0271.
fn completion(code: &str, amended: bool) -> Option<&'static str> {
    Some(match code {
        "AU" | "LA" if amended => "amended",
        "AU" | "LA" => "final",
        "DI" | "DO" | "IN" | "IP" | "PA" => "preliminary",
        _ if amended => "amended",
        _ => return None,
    })
}

/// Counts an OBX of running text or an attachment as content of the document before it; false for a result.
pub(super) fn content<'m>(reader: &mut Reader<'m>, obx: Segment<'m>, value_type: &str) -> bool {
    let Some((FactTable::Documents, at)) = reader.detailed else {
        return false;
    };
    let field = obx.field(5);
    let (kind, url, size) = match value_type {
        "TX" | "FT" | "ST" => (Some(Text::new_static("text/plain")), None, field.raw().len()),
        "ED" => {
            let [_source, kind, subtype, encoding, data] = field.first().first_components::<5>();
            let length = data.raw().len();
            let base64 = encoding.raw().eq_ignore_ascii_case("base64");
            (
                media_type(&kind.text(), &subtype.text()),
                None,
                if base64 { length / 4 * 3 } else { length },
            )
        }
        "RP" => {
            let [pointer, _application, kind, subtype] = field.first().first_components::<4>();
            (media_type(&kind.text(), &subtype.text()), pointer.text(), 0)
        }
        _ => return false,
    };
    if let Some(row) = reader.fact_row(at) {
        row.set_some(table::CONTENT_TYPE, kind);
        row.set_some(table::CONTENT_URL, url);
        let before = row.get(table::CONTENT_BYTES).and_then(Value::as_int).unwrap_or(0);
        row.set(
            table::CONTENT_BYTES,
            before.saturating_add(i64::try_from(size).unwrap_or(i64::MAX)),
        );
    }
    true
}

/// ED.2 and ED.3 (HL7 tables 0834, 0291) as a media type.
fn media_type(kind: &Option<Text>, subtype: &Option<Text>) -> Option<Text> {
    let kind = kind.as_deref()?.to_ascii_lowercase();
    let subtype = subtype.as_deref().unwrap_or_default().to_ascii_lowercase();
    let top = match kind.as_str() {
        "ap" | "application" => "application",
        "au" | "audio" => "audio",
        "im" | "image" => "image",
        "tx" | "text" | "ft" => "text",
        "multipart" => "multipart",
        _ => return Some(Text::from(kind)),
    };
    let sub = match subtype.as_str() {
        "" => "octet-stream",
        "octet-stream" | "octet stream" => "octet-stream",
        other => other,
    };
    Some(Text::from(format!("{top}/{sub}")))
}
