//! Finds the field separators and line ends of a text, eight bytes at a step: fields are short, so a search that starts
//! anew at each of them would spend its time on starting.

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The places of a separator, CR and LF, ascending.
pub(super) struct Delimiters<'t> {
    words: std::slice::ChunksExact<'t, u8>,
    tail: &'t [u8],
    patterns: [u64; 3],
    /// Where the word of `found` begins.
    base: usize,
    /// The high bit of each byte that matched and is still to be told.
    found: u64,
}

impl<'t> Delimiters<'t> {
    pub(super) fn new(separator: u8, bytes: &'t [u8]) -> Self {
        let words = bytes.chunks_exact(8);
        Self {
            tail: words.remainder(),
            words,
            patterns: [separator, b'\r', b'\n'].map(|byte| u64::from(byte) * ONES),
            base: 0_usize.wrapping_sub(8),
            found: 0,
        }
    }

    /// The high bit of each byte of a word that is one of the delimiters.
    #[inline]
    const fn matches(&self, word: u64) -> u64 {
        let [separator, cr, lf] = self.patterns;
        zero_bytes(word ^ separator) | zero_bytes(word ^ cr) | zero_bytes(word ^ lf)
    }
}

impl Iterator for Delimiters<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let word = match self.words.next() {
                Some(word) => word.try_into().map_or(0, u64::from_le_bytes),
                None if self.tail.is_empty() => return None,
                None => {
                    // The zeros after the tail match nothing.
                    let mut last = [0; 8];
                    last.iter_mut().zip(self.tail).for_each(|(to, from)| *to = *from);
                    self.tail = &[];
                    u64::from_le_bytes(last)
                }
            };
            self.base = self.base.wrapping_add(8);
            self.found = self.matches(word);
        }
        let at = self.base + (self.found.trailing_zeros() / 8) as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

/// The high bit of each byte that is zero.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word) & HIGH
}

/// Where a delimiter is first. Most parts are a few bytes long; long ones are attachments.
#[inline]
pub(super) fn position(delimiter: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.len() >= 64 {
        return memchr::memchr(delimiter, bytes);
    }
    position_of_either([delimiter; 2], bytes)
}

/// Where one of two delimiters is first.
#[inline]
pub(super) fn position_of_either(delimiters: [u8; 2], bytes: &[u8]) -> Option<usize> {
    let [one, other] = delimiters.map(|byte| u64::from(byte) * ONES);
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    let mut base = 0;
    for word in words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        let found = zero_bytes(word ^ one) | zero_bytes(word ^ other);
        if found != 0 {
            return Some(base + (found.trailing_zeros() / 8) as usize);
        }
        base += 8;
    }
    let in_tail = tail.iter().position(|byte| delimiters.contains(byte));
    in_tail.map(|at| base + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(bytes in prop::collection::vec(prop_oneof![Just(b'|'), Just(b'\r'), Just(b'\n'), Just(0xfc_u8), any::<u8>()], 0..70)) {
            let plain: Vec<usize> = (0..bytes.len()).filter(|at| matches!(bytes[*at], b'|' | b'\r' | b'\n')).collect();
            prop_assert_eq!(Delimiters::new(b'|', &bytes).collect::<Vec<_>>(), plain);
            prop_assert_eq!(position(b'|', &bytes), bytes.iter().position(|b| *b == b'|'));
            let either = bytes.iter().position(|b| matches!(b, b'|' | b'\r'));
            prop_assert_eq!(position_of_either([b'|', b'\r'], &bytes), either);
        }
    }
}
