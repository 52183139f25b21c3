//! Evidence: the little of each fact that journeys and counts are made from.

use panorama_model::fact::{appointments, encounters, interactions, procedures};
use panorama_model::{FactTable, Row, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// What kind of thing happened, as far as journeys and counts care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EvidenceKind {
    /// A known or anonymous web, social, ad, lead or mail-open event.
    Attention,
    /// The person reached us: call, chat, SMS, form.
    Contact,
    /// We reached the person.
    Outreach,
    /// Done by a machine: counted, never evidence of a phase.
    Machine,
    /// An appointment that stands.
    AppointmentBooked,
    /// An appointment that was kept.
    AppointmentKept,
    /// An appointment that was cancelled.
    AppointmentCancelled,
    /// An appointment that was missed.
    NoShow,
    /// A visit: ambulatory, virtual, or of a class not said.
    Visit,
    /// An emergency visit.
    EmergencyVisit,
    /// An inpatient stay.
    InpatientStay,
    /// A visit that is planned.
    PlannedVisit,
    /// A diagnosis or problem.
    Diagnosis,
    /// A procedure done.
    Procedure,
    /// A medication started.
    Medication,
    /// A referral or service request.
    Referral,
    /// A vaccine.
    Immunization,
    /// A result or vital sign.
    Observation,
    /// A permission was taken back.
    OptOut,
    /// Anything else that is counted.
    Other,
}

/// One thing that happened, ordered by time.
///
/// - Nulls: `at` is `None` where the source gave no time; such evidence counts but opens no phase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// When it happened or began.
    pub at: Option<Timestamp>,
    /// When it ended, if it did.
    pub end_at: Option<Timestamp>,
    /// The table of the fact.
    pub table: FactTable,
    /// What it was.
    pub kind: EvidenceKind,
    /// The fact's id in its source.
    pub id: Text,
}

impl Evidence {
    /// A thing that happened at an instant.
    pub fn new(at: Timestamp, kind: EvidenceKind, id: impl Into<Text>) -> Self {
        Self {
            at: Some(at),
            end_at: None,
            table: FactTable::Encounters,
            kind,
            id: id.into(),
        }
    }

    /// The evidence in a fact's row. `None` where the fact counts for nothing: deleted, cancelled visit.
    pub fn of(table: FactTable, id: &Text, row: &Row, deleted: bool) -> Option<Self> {
        if deleted {
            return None;
        }
        let schema = table.schema();
        let at = schema.date.and_then(|column| row.time(column));
        let end_at = schema.end.and_then(|column| row.time(column));
        let kind = match table {
            FactTable::Encounters => encounter_kind(row)?,
            FactTable::Appointments => appointment_kind(row)?,
            FactTable::Interactions => interaction_kind(row),
            FactTable::Procedures if row.text(procedures::STATUS) == Some("not-done") => return None,
            FactTable::Procedures => EvidenceKind::Procedure,
            FactTable::Conditions => EvidenceKind::Diagnosis,
            FactTable::Medications => EvidenceKind::Medication,
            FactTable::Referrals => EvidenceKind::Referral,
            FactTable::Immunizations => EvidenceKind::Immunization,
            FactTable::Observations => EvidenceKind::Observation,
            FactTable::Consent => match row.text(panorama_model::fact::consent::STATUS) {
                Some("revoked" | "denied") => EvidenceKind::OptOut,
                _ => EvidenceKind::Other,
            },
            FactTable::Allergies | FactTable::Coverage | FactTable::Documents | FactTable::Providers => {
                EvidenceKind::Other
            }
        };
        Some(Self {
            at,
            end_at,
            table,
            kind,
            id: id.clone(),
        })
    }
}

fn encounter_kind(row: &Row) -> Option<EvidenceKind> {
    match row.text(encounters::STATUS) {
        Some("cancelled" | "entered-in-error") => return None,
        Some("planned") => return Some(EvidenceKind::PlannedVisit),
        _ => {}
    }
    Some(match row.text(encounters::CLASS) {
        Some("EMER") => EvidenceKind::EmergencyVisit,
        Some("IMP" | "ACUTE" | "NONAC" | "OBSENC" | "SS") => EvidenceKind::InpatientStay,
        Some("PRENC") => EvidenceKind::PlannedVisit,
        _ => EvidenceKind::Visit,
    })
}

fn appointment_kind(row: &Row) -> Option<EvidenceKind> {
    Some(match row.text(appointments::STATUS) {
        Some("noshow") => EvidenceKind::NoShow,
        Some("cancelled" | "entered-in-error") => EvidenceKind::AppointmentCancelled,
        Some("arrived" | "fulfilled" | "checked-in") => EvidenceKind::AppointmentKept,
        _ => EvidenceKind::AppointmentBooked,
    })
}

fn interaction_kind(row: &Row) -> EvidenceKind {
    if row
        .get(interactions::IS_MACHINE)
        .and_then(panorama_model::Value::as_bool)
        == Some(true)
    {
        return EvidenceKind::Machine;
    }
    let inbound = row.text(interactions::DIRECTION) == Some("in");
    match (
        row.text(interactions::CHANNEL),
        row.text(interactions::EVENT_TYPE),
    ) {
        (_, Some("unsubscribed" | "complained")) => EvidenceKind::OptOut,
        (_, Some("form_submitted")) => EvidenceKind::Contact,
        (Some("call" | "sms" | "chat" | "portal"), _) if inbound => EvidenceKind::Contact,
        (Some("web" | "social" | "ad"), _) | (_, Some("opened" | "clicked" | "lead")) => {
            EvidenceKind::Attention
        }
        _ if inbound => EvidenceKind::Contact,
        _ => EvidenceKind::Outreach,
    }
}
