//! The journey: a person's evidence, in time order, as intervals of six phases.
//!
//! - Rule: the evidence is read once, in event time. Each item may open a phase; the phase holds until the next one opens
//!   or its own time runs out. Phases are re-entrant and may be skipped; a late item re-derives the whole journey, so the
//!   result does not depend on arrival (INV-6). 18 silent months close the episode; what comes after is a new one.

use crate::{Evidence, EvidenceKind, Summary};
use panorama_model::{Text, Timestamp};
use serde::{Deserialize, Serialize};

/// The version of the rules below, written into every row. It changes whenever they do.
pub const JOURNEY_RULE_VERSION: &str = "journey-1";

/// Silence that ends an episode: 18 months of 30.44 days.
const LAPSE_DAYS: i64 = 548;
/// Treatment lasts this long after discharge or the last item of treatment.
const TREATMENT_TAIL_DAYS: i64 = 30;
/// Behavioural and lifestyle change lasts this long after treatment.
const BEHAVIOUR_DAYS: i64 = 90;
/// Signs of attention open Awareness only where nobody was in direct contact for this long.
const DIRECT_CONTACT_DAYS: i64 = 180;
/// Evidence named per interval (INV-9); the first ones tell why it was entered.
const EVIDENCE_IDS_MAX: usize = 20;

/// The six phases of a patient's journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Web, social, ad, lead or mail-open events, no direct contact lately.
    Awareness,
    /// The person asked: call, chat, form, appointment request.
    Help,
    /// A visit or a kept appointment; a new diagnosis.
    Care,
    /// Order, procedure, medication, inpatient stay.
    Treatment,
    /// The 90 days after treatment.
    BehavioralChange,
    /// No open episode: prevention, follow-up, refills.
    Ongoing,
}

impl Phase {
    /// The phase's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Awareness => "awareness",
            Self::Help => "help",
            Self::Care => "care",
            Self::Treatment => "treatment",
            Self::BehavioralChange => "behavioral_change",
            Self::Ongoing => "ongoing",
        }
    }
}

/// One stay in one phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneyInterval {
    /// Episode, from 1.
    pub episode: u32,
    /// Phase.
    pub phase: Phase,
    /// Entered.
    pub entered_at: Timestamp,
    /// Left; `None` while it lasts.
    pub exited_at: Option<Timestamp>,
    /// Why it was entered: the kind of evidence, or `time` where a phase ran out.
    pub entry_rule: &'static str,
    /// The first pieces of evidence, by fact id.
    pub evidence_ids: Vec<Text>,
}

/// The journey of a person as of `now`.
pub fn journey(summary: &Summary, now: Timestamp) -> Vec<JourneyInterval> {
    let mut walk = Walk::default();
    for evidence in &summary.evidence {
        if let Some(at) = evidence.at.filter(|at| *at <= now) {
            walk.pass_time(at);
            walk.take(evidence, at);
        }
    }
    walk.pass_time(now);
    walk.intervals
}

#[derive(Default)]
struct Walk {
    intervals: Vec<JourneyInterval>,
    episode: u32,
    open: bool,
    last_at: Option<Timestamp>,
    last_direct_at: Option<Timestamp>,
    /// When the current phase runs out by itself, and into which.
    runs_out: Option<(Timestamp, Phase)>,
}

impl Walk {
    /// Lets phases run out until `at`.
    fn pass_time(&mut self, at: Timestamp) {
        while let Some((end, next)) = self.runs_out.filter(|(end, _)| *end <= at && self.open) {
            self.enter(next, end, "time");
        }
        if let Some(silent_since) = self
            .last_at
            .filter(|last| self.open && last.plus_days(LAPSE_DAYS) <= at)
        {
            self.close(silent_since.plus_days(LAPSE_DAYS));
        }
    }

    fn take(&mut self, evidence: &Evidence, at: Timestamp) {
        let current = self.current();
        let direct = self
            .last_direct_at
            .is_some_and(|last| last.plus_days(DIRECT_CONTACT_DAYS) > at);
        let opens = match evidence.kind {
            EvidenceKind::Attention if current.is_none() || (!direct && current == Some(Phase::Ongoing)) => {
                Some((Phase::Awareness, "attention"))
            }
            EvidenceKind::Contact | EvidenceKind::AppointmentBooked | EvidenceKind::PlannedVisit
                if matches!(current, None | Some(Phase::Awareness)) =>
            {
                Some((Phase::Help, "contact"))
            }
            EvidenceKind::AppointmentKept | EvidenceKind::Visit | EvidenceKind::EmergencyVisit
                if current != Some(Phase::Treatment) =>
            {
                Some((Phase::Care, "visit"))
            }
            EvidenceKind::Diagnosis if matches!(current, None | Some(Phase::Awareness | Phase::Help)) => {
                Some((Phase::Care, "diagnosis"))
            }
            EvidenceKind::InpatientStay => Some((Phase::Treatment, "inpatient_stay")),
            EvidenceKind::Procedure => Some((Phase::Treatment, "procedure")),
            EvidenceKind::Medication => Some((Phase::Treatment, "medication")),
            EvidenceKind::Referral if current == Some(Phase::Care) => Some((Phase::Treatment, "referral")),
            EvidenceKind::Immunization if current.is_none() => Some((Phase::Ongoing, "prevention")),
            _ => None,
        };
        if let Some((phase, rule)) = opens.filter(|(phase, _)| current != Some(*phase)) {
            self.enter(phase, at, rule);
        }
        self.remember(evidence, at);
    }

    /// Notes the evidence under the current phase and sets when the phase will run out.
    fn remember(&mut self, evidence: &Evidence, at: Timestamp) {
        if evidence.kind == EvidenceKind::Machine {
            return;
        }
        if let Some(interval) = self.intervals.last_mut().filter(|_| self.open) {
            // Observations are counted, not named: there are too many, and none opens a phase.
            let is_named = evidence.kind != EvidenceKind::Observation;
            if is_named && interval.evidence_ids.len() < EVIDENCE_IDS_MAX {
                interval.evidence_ids.push(evidence.id.clone());
            }
            let until = evidence.end_at.filter(|end| *end > at).unwrap_or(at);
            self.runs_out = match interval.phase {
                Phase::Treatment => {
                    let earliest = self.runs_out.map_or(until, |(end, _)| end);
                    let treats = matches!(
                        evidence.kind,
                        EvidenceKind::InpatientStay
                            | EvidenceKind::Procedure
                            | EvidenceKind::Medication
                            | EvidenceKind::Referral
                    );
                    let end = if treats {
                        until.plus_days(TREATMENT_TAIL_DAYS).max(earliest)
                    } else {
                        earliest
                    };
                    Some((end, Phase::BehavioralChange))
                }
                Phase::Care => Some((until.plus_days(BEHAVIOUR_DAYS), Phase::Ongoing)),
                _ => self.runs_out,
            };
        }
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
        if !matches!(evidence.kind, EvidenceKind::Attention | EvidenceKind::Outreach) {
            self.last_direct_at = Some(at);
        }
    }

    fn enter(&mut self, phase: Phase, at: Timestamp, entry_rule: &'static str) {
        if self.open {
            self.leave(at);
        } else {
            self.episode += 1;
            self.open = true;
        }
        self.runs_out =
            (phase == Phase::BehavioralChange).then(|| (at.plus_days(BEHAVIOUR_DAYS), Phase::Ongoing));
        self.intervals.push(JourneyInterval {
            episode: self.episode,
            phase,
            entered_at: at,
            exited_at: None,
            entry_rule,
            evidence_ids: Vec::new(),
        });
    }

    fn close(&mut self, at: Timestamp) {
        self.leave(at);
        self.open = false;
        self.runs_out = None;
    }

    fn leave(&mut self, at: Timestamp) {
        if let Some(interval) = self.intervals.last_mut() {
            interval.exited_at = Some(at);
        }
    }

    fn current(&self) -> Option<Phase> {
        self.intervals.last().filter(|_| self.open).map(|i| i.phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [EvidenceKind; 8] = [
        EvidenceKind::Attention,
        EvidenceKind::Contact,
        EvidenceKind::AppointmentKept,
        EvidenceKind::Visit,
        EvidenceKind::InpatientStay,
        EvidenceKind::Medication,
        EvidenceKind::Machine,
        EvidenceKind::Outreach,
    ];

    fn day(day: i64) -> Timestamp {
        Timestamp(0).plus_days(day)
    }

    fn check(events: &[(i64, EvidenceKind)], now: i64, expected: &[(&str, i64, Option<i64>)]) {
        let evidence = events
            .iter()
            .map(|(at, kind)| Evidence::new(day(*at), *kind, format!("{at}")))
            .collect();
        let found = journey(
            &Summary {
                evidence,
                ..Summary::default()
            },
            day(now),
        );
        let found: Vec<_> = found
            .iter()
            .map(|i| {
                (
                    i.phase.name(),
                    i.entered_at.0 / 86_400_000_000,
                    i.exited_at.map(|t| t.0 / 86_400_000_000),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_whole_way_from_a_click_to_ongoing_care() {
        check(
            &[
                (0, EvidenceKind::Attention),
                (10, EvidenceKind::Contact),
                (20, EvidenceKind::Visit),
                (25, EvidenceKind::Medication),
            ],
            400,
            &[
                ("awareness", 0, Some(10)),
                ("help", 10, Some(20)),
                ("care", 20, Some(25)),
                ("treatment", 25, Some(55)),
                ("behavioral_change", 55, Some(145)),
                ("ongoing", 145, None),
            ],
        );
    }

    #[test]
    fn machines_open_nothing_and_silence_ends_the_episode() {
        check(&[(0, EvidenceKind::Machine)], 10, &[]);
        check(
            &[(0, EvidenceKind::Contact), (700, EvidenceKind::Contact)],
            701,
            &[("help", 0, Some(548)), ("help", 700, None)],
        );
    }

    proptest! {
        #[test]
        fn intervals_follow_each_other_without_overlap(
            events in prop::collection::vec((0i64..2000, prop::sample::select(&KINDS[..])), 0..40),
        ) {
            let evidence = events.iter().map(|(at, kind)| Evidence::new(day(*at), *kind, format!("{at}"))).collect();
            let found = journey(&Summary { evidence, ..Summary::default() }, day(2500));
            for pair in found.windows(2) {
                prop_assert!(pair[0].exited_at.is_some_and(|end| end <= pair[1].entered_at));
                prop_assert!(pair[0].entered_at <= pair[0].exited_at.unwrap());
            }
        }
    }
}
