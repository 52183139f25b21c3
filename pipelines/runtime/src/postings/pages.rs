//! What the pages of an index hold: pairs of a term and a number, sorted, of a fixed width, searched as they lie.

/// Bytes of a pair: the term, and the change of one number.
pub(super) const PAIR_BYTES: usize = TERM_BYTES + CHANGE_BYTES;
const TERM_BYTES: usize = 8;
const CHANGE_BYTES: usize = 5;

/// The largest number there is room for.
pub(super) const NUMBER_MAX: u64 = (1 << (8 * CHANGE_BYTES - 1)) - 1;

/// One number put into a term's set, or taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change(u64);

impl Change {
    pub(super) const fn put(number: u64) -> Self {
        Self(number << 1)
    }

    pub(super) const fn taken(number: u64) -> Self {
        Self(number << 1 | 1)
    }

    /// In so many bits as [`NUMBER_MAX`] has, and one.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn number(self) -> u64 {
        self.0 >> 1
    }

    pub(super) const fn is_put(self) -> bool {
        self.0 & 1 == 0
    }
}

/// One change of one term's set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) term: u64,
    pub(super) change: Change,
}

impl Pair {
    /// Pairs of one key say something of the same number of the same term.
    pub(super) const fn key(&self) -> (u64, u64) {
        (self.term, self.change.number())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [_, _, _, change @ ..] = self.change.0.to_be_bytes();
        out.extend_from_slice(&self.term.to_be_bytes());
        out.extend_from_slice(&change);
    }

    fn read(bytes: &[u8; PAIR_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, v, w, x, y, z] = *bytes;
        Self {
            term: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            change: Change(u64::from_be_bytes([0, 0, 0, v, w, x, y, z])),
        }
    }
}

/// The pairs of a page, ascending.
pub(super) fn pairs(page: &[u8]) -> impl Iterator<Item = Pair> + '_ {
    page.as_chunks::<PAIR_BYTES>().0.iter().map(Pair::read)
}

/// The changes of one term in a page, ascending by number. `part` is where the term lies between the first that the page could
/// hold and the last.
pub(super) fn changes_of(page: &[u8], term: u64, part: u64) -> impl Iterator<Item = Change> + '_ {
    let all = page.as_chunks::<PAIR_BYTES>().0;
    let those = all.get(first_of(all, term, part)..).unwrap_or_default();
    those
        .iter()
        .map(Pair::read)
        .take_while(move |pair| pair.term == term)
        .map(|pair| pair.change)
}

/// Reads a byte near to where a term is looked for in a page.
pub(super) fn touch(page: &[u8], part: u64) -> u8 {
    let all = page.as_chunks::<PAIR_BYTES>().0;
    all.get(guess(all.len(), part)).map_or(0, |[first, ..]| *first)
}

/// About where a term lies: terms are hashes, so they are spread evenly.
fn guess(len: usize, part: u64) -> usize {
    usize::try_from((u128::from(part) * len as u128) >> u64::BITS).unwrap_or(0)
}

/// The first pair of a term, or of those after it: found from where it should be, in steps that double.
fn first_of(all: &[[u8; PAIR_BYTES]], term: u64, part: u64) -> usize {
    let is_before = |at: usize| all.get(at).is_some_and(|bytes| Pair::read(bytes).term < term);
    let at = guess(all.len(), part);
    let mut step = 4;
    let (mut from, mut to) = (at, at);
    if is_before(at) {
        while is_before(to) {
            from = to;
            to += step;
            step *= 2;
        }
    } else {
        while from > 0 && !is_before(from) {
            to = from;
            from = from.saturating_sub(step);
            step *= 2;
        }
    }
    let to = to.min(all.len());
    let within = all.get(from..to).unwrap_or_default();
    from + within.partition_point(|bytes| Pair::read(bytes).term < term)
}

/// What a page says of one number of one term.
pub(super) fn change_of(page: &[u8], term: u64, number: u64) -> Option<Change> {
    let all = page.as_chunks::<PAIR_BYTES>().0;
    let at = all.binary_search_by_key(&(term, number), |bytes| Pair::read(bytes).key());
    at.ok()
        .and_then(|at| all.get(at))
        .map(|bytes| Pair::read(bytes).change)
}

/// Both lists of pairs, ascending; where both speak of the same, the newer one holds.
pub(super) fn merged(older: Vec<Pair>, newer: Vec<Pair>) -> Vec<Pair> {
    if older.is_empty() {
        return newer;
    }
    let mut out = Vec::with_capacity(older.len() + newer.len());
    let mut older = older.into_iter().peekable();
    for pair in newer {
        while let Some(before) = older.next_if(|before| before.key() < pair.key()) {
            out.push(before);
        }
        older.next_if(|same| same.key() == pair.key());
        out.push(pair);
    }
    out.extend(older);
    out
}
