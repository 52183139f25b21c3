//! Processes that own, die, wake up late and come back, over a place that loses answers. State is the embedded one.

use crate::{FailoverOptions, JOURNAL, Owned, Stores, stand_by};
use bytes::Bytes;
use panorama_api::{
    ConnectorError, Created, Fill, Objects, Result, Shutdown, Space, StateBatch, StateRead, StateStore, Visit,
};
use panorama_log_local::{LocalLog, LocalLogOptions};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const A: Space = Space("a");
const B: Space = Space("b");

/// Objects in memory. One of so many calls, at random, fails: before it is done, or after.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Bytes>>,
    calls: AtomicU64,
    one_of: AtomicU64,
}

impl Memory {
    /// Does a call, or fails: then with or without having done it.
    fn call<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> Result<T> {
        let failed = || Err(ConnectorError::retry("reach", "memory", "planted"));
        let count = self.calls.fetch_add(1, Ordering::Relaxed);
        let dice = count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let one_of = self.one_of.load(Ordering::Relaxed);
        let fails = one_of > 0 && dice.is_multiple_of(one_of);
        if fails && (dice / one_of).is_multiple_of(2) {
            return failed();
        }
        let done = act(&mut self.objects.lock().unwrap());
        if fails { failed() } else { Ok(done) }
    }
}

impl Objects for Memory {
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created> {
        self.call(|objects| match objects.contains_key(name) {
            true => Created::Exists,
            false => {
                objects.insert(name.to_owned(), bytes);
                Created::Made
            }
        })
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.call(|objects| drop(objects.insert(name.to_owned(), bytes)))
    }

    fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.call(|objects| objects.get(name).cloned())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>> {
        self.call(|objects| {
            let names = objects.keys().filter(|name| name.starts_with(directory));
            names.cloned().collect()
        })
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.call(|objects| drop(objects.remove(name)))
    }
}

/// One machine's disk; its state in memory, where many are made.
struct Disk(tempfile::TempDir, Option<Mutex<Arc<State>>>);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), None)
    }

    fn quick() -> Self {
        Self(tempfile::tempdir().unwrap(), Some(Mutex::default()))
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }
}

/// State in memory, kept by its disk.
#[derive(Clone, Default)]
struct State(Arc<Mutex<Kept>>);

type Kept = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

impl StateRead for State {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(&(space, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, from: &[u8], to: Option<&[u8]>, visit: Visit<'_>) -> Result<()> {
        for ((found, key), value) in self.0.lock().unwrap().range((space, from.to_vec())..) {
            if *found != space || to.is_some_and(|to| key.as_slice() >= to) || visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl StateStore for State {
    fn snapshot(&self) -> Result<Box<dyn StateRead>> {
        Ok(Box::new(Self(Arc::new(Mutex::new(
            self.0.lock().unwrap().clone(),
        )))))
    }

    fn commit(&self, batch: StateBatch) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        for (space, key, value) in batch.iter() {
            match value {
                Some(value) => state.insert((space, key.to_vec()), value.to_vec()),
                None => state.remove(&(space, key.to_vec())),
            };
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn load(&self, space: Space, fill: Fill<'_>) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        fill(&mut |key, value| {
            state.insert((space, key.to_vec()), value.to_vec());
            Ok(())
        })
    }
}

impl Stores for Disk {
    fn open(&self) -> Result<Arc<dyn StateStore>> {
        if let Some(memory) = &self.1 {
            return Ok(Arc::clone(&*memory.lock().unwrap()) as _);
        }
        let log = LocalLog::open(&self.state(), LocalLogOptions::default(), &[A, B, JOURNAL])?;
        Ok(Arc::new(log))
    }

    fn wipe(&self) -> Result<()> {
        if let Some(memory) = &self.1 {
            *memory.lock().unwrap() = Arc::default();
            return Ok(());
        }
        LocalLog::erase(&self.state())
    }
}

const SILENCE: Duration = Duration::from_millis(300);

fn options(disk: &Disk, wait: bool) -> FailoverOptions {
    let silence = if disk.1.is_some() { SILENCE / 10 } else { SILENCE };
    let directory = disk.0.path();
    FailoverOptions {
        entry_bytes: 2_000,
        base_every_bytes: 4_000,
        ..FailoverOptions::new(directory.join("failover"), vec![A, B, JOURNAL], silence, wait)
    }
}

/// Owns as soon as it may.
fn own(disk: &Disk, place: &Arc<Memory>) -> Owned {
    let (stop, shutdown) = Shutdown::new();
    loop {
        let objects = Arc::clone(place) as Arc<dyn Objects>;
        match stand_by(options(disk, true), objects, disk, shutdown.clone()) {
            Ok(owned) => {
                std::mem::forget(stop);
                return owned.unwrap();
            }
            // A process that fails is started again.
            Err(error) if error.cause.to_string() == "planted" || is_passing(&error) => {}
            Err(error) => panic!("{error}: {}", error.cause),
        }
    }
}

fn is_passing(error: &ConnectorError) -> bool {
    error.class() == panorama_api::ErrorClass::Retry
}

fn content(state: &dyn StateRead) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut content = BTreeMap::new();
    for space in [A, B] {
        state
            .scan(space, &[], None, &mut |key, value| {
                content.insert([space.0.as_bytes(), key].concat(), value.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    content
}

fn change(number: u64) -> StateBatch {
    let mut batch = StateBatch::default();
    batch.put(A, format!("k{}", number % 50), number.to_be_bytes());
    batch.put(B, format!("{number}"), vec![number as u8; 40]);
    batch.delete(B, format!("{}", number / 2));
    batch
}

/// What state is after so many changes.
fn expected(numbers: impl Iterator<Item = u64>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut content = BTreeMap::new();
    for number in numbers {
        for (space, key, value) in change(number).iter() {
            let key = [space.0.as_bytes(), key].concat();
            match value {
                Some(value) => content.insert(key, value.to_vec()),
                None => content.remove(&key),
            };
        }
    }
    content
}

#[test]
fn another_goes_on_from_what_was_shared_and_the_former_owner_is_kept_out() {
    let place = Arc::new(Memory::default());
    let (one, two) = (Disk::new(), Disk::new());
    let first = own(&one, &place);
    for number in 0..100 {
        first.commit(change(number)).unwrap();
    }
    first.share().unwrap();
    // The first process is about to sleep: its beats stop, which share what there is, and it does not know.
    let sleeping = std::mem::ManuallyDrop::new(first);
    sleeping.stop_beating();
    // Nobody heard of these.
    sleeping.commit(change(1_000)).unwrap();
    sleeping.commit(change(1_001)).unwrap();
    drop(place.objects.lock().unwrap().remove(&crate::owner::alive(1)));
    let began = Instant::now();
    let second = own(&two, &place);
    assert!(began.elapsed() >= SILENCE);
    assert_eq!(second.generation(), 2);
    assert_eq!(content(&second), expected(0..100));
    second.commit(change(100)).unwrap();
    second.share().unwrap();
    // The first one wakes up.
    let late = sleeping.share().unwrap_err();
    assert!(
        late.cause
            .to_string()
            .contains("took this pipeline over (generation 2)"),
        "{}",
        late.cause
    );
    assert!(sleeping.commit(change(1_002)).is_err());
    assert!(sleeping.lost().is_some());
    drop(std::mem::ManuallyDrop::into_inner(sleeping));
    second.release().unwrap();
    drop(second);
    let began = Instant::now();
    let first = own(&one, &place);
    // The second had released it: nothing to wait for.
    assert!(began.elapsed() < SILENCE);
    assert_eq!(content(&first), expected(0..101));
}

#[test]
fn who_is_not_to_wait_says_that_another_is_at_work() {
    let place = Arc::new(Memory::default());
    let (one, two) = (Disk::new(), Disk::new());
    let _first = own(&one, &place);
    let (_stop, shutdown) = Shutdown::new();
    let objects = Arc::clone(&place) as Arc<dyn Objects>;
    let refused = stand_by(options(&two, false), objects, &two, shutdown)
        .err()
        .unwrap();
    assert!(
        refused.cause.to_string().contains("generation 1"),
        "{}",
        refused.cause
    );
}

#[test]
fn state_from_before_the_journal_is_where_it_begins() {
    let place = Arc::new(Memory::default());
    let (one, two) = (Disk::new(), Disk::new());
    {
        let store = one.open().unwrap();
        for number in 0..20 {
            store.commit(change(number)).unwrap();
        }
    }
    let first = own(&one, &place);
    first.commit(change(20)).unwrap();
    first.release().unwrap();
    drop(first);
    assert_eq!(content(&own(&two, &place)), expected(0..21));
}

/// Two machines, owners that die at any moment, a place that loses requests and answers: what was shared is never lost,
/// and everybody's state is that of the journal.
#[test]
fn what_was_shared_is_there_whoever_goes_on() {
    for seed in 1..=60u64 {
        let place = Arc::new(Memory::default());
        place.one_of.store(8 + seed % 11, Ordering::Relaxed);
        let disks = [Disk::quick(), Disk::quick(), Disk::quick()];
        let (mut shared, mut maybe): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        let mut next = 0;
        let mut random = seed;
        let mut draw = move |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for _ in 0..6 {
            let owned = own(&disks[draw(3) as usize], &place);
            // What was not shared may have been, in order, up to some change.
            let found = content(&owned);
            let kept = (0..=maybe.len())
                .find(|kept| found == expected(shared.iter().chain(&maybe[..*kept]).copied()));
            let kept = kept.unwrap_or_else(|| {
                let wanted = expected(shared.iter().copied());
                let lost = wanted
                    .iter()
                    .filter(|(key, value)| found.get(*key) != Some(*value))
                    .count();
                let more = found.keys().filter(|key| !wanted.contains_key(*key)).count();
                panic!(
                    "seed {seed}: of {} shared entries {lost} are lost, and {more} are more",
                    wanted.len()
                )
            });
            shared.extend(maybe.drain(..).take(kept));
            for _ in 0..draw(60) {
                owned.commit(change(next)).unwrap();
                maybe.push(next);
                next += 1;
                if draw(9) == 0 {
                    owned.share().unwrap();
                    shared.append(&mut maybe);
                }
            }
            if draw(4) == 0 && owned.release().is_ok() {
                shared.append(&mut maybe);
            }
        }
    }
}
