//! An inverted index in state: sets of numbers by 64-bit terms, for many small sets that are changed at random.
//!
//! A key of state for each term would cost more than all else that an epoch changes. So an epoch writes what it changes as
//! one list, and the changes gather in memory; where there are more than have room, part after part of the terms is written in
//! sorted runs of pages (a log-structured merge tree for each part: O'Neil et al. 1996), and lists whose changes are in pages are
//! deleted. After a restart the lists that are left are read again. Terms are hashes: parts and pages go by their leading bits.

mod cache;
mod pages;
mod recent;
#[cfg(test)]
mod tests;

use crate::filter::KeyFilter;
use cache::{PageCache, PageKey};
use hashbrown::HashMap;
use pages::{Change, NUMBER_MAX, PAIR_BYTES, Pair, change_of, changes_of, merged, pairs};
use panorama_api::{ConnectorError, Result, Space, StateBatch, StateRead};
use recent::Recent;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The terms are in so many parts, by their leading bits.
const SHARD_BITS: u32 = 12;
const SHARDS: usize = 1 << SHARD_BITS;
/// Pairs in a page at most, unless they are of one term.
const PAGE_PAIRS_MAX: usize = 512;
/// Leading bits by which the pages of a run are told apart, at most.
const PAGE_BITS_MAX: u8 = 15;
/// Terms whose memory is fetched together.
const TOUCHED_AT_ONCE: usize = 32;
/// A run is merged with what is newer where it is not this many times as large.
const RUN_RATIO: usize = 4;

/// How large an index may get in memory.
#[derive(Clone, Copy, Debug)]
pub struct PostingLimits {
    /// Changes in memory; lists of less than three times as many are to be read after a restart.
    pub changes_max: usize,
    /// Bytes of pages, in each of two generations.
    pub page_bytes_max: usize,
    /// Sets with more numbers than this are not gathered to be changed.
    pub frequent_min: usize,
}

/// The index: memory within [`PostingLimits`], and a filter of its terms where there are not too many for one.
pub struct PostingIndex {
    pages_space: Space,
    lists_space: Space,
    state: Arc<dyn StateRead>,
    limits: PostingLimits,
    shards: Vec<Shard>,
    pages: PageCache,
    filter: Option<KeyFilter>,
    /// Changed since the last flush, in order.
    changed: Vec<Pair>,
    /// The set that was asked for last.
    found: Found,
    /// How many numbers large sets have that were asked for.
    frequent: HashMap<u64, usize>,
    /// Lists of changes in state, ascending.
    lists: VecDeque<u64>,
    next_list: u64,
    /// The shard whose changes are the next to be written in pages.
    next_shard: usize,
    /// Changes in memory.
    held: usize,
}

/// The terms with some leading bits.
#[derive(Default)]
struct Shard {
    /// What is in no run.
    recent: Recent,
    /// Older first.
    runs: SmallVec<[Run; 3]>,
    /// Lists before this one say nothing of it that is not in a run.
    written_before: u64,
}

/// Sorted pairs in pages.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    id: u32,
    /// The pages are told apart by so many bits.
    page_bits: u8,
    pairs: u64,
}

/// A set that was gathered.
#[derive(Default)]
struct Found {
    term: Option<u64>,
    numbers: Vec<u64>,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The set is another one now.
    pub is_other: bool,
    /// How many numbers it has now.
    pub len: usize,
}

impl PostingIndex {
    /// The index in two spaces of state: one for its pages, one for lists of changes.
    ///
    /// # Errors
    /// Where the state cannot be read, or holds something else.
    pub fn open(
        pages_space: Space,
        lists_space: Space,
        state: Arc<dyn StateRead>,
        limits: PostingLimits,
    ) -> Result<Self> {
        let mut index = Self {
            pages_space,
            lists_space,
            state,
            limits,
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
            pages: PageCache::new(limits.page_bytes_max),
            filter: None,
            changed: Vec::new(),
            found: Found::default(),
            frequent: HashMap::new(),
            lists: VecDeque::new(),
            next_list: 0,
            next_shard: 0,
            held: 0,
        };
        index.read_runs()?;
        index.read_lists()?;
        // Where they were left off: by turns, so the one that waits for longest.
        let waits = |shard: &usize| index.shards.get(*shard).map(|shard| shard.written_before);
        index.next_shard = (0..SHARDS).min_by_key(waits).unwrap_or(0);
        index.filter = index.make_filter()?;
        Ok(index)
    }

    fn read_runs(&mut self) -> Result<()> {
        for number in 0..SHARDS {
            let Some(bytes) = self.state.get(self.pages_space, &shard_key(number))? else {
                continue;
            };
            let (runs, before) = postcard::take_from_bytes(&bytes).map_err(|e| self.broken(e))?;
            // Without that, which lists are in its runs is not known.
            let written_before = before.try_into().map_or(0, u64::from_be_bytes);
            if let Some(shard) = self.shards.get_mut(number) {
                (shard.runs, shard.written_before) = (runs, written_before);
            }
        }
        Ok(())
    }

    fn read_lists(&mut self) -> Result<()> {
        let (shards, lists, held) = (&mut self.shards, &mut self.lists, &mut self.held);
        let mut whole = Ok(());
        self.state.scan(self.lists_space, &[], None, &mut |key, list| {
            let unnumbered = |_| ConnectorError::fatal("read", self.lists_space.0, "a list has no number");
            let number = cache::check_whole(list, self.lists_space)
                .and_then(|()| key.try_into().map(u64::from_be_bytes).map_err(unnumbered));
            let number = match number {
                Ok(number) => number,
                Err(error) => {
                    whole = Err(error);
                    return ControlFlow::Break(());
                }
            };
            lists.push_back(number);
            for pair in pairs(list) {
                let shard = shards.get_mut(shard_of(pair.term));
                if let Some(shard) = shard.filter(|shard| shard.written_before <= number) {
                    *held += usize::from(shard.recent.note(pair));
                }
            }
            ControlFlow::Continue(())
        })?;
        whole?;
        // Those that were deleted had lower numbers, too.
        let written = self.shards.iter().map(|shard| shard.written_before).max();
        let after_last = self.lists.back().map_or(0, |last| last + 1);
        self.next_list = after_last.max(written.unwrap_or(0));
        Ok(())
    }

    /// All terms in runs, where a filter has room for them.
    fn make_filter(&self) -> Result<Option<KeyFilter>> {
        let in_runs = self.shards.iter().flat_map(|shard| &shard.runs);
        if in_runs.map(|run| run.pairs).sum::<u64>() > KeyFilter::keys_max() {
            return Ok(None);
        }
        let mut filter = KeyFilter::new();
        let (mut last, mut whole) = (None, Ok(()));
        self.state.scan(self.pages_space, &[], None, &mut |key, page| {
            if key.len() > SHARD_KEY_BYTES {
                whole = cache::check_whole(page, self.pages_space);
                if whole.is_err() {
                    return ControlFlow::Break(());
                }
                for pair in pairs(page) {
                    if last.replace(pair.term) != Some(pair.term) {
                        filter.insert(pair.term);
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        whole?;
        Ok(Some(filter))
    }

    /// Reads a word of each cache line that terms are looked for in first, so that they come together.
    pub fn touch(&self, terms: impl Iterator<Item = u64> + Clone) {
        touch_recent(&self.shards, terms.clone());
        if let Some(filter) = &self.filter {
            let lines = terms.clone().map(|term| filter.touch(term));
            std::hint::black_box(lines.fold(0, u64::wrapping_add));
        }
        let is_known = |term: &u64| self.filter.as_ref().is_none_or(|filter| filter.may_hold(*term));
        let first = |term: u64| {
            let run = self.shards.get(shard_of(term))?.runs.first()?;
            let page = self.pages.peek(page_of(run, term))?;
            Some(pages::touch(page, part_of(run, term)))
        };
        let read = terms.filter(is_known).filter_map(first);
        std::hint::black_box(read.fold(0, u8::wrapping_add));
    }

    /// How many numbers a term has.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn len(&mut self, term: u64) -> Result<usize> {
        if let Some(len) = self.frequent.get(&term) {
            return Ok(*len);
        }
        self.find(term)?;
        let len = self.found.numbers.len();
        if len > self.limits.frequent_min {
            self.frequent.insert(term, len);
        }
        Ok(len)
    }

    /// The numbers of a term, ascending.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn numbers(&mut self, term: u64) -> Result<&[u64]> {
        self.find(term)?;
        Ok(&self.found.numbers)
    }

    /// Puts a number of at most 39 bits into a term's set.
    ///
    /// # Errors
    /// Where the number is larger, or the state cannot be read.
    pub fn insert(&mut self, term: u64, number: u64) -> Result<Changed> {
        if number > NUMBER_MAX {
            let cause = "there is no room for numbers of more than 39 bits";
            return Err(ConnectorError::fatal("change", self.pages_space.0, cause));
        }
        self.change(term, Change::put(number))
    }

    /// Takes a number out of a term's set.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn remove(&mut self, term: u64, number: u64) -> Result<Changed> {
        self.change(term, Change::taken(number))
    }

    /// Puts numbers into sets that lack them, for many terms at once: none is looked for.
    ///
    /// # Errors
    /// Where a number is too large, or the state cannot be read.
    pub fn insert_new(&mut self, pairs: &[(u64, u64)]) -> Result<()> {
        let (noted_before, mut others) = (self.changed.len(), Vec::new());
        for (term, number) in pairs.iter().copied() {
            if self.frequent.contains_key(&term) || number > NUMBER_MAX {
                others.push((term, number));
                continue;
            }
            if self.found.term == Some(term) {
                self.found.term = None;
            }
            let change = Change::put(number);
            self.changed.push(Pair { term, change });
        }
        let new = self.changed.get(noted_before..).unwrap_or_default();
        self.held += note_all(&mut self.shards, new);
        for (term, number) in others {
            self.insert(term, number)?;
        }
        Ok(())
    }

    fn note(&mut self, pair: Pair) {
        if let Some(shard) = self.shards.get_mut(shard_of(pair.term)) {
            self.held += usize::from(shard.recent.note(pair));
        }
        self.changed.push(pair);
    }

    fn change(&mut self, term: u64, change: Change) -> Result<Changed> {
        let number = change.number();
        let changed = if let Some(len) = self.frequent.get(&term).copied() {
            let is_other = self.holds(term, number)? != change.is_put();
            let len = match (is_other, change.is_put()) {
                (false, _) => len,
                (true, true) => len + 1,
                (true, false) => len.saturating_sub(1),
            };
            if is_other && self.found.term == Some(term) {
                self.found.term = None;
            }
            Changed { is_other, len }
        } else {
            self.find(term)?;
            let numbers = &mut self.found.numbers;
            let is_other = match (numbers.binary_search(&number), change.is_put()) {
                (Err(at), true) => {
                    numbers.insert(at, number);
                    true
                }
                (Ok(at), false) => {
                    numbers.remove(at);
                    true
                }
                _ => false,
            };
            let len = numbers.len();
            Changed { is_other, len }
        };
        if changed.len > self.limits.frequent_min {
            self.frequent.insert(term, changed.len);
        } else {
            self.frequent.remove(&term);
        }
        if changed.is_other {
            self.note(Pair { term, change });
        }
        Ok(changed)
    }

    /// Gathers the set of a term.
    fn find(&mut self, term: u64) -> Result<()> {
        if self.found.term == Some(term) {
            return Ok(());
        }
        self.found.term = None;
        self.found.numbers.clear();
        if let Some(shard) = self.shards.get(shard_of(term)) {
            let numbers = &mut self.found.numbers;
            for run in shard.runs_of(term, self.filter.as_ref()) {
                let key = page_of(run, term);
                let page = self.pages.get(key, &*self.state, self.pages_space)?;
                take(numbers, 0, changes_of(page, term, part_of(run, term)), &|n| n);
            }
            take(numbers, 0, shard.recent.of(term), &|n| n);
        }
        self.found.term = Some(term);
        Ok(())
    }

    /// Appends the numbers of a term, ascending, as `made` makes them, or none where there are more than `max`; returns how many
    /// there are. For many threads at once: what it reads is kept once [`PostingIndex::keep_read`] is called.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn look<N: Ord>(
        &self,
        term: u64,
        max: usize,
        numbers: &mut Vec<N>,
        made: impl Fn(u64) -> N,
    ) -> Result<usize> {
        if let Some(len) = self.frequent.get(&term).filter(|len| **len > max) {
            return Ok(*len);
        }
        let Some(shard) = self.shards.get(shard_of(term)) else {
            return Ok(0);
        };
        let from = numbers.len();
        for run in shard.runs_of(term, self.filter.as_ref()) {
            let key = page_of(run, term);
            self.pages.look(key, &*self.state, self.pages_space, |page| {
                take(numbers, from, changes_of(page, term, part_of(run, term)), &made);
            })?;
        }
        take(numbers, from, shard.recent.of(term), &made);
        let len = numbers.len() - from;
        if len > max {
            numbers.truncate(from);
        }
        Ok(len)
    }

    /// Keeps at hand what [`PostingIndex::look`] has read.
    pub fn keep_read(&mut self) {
        self.pages.keep_read();
    }

    /// Whether a set that is too large to be gathered has a number.
    fn holds(&mut self, term: u64, number: u64) -> Result<bool> {
        let Some(shard) = self.shards.get(shard_of(term)) else {
            return Ok(false);
        };
        if let Some(change) = shard.recent.find(term, number) {
            return Ok(change.is_put());
        }
        for run in shard.runs.iter().rev() {
            let page = self
                .pages
                .get(page_of(run, term), &*self.state, self.pages_space)?;
            if let Some(change) = change_of(page, term, number) {
                return Ok(change.is_put());
            }
        }
        Ok(false)
    }

    /// How many terms have more than `max` numbers. Looks at all of them.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn count_over(&mut self, max: usize) -> Result<u64> {
        let mut over = 0;
        for number in 0..SHARDS {
            let Some(shard) = self.shards.get(number) else {
                continue;
            };
            let mut all = Vec::new();
            for run in shard.runs.clone() {
                all = merged(all, self.pairs_of_run(number, run, None)?);
            }
            if let Some(shard) = self.shards.get(number) {
                all = merged(all, shard.recent.pairs(number));
            }
            let sets = all.chunk_by(|a, b| a.term == b.term);
            let large = sets.filter(|set| set.iter().filter(|p| p.change.is_put()).count() > max);
            over += large.count() as u64;
        }
        Ok(over)
    }

    /// Moves the changes into the epoch's batch, and writes some shards in pages.
    ///
    /// As with [`crate::TypedSpace::flush`] an epoch need not be committed before the next one is flushed; the one before the
    /// last has to be.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn flush(&mut self, batch: &mut StateBatch) -> Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let mut list = Vec::with_capacity(self.changed.len() * PAIR_BYTES);
        self.changed.iter().for_each(|pair| pair.write(&mut list));
        batch.put(self.lists_space, self.next_list.to_be_bytes(), list);
        self.lists.push_back(self.next_list);
        self.next_list += 1;
        self.changed.clear();
        for _ in 0..SHARDS {
            if self.held <= self.limits.changes_max {
                break;
            }
            self.write_shard(self.next_shard, batch)?;
            self.next_shard = (self.next_shard + 1) % SHARDS;
        }
        let waiting = self.shards.iter().filter(|shard| !shard.recent.is_empty());
        let oldest = waiting
            .map(|shard| shard.written_before)
            .min()
            .unwrap_or(self.next_list);
        while let Some(list) = self.lists.front().copied().filter(|list| *list < oldest) {
            self.lists.pop_front();
            batch.delete(self.lists_space, list.to_be_bytes());
        }
        self.pages.age();
        Ok(())
    }

    /// Writes what is in no run as a new one, together with those that are not much larger.
    fn write_shard(&mut self, number: usize, batch: &mut StateBatch) -> Result<()> {
        let Some(shard) = self.shards.get_mut(number) else {
            return Ok(());
        };
        shard.written_before = self.next_list;
        if shard.recent.is_empty() {
            return Ok(());
        }
        let mut all = shard.recent.pairs(number);
        self.held = self.held.saturating_sub(all.len());
        shard.recent.clear();
        if let Some(filter) = &mut self.filter {
            for some in all.chunks(TOUCHED_AT_ONCE) {
                let lines = some.iter().map(|pair| filter.touch(pair.term));
                std::hint::black_box(lines.fold(0, u64::wrapping_add));
                let terms = some.chunk_by(|a, b| a.term == b.term);
                terms
                    .filter_map(<[Pair]>::first)
                    .for_each(|pair| filter.insert(pair.term));
            }
        }
        let id = shard.runs.last().map_or(0, |run| run.id.wrapping_add(1));
        let mut runs = std::mem::take(&mut shard.runs);
        while let Some(last) = runs.last().copied()
            && last.pairs < (RUN_RATIO * all.len()) as u64
        {
            runs.pop();
            all = merged(self.pairs_of_run(number, last, Some(batch))?, all);
        }
        if runs.is_empty() {
            // Nothing older is there for them to be taken out of.
            all.retain(|pair| pair.change.is_put());
        }
        if !all.is_empty() {
            let run = Run {
                id,
                page_bits: page_bits(all.len()),
                pairs: all.len() as u64,
            };
            for of_page in all.chunk_by(|a, b| page_of(&run, a.term) == page_of(&run, b.term)) {
                let Some(first) = of_page.first() else { continue };
                let mut page = Vec::with_capacity(of_page.len() * PAIR_BYTES);
                of_page.iter().for_each(|pair| pair.write(&mut page));
                let key = page_of(&run, first.term);
                batch.put(self.pages_space, key.bytes(), &page);
                self.pages.put(key, page);
            }
            runs.push(run);
        }
        let mut stored = postcard::to_allocvec(&runs).map_err(|e| self.broken(e))?;
        stored.extend_from_slice(&self.next_list.to_be_bytes());
        batch.put(self.pages_space, shard_key(number), stored);
        if let Some(shard) = self.shards.get_mut(number) {
            shard.runs = runs;
        }
        Ok(())
    }

    /// All pairs of a run; with `batch`, its pages are deleted.
    fn pairs_of_run(
        &mut self,
        shard: usize,
        run: Run,
        mut batch: Option<&mut StateBatch>,
    ) -> Result<Vec<Pair>> {
        let mut all = Vec::with_capacity(usize::try_from(run.pairs).unwrap_or(0));
        for page in 0..1_u16 << run.page_bits {
            let key = PageKey::new(shard, run.id, page);
            all.extend(pairs(&self.pages.read(key, &*self.state, self.pages_space)?));
            if let Some(batch) = &mut batch {
                batch.delete(self.pages_space, key.bytes());
                self.pages.forget(key);
            }
        }
        Ok(all)
    }

    fn broken(&self, error: postcard::Error) -> ConnectorError {
        ConnectorError::fatal("read", self.pages_space.0, error)
    }
}

impl Shard {
    /// The runs that may have a term, older first.
    fn runs_of(&self, term: u64, filter: Option<&KeyFilter>) -> &[Run] {
        if self.runs.is_empty() || filter.is_some_and(|filter| !filter.may_hold(term)) {
            return &[];
        }
        &self.runs
    }
}

/// Notes changes, and fetches the memory of some at a time together; returns how many more there are.
fn note_all(shards: &mut [Shard], pairs: &[Pair]) -> usize {
    let mut more = 0;
    for some in pairs.chunks(TOUCHED_AT_ONCE) {
        touch_recent(shards, some.iter().map(|pair| pair.term));
        for pair in some {
            if let Some(shard) = shards.get_mut(shard_of(pair.term)) {
                more += usize::from(shard.recent.note(*pair));
            }
        }
    }
    more
}

/// Reads where changes of terms lie, so that they come together.
fn touch_recent(shards: &[Shard], terms: impl Iterator<Item = u64>) {
    let home = |term: u64| Some(shards.get(shard_of(term))?.recent.touch(term));
    std::hint::black_box(terms.filter_map(home).fold(0, u32::wrapping_add));
}

/// Applies newer changes to a set, which lies behind what a list holds.
fn take<N: Ord>(
    numbers: &mut Vec<N>,
    from: usize,
    changes: impl Iterator<Item = Change>,
    made: &impl Fn(u64) -> N,
) {
    for change in changes {
        let number = made(change.number());
        let set = numbers.get(from..).unwrap_or_default();
        // Mostly numbers come in their order.
        if change.is_put() && set.last().is_none_or(|last| *last < number) {
            numbers.push(number);
            continue;
        }
        match (set.binary_search(&number), change.is_put()) {
            (Err(at), true) => numbers.insert(from + at, number),
            (Ok(at), false) => drop(numbers.remove(from + at)),
            _ => {}
        }
    }
}

/// The shard of a term.
const fn shard_of(term: u64) -> usize {
    (term >> (u64::BITS - SHARD_BITS)) as usize
}

/// The bits that the terms of a shard begin with.
const fn prefix_of(shard: usize) -> u64 {
    (shard as u64) << (u64::BITS - SHARD_BITS)
}

const SHARD_KEY_BYTES: usize = 2;

/// Where the runs of a shard are listed.
#[expect(clippy::cast_possible_truncation, reason = "there are fewer")]
const fn shard_key(shard: usize) -> [u8; SHARD_KEY_BYTES] {
    (shard as u16).to_be_bytes()
}

/// The page of a run in which a term lies.
#[expect(clippy::cast_possible_truncation, reason = "so many bits")]
fn page_of(run: &Run, term: u64) -> PageKey {
    let within = (term << SHARD_BITS).checked_shr(u64::BITS - u32::from(run.page_bits));
    PageKey::new(shard_of(term), run.id, within.unwrap_or(0) as u16)
}

/// Where a term lies between the first that its page could hold and the last, in parts of 2^64.
fn part_of(run: &Run, term: u64) -> u64 {
    let bits = SHARD_BITS + u32::from(run.page_bits);
    term.checked_shl(bits).unwrap_or(0)
}

/// By how many bits so many pairs are told apart in pages.
fn page_bits(pairs: usize) -> u8 {
    let mut bits = 0;
    while bits < PAGE_BITS_MAX && pairs >> bits > PAGE_PAIRS_MAX * 3 / 4 {
        bits += 1;
    }
    bits
}
