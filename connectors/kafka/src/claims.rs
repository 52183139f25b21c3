//! Who appends to a partition that processes share.
//!
//! Whoever is given a partition writes a claim into it, a record without a value, and only then looks up what is there.
//! From the claim on what others append is void: not for the brokers, which take it, but for every reader, because all see
//! the claims in the same order. So a process that was thought dead, and wakes, can neither lose nor double a message; what
//! it sends comes to lie where it does not expect it, so it acknowledges nothing of it.

use crate::envelope::Writer;
use panorama_api::Offset;
use std::collections::BTreeMap;

/// Stretches kept in mind, the newest: a reader that comes to an older one finds it out again.
const GAPS_MAX: usize = 1024;

/// The claims of one partition, and where no messages are.
#[derive(Clone, Default)]
pub(crate) struct Claims {
    /// In the order of their offsets.
    all: Vec<(Offset, Writer)>,
    /// Claims, and what is void: from where to where.
    gaps: BTreeMap<Offset, Offset>,
}

impl Claims {
    /// Takes over a claim that was read.
    pub(crate) fn note(&mut self, offset: Offset, writer: Writer) {
        if let Err(at) = self.all.binary_search_by_key(&offset, |(offset, _)| *offset) {
            self.all.insert(at, (offset, writer));
        }
        self.skip(offset);
    }

    /// Notes that there is no message at an offset. False where that is known.
    pub(crate) fn skip(&mut self, offset: Offset) -> bool {
        let (mut from, mut until) = (offset, offset + 1);
        if let Some((first, end)) = self.gaps.range(..=offset).next_back()
            && *end >= offset
        {
            if *end > offset {
                return false;
            }
            from = *first;
        }
        if let Some(end) = self.gaps.remove(&until) {
            until = end;
        }
        self.gaps.insert(from, until);
        if self.gaps.len() > GAPS_MAX {
            self.gaps.pop_first();
        }
        true
    }

    /// Whether a message counts for nothing: another one than its writer had claimed the partition before it.
    pub(crate) fn is_void(&self, offset: Offset, writer: Option<Writer>) -> bool {
        let behind = self.all.partition_point(|(claimed, _)| *claimed < offset);
        let in_force = behind.checked_sub(1).and_then(|last| self.all.get(last));
        in_force.is_some_and(|(_, in_force)| writer != Some(*in_force))
    }

    /// Who claimed the partition last.
    pub(crate) fn last(&self) -> Option<Writer> {
        self.all.last().map(|(_, writer)| *writer)
    }

    /// The first offset from one on at which there may be a message.
    pub(crate) fn over(&self, from: Offset) -> Offset {
        let gap = self.gaps.range(..=from).next_back();
        gap.map_or(from, |(_, until)| from.max(*until))
    }

    /// The offset behind the last message before one, as far as is known.
    pub(crate) fn before(&self, end: Offset) -> Offset {
        let gap = self.gaps.range(..end).next_back();
        gap.filter(|(_, until)| **until >= end)
            .map_or(end, |(first, _)| *first)
    }

    pub(crate) fn all(&self) -> &[(Offset, Writer)] {
        &self.all
    }

    /// Forgets what retention has deleted, but for the claim in force where it ends.
    pub(crate) fn forget_below(&mut self, start: Offset) {
        let gone = self.all.partition_point(|(offset, _)| *offset < start);
        self.all.drain(..gone.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_another_ones_claim_is_void() {
        let mut claims = Claims::default();
        assert!(!claims.is_void(3, None) && !claims.is_void(3, Some(1)));
        // As they are found: not always in order, and more than once.
        for (offset, writer) in [(20, 2), (10, 1), (20, 2)] {
            claims.note(offset, writer);
        }
        for (offset, writer, expected) in [
            (9, None, false),
            (11, None, true),
            (11, Some(1), false),
            (19, Some(2), true),
            (21, Some(1), true),
            (21, Some(2), false),
        ] {
            assert_eq!(claims.is_void(offset, writer), expected, "{offset} {writer:?}");
        }
        assert_eq!(claims.last(), Some(2));
        claims.forget_below(21);
        assert_eq!(claims.all(), [(20, 2)]);
    }

    #[test]
    fn stretches_without_messages_grow_together() {
        let mut claims = Claims::default();
        for offset in [5, 7, 6, 7, 12] {
            claims.skip(offset);
        }
        let over: Vec<_> = (4..9).map(|from| claims.over(from)).collect();
        assert_eq!(over, [4, 8, 8, 8, 8]);
        let before: Vec<_> = [5, 6, 8, 9, 12, 13, 14].map(|end| claims.before(end)).into();
        assert_eq!(before, [5, 5, 5, 9, 12, 12, 14]);
        assert_eq!(claims.gaps.len(), 2);
        for offset in 0..4000 {
            claims.skip(100 + offset * 2);
        }
        assert_eq!(claims.gaps.len(), GAPS_MAX);
    }
}
