//! OBR: what was ordered or observed (HL7 v2.5 4.5.3). The panel that the OBX after it belong to; in an order message, a
//! request of its own.

use crate::cell::SetPart;
use crate::datatype::{coded, provider};
use crate::order::Panel;
use crate::patient::Again;
use crate::reader::{Reader, join_id};
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Presence, fact::referrals as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, obr: Segment<'m>) {
    let observed_at = reader.time(obr, 7);
    let issued_at = reader.time(obr, 22);
    let [placer, filler] = [2, 3].map(|number| obr.first(number));
    reader.order.panel = Panel {
        number: filler.or(placer).or(reader.order.number()),
        code: coded(obr.field(4).first(), "LN"),
        observed: obr.first(7),
        observed_at,
        issued_at,
        status: obr.first(25),
        category: category(obr.first_raw(24)),
        present: true,
    };
    reader.end_note();
    reader.detailed = None;
    if reader.requests_services {
        request(reader, obr);
    }
}

/// OBR-24, HL7 table 0074.
fn category(section: &str) -> Option<&'static str> {
    Some(match section {
        "LAB" | "CH" | "HM" | "MB" | "MCB" | "MYC" | "VR" | "IMM" | "SP" | "CP" | "BLB" | "TX" | "SR"
        | "CG" | "GE" | "PAT" | "PTH" => "laboratory",
        "RAD" | "RX" | "CT" | "NMR" | "MRI" | "CUS" | "OUS" | "RUS" | "VUS" | "NMS" | "XRC" | "NRS" => {
            "imaging"
        }
        _ => return None,
    })
}

/// A request for the service of OBR-4.
fn request<'m>(reader: &mut Reader<'m>, obr: Segment<'m>) {
    let placer = obr.first(2).or(reader.order.placer);
    let filler = obr.first(3).or(reader.order.filler);
    let code = reader.order.panel.code;
    let what = code.code_or_display().content();
    let id = match placer.or(filler).value() {
        Some(number) => join_id(&mut reader.buffer, [&*number, &*what].into_iter()),
        None => {
            let observed = reader.order.panel.observed.content();
            reader.patient_scoped_id(&[&what, &observed])
        }
    };
    let requested_at = reader.time(obr, 6);
    let orderer = provider(obr.field(16)).id.or(reader.order.orderer.id);
    let mut fact = Fact::new(FactTable::Referrals, id, reader.version);
    let row = &mut fact.row;
    row.set_part(table::EXTERNAL_ID, filler);
    row.set_part(table::REFERRING_NPI, orderer);
    row.set_part(table::CODE, code.code);
    row.set_part(table::CODE_SYSTEM, code.system);
    row.set_part(table::DISPLAY, code.display);
    row.set_some(table::PRIORITY, priority(obr.first_raw(5)));
    row.set_some(table::STATUS, request_status(reader));
    let laboratory = reader.message_type == "OML";
    row.set_some(
        table::CATEGORY,
        reader.order.panel.category.or(laboratory.then_some("laboratory")),
    );
    row.set_part(table::REASON, coded(obr.field(31).first(), "").display_or_code());
    let ordered_at: Presence<_> = reader.order.ordered_at.or(requested_at).into();
    row.set_presence(table::ORDERED_AT, ordered_at);
    let at = reader.add(fact, Again::Same);
    reader.detailed = Some((FactTable::Referrals, at));
}

/// A request that was stopped or cancelled is revoked (FHIR R4 request-status).
fn request_status(reader: &Reader<'_>) -> Option<&'static str> {
    reader.order.request_status().map(|status| match status {
        "cancelled" | "stopped" => "revoked",
        other => other,
    })
}

/// HL7 tables 0027, 0280, 0485 as FHIR R4 request-priority.
pub(super) fn priority(code: &str) -> Option<&'static str> {
    Some(match code {
        "S" => "stat",
        "A" => "asap",
        "R" => "routine",
        "U" | "P" => "urgent",
        _ => return None,
    })
}
