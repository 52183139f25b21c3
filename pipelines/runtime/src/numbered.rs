//! Spaces of state whose keys are numbers that rise. What a key costs there is more than most values are worth, so new values
//! lie together, [`CHUNK`] in a row under one key; one that is changed later has its own key, which outranks the chunk.

use panorama_api::{ConnectorError, Result, Space, StateRead};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Numbers in a chunk. More: fewer keys; fewer: less to read for one value.
pub(crate) const CHUNK: u64 = 16;
/// Bytes before each value in a chunk: how long it is. A value of no bytes is none.
const LENGTH_BYTES: usize = 4;

/// The key of the chunk that begins with a number: behind that number's own, before the next one's.
pub(crate) fn chunk_key(first: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&first.to_be_bytes());
    out.push(0);
}

/// Appends a value to a chunk; `value` writes its bytes, or none.
pub(crate) fn push<E>(
    out: &mut Vec<u8>,
    value: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let at = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    value(out)?;
    let length = u32::try_from(out.len() - at - LENGTH_BYTES).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + LENGTH_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// The values of a chunk, in order.
fn values(mut chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = chunk.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        chunk = rest;
        Some(value)
    })
}

/// The bytes of the value of a number.
///
/// # Errors
/// Where the state cannot be read, or a chunk is cut off.
pub fn numbered(state: &dyn StateRead, space: Space, number: u64) -> Result<Option<Vec<u8>>> {
    numbered_at(state, space, number, Place::Unknown)
}

/// The same where it is known where the value lies.
pub(crate) fn numbered_at(
    state: &dyn StateRead,
    space: Space,
    number: u64,
    place: Place,
) -> Result<Option<Vec<u8>>> {
    let mut reader = ChunkReader::new(state, space, number - number % CHUNK);
    Ok(reader.value(number, place)?.map(<[u8]>::to_vec))
}

/// Reads values of one chunk's numbers, and the chunk at most once.
pub(crate) struct ChunkReader<'a> {
    state: &'a dyn StateRead,
    space: Space,
    first: u64,
    chunk: Option<Vec<u8>>,
    /// The value that was read under its own key last.
    own: Vec<u8>,
}

impl<'a> ChunkReader<'a> {
    pub(crate) const fn new(state: &'a dyn StateRead, space: Space, first: u64) -> Self {
        Self {
            state,
            space,
            first,
            chunk: None,
            own: Vec::new(),
        }
    }

    pub(crate) fn value(&mut self, number: u64, place: Place) -> Result<Option<&[u8]>> {
        let (state, space) = (self.state, self.space);
        if matches!(place, Place::Own | Place::Unknown)
            && let Some(own) = state.get(space, &number.to_be_bytes())?
        {
            self.own = own;
            return Ok((!self.own.is_empty()).then_some(&self.own));
        }
        if matches!(place, Place::Nowhere | Place::Own) {
            return Ok(None);
        }
        let chunk = match self.chunk.take() {
            Some(chunk) => chunk,
            None => {
                let mut key = Vec::with_capacity(size_of::<u64>() + 1);
                chunk_key(self.first, &mut key);
                state.get(space, &key)?.unwrap_or_default()
            }
        };
        let chunk = self.chunk.insert(chunk);
        if chunk.is_empty() {
            return Ok(None);
        }
        let at = usize::try_from(number - self.first).unwrap_or(0);
        let value = values(chunk).nth(at).ok_or_else(|| cut_off(space))?;
        Ok((!value.is_empty()).then_some(value))
    }
}

/// Where the value of a number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is none.
    Nowhere,
    /// In the chunk; the number has no key of its own.
    Chunk,
    /// Under its own key.
    Own,
    /// It is not known.
    Unknown,
}

/// Where the values lie of numbers that were given out since a space was opened: most questions are for those.
pub(crate) struct Places {
    first: u64,
    /// Two bits for each.
    words: Vec<u64>,
}

/// Words at most: 32 MiB, for 134 million numbers.
const WORDS_MAX: usize = 4 << 20;
/// Numbers in a word.
const IN_WORD: u64 = 32;

impl Places {
    /// Nothing is known of numbers below `first`, and those from there on have no values yet.
    pub(crate) const fn new(first: u64) -> Self {
        Self {
            first,
            words: Vec::new(),
        }
    }

    pub(crate) fn of(&self, number: u64) -> Place {
        let Some((word, shift)) = self.at(number) else {
            return Place::Unknown;
        };
        match self.words.get(word).map_or(0, |word| word >> shift & 3) {
            0 => Place::Nowhere,
            1 => Place::Chunk,
            _ => Place::Own,
        }
    }

    pub(crate) fn note(&mut self, number: u64, place: Place) {
        let Some((word, shift)) = self.at(number) else {
            return;
        };
        let bits = match place {
            Place::Nowhere | Place::Unknown => 0,
            Place::Chunk => 1,
            Place::Own => 2,
        };
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word = *word & !(3 << shift) | bits << shift;
        }
    }

    fn at(&self, number: u64) -> Option<(usize, u64)> {
        let at = number.checked_sub(self.first)?;
        let word = usize::try_from(at / IN_WORD)
            .ok()
            .filter(|word| *word < WORDS_MAX)?;
        Some((word, at % IN_WORD * 2))
    }
}

/// Visits all values, ascending by number.
///
/// # Errors
/// Where the state cannot be read, or a chunk is cut off.
pub fn each_numbered(
    state: &dyn StateRead,
    space: Space,
    visit: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<()> {
    // Of the chunk that was read last, what comes later than what was visited.
    let mut waiting: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let (mut last_own, mut whole, mut ended) = (None, true, false);
    state.scan(space, &[], None, &mut |key, value| {
        let Some((first, rest)) = key.split_first_chunk() else {
            return ControlFlow::Continue(());
        };
        let number = u64::from_be_bytes(*first);
        let is_chunk = !rest.is_empty();
        while let Some((before, value)) = waiting.pop_front_if(|(waits, _)| is_chunk || *waits < number) {
            if visit(before, &value).is_break() {
                ended = true;
                return ControlFlow::Break(());
            }
        }
        if is_chunk {
            let all = (number..)
                .zip(values(value))
                .filter(|(_, value)| !value.is_empty());
            waiting.extend(all.map(|(number, value)| (number, value.to_vec())));
            waiting.pop_front_if(|(first, _)| last_own == Some(*first));
            whole = values(value).count() as u64 == CHUNK;
            return if whole {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            };
        }
        waiting.pop_front_if(|(same, _)| *same == number);
        last_own = Some(number);
        if value.is_empty() {
            return ControlFlow::Continue(());
        }
        let seen = visit(number, value);
        ended = seen.is_break();
        seen
    })?;
    if !whole {
        return Err(cut_off(space));
    }
    if !ended {
        for (number, value) in waiting {
            if visit(number, &value).is_break() {
                break;
            }
        }
    }
    Ok(())
}

fn cut_off(space: Space) -> ConnectorError {
    ConnectorError::fatal("read", space.0, "a chunk of values is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::Stored;
    use panorama_api::StateBatch;

    const SPACE: Space = Space("test");

    /// The first number's chunk, cut off so many bytes before its end; the second number has its own key.
    fn stored(cut: usize) -> Stored {
        let (mut key, mut chunk) = (Vec::new(), Vec::new());
        chunk_key(0, &mut key);
        for number in 0..CHUNK {
            let written: std::result::Result<(), ()> = push(&mut chunk, |out| {
                out.extend_from_slice(&number.to_be_bytes());
                Ok(())
            });
            written.unwrap();
        }
        let mut batch = StateBatch::default();
        batch.put(SPACE, key, &chunk[..chunk.len() - cut]);
        batch.put(SPACE, 1_u64.to_be_bytes(), "own");
        let stored = Stored::default();
        stored.commit(&batch);
        stored
    }

    #[test]
    fn a_chunk_that_is_cut_off_is_refused() {
        let last = CHUNK - 1;
        assert_eq!(
            numbered(&stored(0), SPACE, last).unwrap(),
            Some(last.to_be_bytes().to_vec())
        );
        assert!(numbered(&stored(1), SPACE, last).is_err());
        let all = |cut| each_numbered(&stored(cut), SPACE, &mut |_, _| ControlFlow::Continue(()));
        assert!(all(0).is_ok() && all(1).is_err());
    }

    #[test]
    fn a_visit_ends_where_it_is_told_to() {
        for end in [0, 1, 2, CHUNK - 1] {
            let mut seen = Vec::new();
            each_numbered(&stored(0), SPACE, &mut |number, value| {
                assert_eq!(value == b"own", number == 1);
                seen.push(number);
                if number == end {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .unwrap();
            assert_eq!(seen, (0..=end).collect::<Vec<_>>());
        }
    }
}
