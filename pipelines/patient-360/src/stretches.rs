//! Stretches of topics that `raw_messages` does not have yet, and the days on which their messages were received.

use crate::decode::DecodedMessage;
use crate::meta::Positions;
use crate::topic_of;
use panorama_api::Offset;
use panorama_model::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Days that one stretch is written under at most: clocks that are wrong must not make a publication endless.
const DAYS_MAX: usize = 4096;

/// A part of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub from: Offset,
    pub until: Offset,
    /// The days of receipt; none where they have to be looked up.
    pub days: Option<Days>,
}

/// By topic and partition.
pub(crate) type Stretches = BTreeMap<(Text, u32), Stretch>;

/// The days that messages are filed under, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Days(Vec<i32>);

impl Days {
    /// Those from that of the first message to that of the last.
    pub(crate) fn between(first: i32, last: i32) -> Self {
        let last = last.max(first);
        let all = usize::try_from(i64::from(last) - i64::from(first)).unwrap_or(usize::MAX);
        Self(if all < DAYS_MAX {
            (first..=last).collect()
        } else {
            vec![first, last]
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = i32> {
        self.0.iter().copied()
    }

    /// Where a message of a day is filed: there, or under the nearest day there is.
    pub(crate) fn file(&self, day: i32) -> i32 {
        if self.0.binary_search(&day).is_ok() {
            return day;
        }
        let distance = |of: &i32| of.abs_diff(day);
        self.0.iter().copied().min_by_key(distance).unwrap_or(day)
    }
}

/// On which days the messages since the last publication were received.
#[derive(Default)]
pub(crate) struct ReceivedDays(BTreeMap<(Text, u32), Noted>);

struct Noted {
    /// The first offset that may be of a message noted here.
    from: Offset,
    days: BTreeSet<i32>,
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
            let days = run.iter().map(|message| message.raw.received_at.date().0);
            self.note_days(place, days, behind);
        }
    }

    fn note_days(&mut self, place: (Text, u32), days: impl Iterator<Item = i32>, behind: &Positions) {
        let from = behind.get(&place).copied().unwrap_or(0);
        let noted = self.0.entry(place).or_insert_with(|| Noted {
            from,
            days: BTreeSet::new(),
        });
        let mut before = None;
        for day in days.filter(|day| before.replace(*day) != Some(*day)) {
            noted.days.insert(day);
        }
    }

    /// The stretches between positions. What was noted of them is forgotten.
    pub(crate) fn stretches(&mut self, published: &Positions, read: &Positions) -> Stretches {
        let mut noted = std::mem::take(&mut self.0);
        let stretches = read.iter().map(|(place, until)| {
            let from = published.get(place).copied().unwrap_or(0);
            let is_whole = |noted: &Noted| noted.from <= from && noted.days.len() <= DAYS_MAX;
            let days = noted.remove(place).filter(is_whole);
            let stretch = Stretch {
                from,
                until: *until,
                days: days.map(|noted| Days(noted.days.into_iter().collect())),
            };
            (place.clone(), stretch)
        });
        stretches.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_known_where_all_messages_were_noted() {
        let place: (Text, u32) = ("raw.wards".into(), 1);
        let at = |offset: u64| Positions::from([(place.clone(), offset)]);
        let mut received = ReceivedDays::default();
        // One of them with a clock of its own.
        received.note_days(place.clone(), [20_000, 20_000, 0, 20_001].into_iter(), &at(5));
        received.note_days(place.clone(), [20_001].into_iter(), &at(9));
        let stretch = |received: &mut ReceivedDays, published, read| {
            received
                .stretches(&at(published), &at(read))
                .remove(&place)
                .unwrap()
        };
        let found = stretch(&mut received, 5, 10);
        assert_eq!((found.from, found.until), (5, 10));
        assert_eq!(found.days, Some(Days(vec![0, 20_000, 20_001])));
        // Nothing is noted twice, and what was read before this process is not known.
        assert_eq!(stretch(&mut received, 10, 10).days, None);
        received.note_days(place.clone(), [20_002].into_iter(), &at(12));
        assert_eq!(stretch(&mut received, 10, 13).days, None);
    }

    #[test]
    fn each_message_is_filed_once_whatever_its_clock_says() {
        assert_eq!(Days::between(7, 9), Days(vec![7, 8, 9]));
        assert_eq!(Days::between(7, 3), Days(vec![7]));
        let wide = Days::between(0, i32::MAX);
        assert_eq!(wide, Days(vec![0, i32::MAX]));
        for (day, filed) in [(i32::MIN, 0), (0, 0), (20_000, 0), (i32::MAX - 5, i32::MAX)] {
            assert_eq!(wide.file(day), filed);
        }
        assert_eq!(Days(vec![3, 5]).file(4), 3, "and not under both");
    }
}
