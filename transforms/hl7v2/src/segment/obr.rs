//! OBR: what was ordered or observed (HL7 v2.5 4.5.3). The panel that the OBX after it belong to; in an order message, a
//! request of its own.

use crate::datatype::{coded, provider_id};
use crate::order::Panel;
use crate::patient::Again;
use crate::reader::{Reader, join_id};
use crate::syntax::Segment;
use panorama_model::{Fact, FactTable, Presence, fact::referrals as table};

pub(super) fn read<'m>(reader: &mut Reader<'m>, obr: Segment<'m>) {
    let observed_at = reader.time(obr, 7);
    let issued_at = reader.time(obr, 22);
    let order_number = || {
        obr.field(3)
            .component(1)
            .text()
            .or_else(|| obr.field(2).component(1).text())
    };
    reader.order.panel = Panel {
        number: order_number().or_else(|| reader.order.number().map(Into::into)),
        code: coded(obr.field(4).first(), "LN"),
        observed: obr.field(7).component(1).text().unwrap_or_default(),
        observed_at,
        issued_at,
        status: obr.field(25).component(1).text().unwrap_or_default(),
        category: category(obr.field(24).component(1).raw()),
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
    let placer = obr
        .field(2)
        .component(1)
        .text()
        .or_else(|| reader.order.placer.clone());
    let filler = obr
        .field(3)
        .component(1)
        .text()
        .or_else(|| reader.order.filler.clone());
    let code = reader.order.panel.code.clone();
    let what = code.code_or_display().cloned().unwrap_or_default();
    let id = match placer.as_ref().or(filler.as_ref()) {
        Some(number) => join_id(&mut reader.buffer, [number.as_str(), what.as_str()].into_iter()),
        None => {
            let observed = reader.order.panel.observed.clone();
            reader.patient_scoped_id(&[&what, &observed])
        }
    };
    let requested_at = reader.time(obr, 6);
    let orderer = provider_id(obr.field(16).repetitions()).or_else(|| reader.order.orderer.id.clone());
    let mut fact = Fact::new(FactTable::Referrals, id, reader.version);
    let row = &mut fact.row;
    row.set_some(table::EXTERNAL_ID, filler);
    row.set_some(table::REFERRING_NPI, orderer);
    row.set_some(table::CODE, code.code);
    row.set_some(table::CODE_SYSTEM, code.system);
    row.set_some(table::DISPLAY, code.display);
    row.set_some(table::PRIORITY, priority(obr.field(5).component(1).raw()));
    row.set_some(table::STATUS, request_status(reader));
    let laboratory = reader.message_type == "OML";
    row.set_some(
        table::CATEGORY,
        reader.order.panel.category.or(laboratory.then_some("laboratory")),
    );
    row.set_some(table::REASON, coded(obr.field(31).first(), "").display_or_code());
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
