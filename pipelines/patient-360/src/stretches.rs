//! Stretches of topics that `raw_messages` does not have yet, and the days on which their messages were received.

use crate::decode::DecodedMessage;
use crate::meta::Positions;
use crate::topic_of;
use panorama_api::Offset;
use panorama_model::Text;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub from: Offset,
    pub until: Offset,
    /// The first and the last day of receipt; none where that has to be looked up.
    pub days: Option<(i32, i32)>,
}

/// By topic and partition.
pub(crate) type Stretches = BTreeMap<(Text, u32), Stretch>;

/// On which days the messages since the last publication were received.
#[derive(Default)]
pub(crate) struct ReceivedDays(BTreeMap<(Text, u32), Noted>);

struct Noted {
    /// The first offset that may be of a message noted here.
    from: Offset,
    days: (i32, i32),
}

impl ReceivedDays {
    /// Notes messages that come next behind these positions.
    pub(crate) fn note(&mut self, messages: &[DecodedMessage], behind: &Positions) {
        let of_one = |a: &DecodedMessage, b: &DecodedMessage| {
            Arc::ptr_eq(&a.source, &b.source) && a.position.partition == b.position.partition
        };
        for run in messages.chunk_by(of_one) {
            let Some(first) = run.first() else { continue };
            let place = (topic_of(&first.source.source), first.position.partition);
            let from = behind.get(&place).copied().unwrap_or(0);
            let day = first.raw.received_at.date().0;
            let noted = self.0.entry(place).or_insert(Noted {
                from,
                days: (day, day),
            });
            for message in run {
                let day = message.raw.received_at.date().0;
                noted.days = (noted.days.0.min(day), noted.days.1.max(day));
            }
        }
    }

    /// The stretches between positions. What was noted of them is forgotten.
    pub(crate) fn stretches(&mut self, published: &Positions, read: &Positions) -> Stretches {
        let mut noted = std::mem::take(&mut self.0);
        let stretches = read.iter().map(|(place, until)| {
            let from = published.get(place).copied().unwrap_or(0);
            let noted = noted.remove(place).filter(|noted| noted.from <= from);
            let stretch = Stretch {
                from,
                until: *until,
                days: noted.map(|noted| noted.days),
            };
            (place.clone(), stretch)
        });
        stretches.collect()
    }
}
