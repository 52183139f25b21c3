//! Counts over a person's evidence, as of `now`.

use crate::{EvidenceKind, Summary};
use panorama_model::Timestamp;

/// What the engagement columns of `patient_360` say. Windows end at `now` and count 24-hour days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngagementCounts {
    /// All visits.
    pub encounters: i64,
    /// Visits in the last 365 days.
    pub encounters_12m: i64,
    /// Emergency visits in the last 365 days.
    pub ed_visits_12m: i64,
    /// Missed appointments in the last 365 days.
    pub no_shows_12m: i64,
    /// All touchpoints, machines apart.
    pub interactions: i64,
    /// Touchpoints in the last 90 days, machines apart.
    pub interactions_90d: i64,
    /// Conditions.
    pub conditions: i64,
    /// Observations.
    pub observations: i64,
    /// Last visit that has begun.
    pub last_encounter_at: Option<Timestamp>,
    /// Next standing appointment.
    pub next_appointment_at: Option<Timestamp>,
    /// Last touchpoint.
    pub last_interaction_at: Option<Timestamp>,
    /// 0 to 100: see [`engagement`].
    pub score: i64,
    /// A permission was taken back and none given since.
    pub opted_out: bool,
}

/// Counts what a person did.
///
/// - Units: the score is the sum, at most 100, of 10 per kept appointment or visit in the last 365 days, 5 per contact the
///   person made and 2 per sign of attention in the last 90 days, less 10 per no-show in the last 365 days; never below 0.
pub fn engagement(summary: &Summary, now: Timestamp) -> EngagementCounts {
    let year = now.plus_days(-365);
    let quarter = now.plus_days(-90);
    let mut counts = EngagementCounts::default();
    let mut score = 0;
    for evidence in &summary.evidence {
        let at = evidence.at;
        let within = |from: Timestamp| at.is_some_and(|at| at > from && at <= now);
        let past = at.filter(|at| *at <= now);
        match evidence.kind {
            EvidenceKind::Visit | EvidenceKind::EmergencyVisit | EvidenceKind::InpatientStay => {
                counts.encounters += 1;
                counts.encounters_12m += i64::from(within(year));
                counts.ed_visits_12m +=
                    i64::from(within(year) && evidence.kind == EvidenceKind::EmergencyVisit);
                counts.last_encounter_at = counts.last_encounter_at.max(past);
                score += 10 * i64::from(within(year));
            }
            EvidenceKind::AppointmentKept => score += 10 * i64::from(within(year)),
            EvidenceKind::NoShow => {
                counts.no_shows_12m += i64::from(within(year));
                score -= 10 * i64::from(within(year));
            }
            EvidenceKind::AppointmentBooked => {
                let next = at.filter(|at| *at > now);
                counts.next_appointment_at = match (counts.next_appointment_at, next) {
                    (Some(known), Some(next)) => Some(known.min(next)),
                    (known, next) => known.or(next),
                };
            }
            EvidenceKind::Contact | EvidenceKind::Attention | EvidenceKind::Outreach => {
                counts.interactions += 1;
                counts.interactions_90d += i64::from(within(quarter));
                counts.last_interaction_at = counts.last_interaction_at.max(past);
                score += i64::from(within(quarter))
                    * match evidence.kind {
                        EvidenceKind::Contact => 5,
                        EvidenceKind::Attention => 2,
                        _ => 0,
                    };
            }
            EvidenceKind::OptOut => counts.opted_out = true,
            EvidenceKind::Diagnosis => counts.conditions += 1,
            EvidenceKind::Observation => counts.observations += 1,
            _ => {}
        }
    }
    counts.score = score.clamp(0, 100);
    counts
}
