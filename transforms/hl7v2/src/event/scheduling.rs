//! Appointments (HL7 v2.5 10.4): what the event says of the appointment's status. Its segments may know better.

use super::{Family, nothing};
use crate::reader::Reader;
use crate::segment::appointment::Appointment;

pub(super) const FAMILY: Family = Family {
    message_types: &["SIU", "SRR"],
    triggers: &[
        "S12", "S13", "S14", "S15", "S16", "S17", "S18", "S19", "S20", "S21", "S22", "S23", "S24", "S25", "S26",
        "S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11",
    ],
    begin,
    finish: nothing,
};

fn begin(reader: &mut Reader<'_>) {
    let mut appointment = Appointment::default();
    appointment.status = match reader.trigger_event.as_str() {
        "S12" | "S13" | "S01" | "S02" => Some("booked"),
        "S15" | "S16" | "S04" | "S05" => Some("cancelled"),
        "S17" | "S06" => Some("entered-in-error"),
        "S26" => Some("noshow"),
        _ => None,
    };
    reader.appointment = Some(Box::new(appointment));
}

/// The status that a filler status code means (HL7 table 0278 and what vendors write).
pub(crate) fn status_of_code(code: &str) -> Option<&'static str> {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(match plain.as_str() {
        "noshow" | "noshowed" | "ns" | "didnotattend" | "dna" => "noshow",
        "booked" | "pending" | "overbook" | "scheduled" | "sch" | "confirmed" | "rescheduled" => "booked",
        "waitlist" | "waitlisted" => "waitlist",
        "started" | "arrived" | "checkedin" | "arr" => "arrived",
        "complete" | "completed" | "fulfilled" | "comp" | "checkedout" => "fulfilled",
        "cancelled" | "canceled" | "can" | "dc" | "discontinued" => "cancelled",
        "deleted" => "entered-in-error",
        _ => return None,
    })
}
