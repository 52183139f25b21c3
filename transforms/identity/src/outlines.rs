//! Outlines of the newest records, at hand in bounded memory.

use crate::outline::Outline;
use crate::store::RecordNumber;

/// Outlines in one piece of memory; a power of two.
const PIECE: u64 = 4096;

/// Outlines by record number. Pieces take each other's places in turn: newer numbers those of older ones, never the other
/// way round.
#[derive(Clone, Debug)]
pub struct Outlines {
    places: Vec<Piece>,
    places_max: u64,
}

/// Outlines of records whose numbers lie side by side.
#[derive(Clone, Debug)]
struct Piece {
    /// Of which numbers: those from so many times [`PIECE`] on.
    of: u64,
    outlines: Vec<Option<Outline>>,
}

impl Piece {
    /// Holds nothing yet, and takes no memory.
    const fn empty() -> Self {
        Self {
            of: 0,
            outlines: Vec::new(),
        }
    }

    /// Holds other numbers from now on.
    fn turn_to(&mut self, of: u64) {
        self.of = of;
        self.outlines.clear();
        self.outlines
            .resize(usize::try_from(PIECE).unwrap_or_default(), None);
    }
}

impl Outlines {
    /// Holds the outlines of at least so many of the newest records.
    pub const fn new(records_max: usize) -> Self {
        Self {
            places: Vec::new(),
            places_max: (records_max as u64).div_ceil(PIECE) + 1,
        }
    }

    /// The outline of a record, where it is held.
    pub fn get(&self, record: RecordNumber) -> Option<&Outline> {
        let (of, at) = (record.0 / PIECE, record.0 % PIECE);
        let piece = self.places.get(self.place(of)).filter(|piece| piece.of == of)?;
        piece.outlines.get(usize::try_from(at).ok()?)?.as_ref()
    }

    /// Holds the outline of what the model sees of a record; asks for it only where it is held.
    pub fn put(&mut self, record: RecordNumber, outline: impl FnOnce() -> Outline) {
        let (of, at) = (record.0 / PIECE, record.0 % PIECE);
        let place = self.place(of);
        if self.places.len() <= place {
            self.places.resize(place + 1, Piece::empty());
        }
        let Some(piece) = self.places.get_mut(place).filter(|piece| piece.of <= of) else {
            return;
        };
        if piece.of < of || piece.outlines.is_empty() {
            piece.turn_to(of);
        }
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| piece.outlines.get_mut(at)) {
            *slot = Some(outline());
        }
    }

    /// Reads a field of each cache line of some records' outlines, so that they come together.
    pub fn touch(&self, records: &[RecordNumber]) {
        let outlines = records.iter().filter_map(|record| self.get(*record));
        std::hint::black_box(outlines.map(Outline::touch).fold(0, usize::wrapping_add));
    }

    fn place(&self, of: u64) -> usize {
        usize::try_from(of % self.places_max).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who bounds memory reckons with it.
    #[test]
    fn one_takes_two_cache_lines() {
        assert_eq!(size_of::<Option<Outline>>(), 128);
    }

    #[test]
    fn the_newest_are_held() {
        let mut outlines = Outlines::new(2 * usize::try_from(PIECE).unwrap());
        let all = 7 * PIECE + 5;
        for number in (0..all).map(RecordNumber) {
            assert!(outlines.get(number).is_none());
            outlines.put(number, Outline::default);
            assert!(outlines.get(number).is_some());
        }
        assert!((all - 2 * PIECE..all).all(|number| outlines.get(RecordNumber(number)).is_some()));
        assert!((0..all - 3 * PIECE).all(|number| outlines.get(RecordNumber(number)).is_none()));
        // An old one takes nobody's place, and nobody computes it.
        outlines.put(RecordNumber(3), || unreachable!("it is not held"));
        assert!(outlines.get(RecordNumber(3)).is_none());
        assert!(outlines.get(RecordNumber(all - 1)).is_some());
    }
}
