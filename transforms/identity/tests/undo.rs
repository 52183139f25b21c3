//! Undo is exact (INV-7): after thousands of statements that join and part records at random, and are all taken back, the
//! engine's state is that of a run that never heard of them - persons and their ids, edges, open reviews.
//!
//! Runs over the shared list `us_100k`, or the one that `PANORAMA_UNDO_LIST` names, and over a small made population that
//! is always there. `cargo test --release -p panorama-identity --test undo -- --nocapture` prints figures.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that reads a list and tells how long it took"
)]

#[expect(unreachable_pub, reason = "shared with the benchmark")]
mod lists;

use panorama_identity::{
    BlockKey, Changes, IdentityEngine, IdentityStore, MatchWeight, Membership, MemoryStore, Model,
    PreparedPerson, RecordNumber, ReviewStatus, Scorer, StatementKind, Verdict,
};
use panorama_model::{
    IdentityEvent, IdentityEventKind, PartialDate, PersonId, RecordKind, SourceRecordKey, Timestamp, Version,
};
use panorama_standardize::{BirthDate, StandardPerson, standardize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Statements made and taken back.
const STATEMENTS: usize = 10_000;

/// Records for each statement in force at one time: fewer would chain the whole population into one component.
const RECORDS_PER_STATEMENT: usize = 16;

/// An engine, its store, and what a reader of its changes knows.
struct Run {
    engine: IdentityEngine,
    store: MemoryStore,
    persons: BTreeMap<RecordNumber, PersonId>,
    reviews: BTreeMap<(RecordNumber, RecordNumber), MatchWeight>,
    clock: i64,
}

/// Everything that must come back, by the keys of records.
#[derive(Debug, PartialEq)]
struct State {
    memberships: BTreeMap<SourceRecordKey, Membership>,
    edges: BTreeMap<(SourceRecordKey, SourceRecordKey), MatchWeight>,
    reviews: BTreeMap<(SourceRecordKey, SourceRecordKey), MatchWeight>,
}

impl Run {
    fn new(model: &Model) -> Self {
        Self {
            engine: IdentityEngine::new(Arc::new(Scorer::new(model.clone()).unwrap())),
            store: MemoryStore::new(),
            persons: BTreeMap::new(),
            reviews: BTreeMap::new(),
            clock: 0,
        }
    }

    fn apply(&mut self, changes: &Changes) {
        for moved in &changes.reassigned {
            assert_eq!(self.persons.insert(moved.record, moved.new), moved.old);
        }
        for review in &changes.reviews {
            let known = match review.status {
                ReviewStatus::Open => self.reviews.insert((review.a, review.b), review.weight),
                ReviewStatus::Closed => self.reviews.remove(&(review.a, review.b)),
            };
            assert!(
                review.status == ReviewStatus::Open || known.is_some(),
                "closed what was not open"
            );
        }
    }

    fn put(&mut self, key: &SourceRecordKey, prepared: &PreparedPerson) {
        let changes = self
            .engine
            .upsert(&mut self.store, key, prepared.clone(), lists::VERSION);
        self.apply(&changes);
    }

    fn version(&mut self) -> Version {
        self.clock += 1;
        Version::new(Timestamp(self.clock), 0, b"")
    }

    fn decide(&mut self, (a, b): (&SourceRecordKey, &SourceRecordKey), verdict: Verdict) {
        let version = self.version();
        let changes = self.engine.decide(&mut self.store, a, b, verdict, version);
        self.apply(&changes);
    }

    fn say(
        &mut self,
        kind: IdentityEventKind,
        (a, b): (&SourceRecordKey, &SourceRecordKey),
        version: Version,
    ) {
        let event = IdentityEvent {
            kind,
            subject: a.clone(),
            other: b.clone(),
            version,
        };
        let changes = self.engine.apply_event(&mut self.store, &event);
        self.apply(&changes);
    }

    /// The state, after a check that the reader of the changes knows the same, and that reviews are what edges, persons
    /// and statements make them.
    fn state(&mut self) -> State {
        let members: Vec<_> = self
            .store
            .memberships()
            .map(|(n, key, m)| (n, key.clone(), m))
            .collect();
        let keys: BTreeMap<_, _> = members
            .iter()
            .map(|(number, key, _)| (*number, key.clone()))
            .collect();
        let told: BTreeMap<_, _> = members.iter().map(|(number, _, m)| (*number, m.person)).collect();
        assert_eq!(self.persons, told, "the changes tell all moves");
        let pair = |a: RecordNumber, b: RecordNumber| {
            let (a, b) = (keys[&a].clone(), keys[&b].clone());
            if a < b { (a, b) } else { (b, a) }
        };
        let (mut edges, mut reviews) = (BTreeMap::new(), BTreeMap::new());
        let mut found = Vec::new();
        for (number, _, membership) in &members {
            found.clear();
            self.store.edges(*number, &mut found);
            let statements = self.store.statements(*number);
            for edge in &found {
                edges.insert(pair(*number, edge.other), edge.weight);
                let stated = statements
                    .iter()
                    .any(|s| s.other == edge.other && s.in_force().is_some());
                if told[&edge.other] != membership.person && !stated {
                    reviews.insert(pair(*number, edge.other), edge.weight);
                }
            }
        }
        let told: BTreeMap<_, _> = self
            .reviews
            .iter()
            .map(|((a, b), w)| (pair(*a, *b), *w))
            .collect();
        assert_eq!(told, reviews, "the changes tell all reviews");
        State {
            memberships: members.into_iter().map(|(_, key, m)| (key, m)).collect(),
            edges,
            reviews,
        }
    }
}

/// A pair of records and what a steward or a source says of it.
enum Said {
    Steward(usize, usize, Verdict),
    Source(usize, usize, IdentityEventKind),
}

/// Statements that surely matter: of strangers, of records of one person, of doubtful pairs.
fn statements(run: &mut Run, keys: &[SourceRecordKey]) -> Vec<Said> {
    let mut draw = lists::draws(17);
    let numbers: Vec<_> = keys.iter().map(|key| run.store.find(key).unwrap()).collect();
    let place: BTreeMap<_, _> = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| (*number, at))
        .collect();
    // What each person can be reached by: an unlink of a caller from one of several who share the caller's number leaves
    // the others, so it is not as if nothing had been said.
    let mut reached_by: BTreeMap<PersonId, BTreeSet<BlockKey>> = BTreeMap::new();
    for number in &numbers {
        let entry = run.store.record(*number).unwrap();
        let anchors = reached_by.entry(run.persons[number]).or_default();
        anchors.extend(entry.anchors.iter().copied());
    }
    let mut out = Vec::with_capacity(STATEMENTS);
    let mut edges = Vec::new();
    let mut taken = BTreeSet::new();
    while out.len() < STATEMENTS {
        let a = draw(keys.len());
        edges.clear();
        run.store.edges(numbers[a], &mut edges);
        let stranger = edges.is_empty() || draw(2) == 0;
        let b = if stranger {
            draw(keys.len())
        } else {
            place[&edges[draw(edges.len())].other]
        };
        if a == b || !taken.insert((a.min(b), a.max(b))) {
            // Few edges are drawn over and over: once in a while a pair is said something of again.
            if a == b || draw(4) != 0 {
                continue;
            }
        }
        let persons = [a, b].map(|at| run.persons[&numbers[at]]);
        let unrelated = persons[0] != persons[1]
            && reached_by[&persons[0]].is_disjoint(&reached_by[&persons[1]])
            && edges.iter().all(|edge| edge.other != numbers[b]);
        out.push(match draw(3) {
            // What a source unlinks stays unlinked: of strangers that is as if nothing had been said.
            0 if unrelated => {
                use IdentityEventKind::{ChangeIdentifier, Link, Merge};
                Said::Source(a, b, [Merge, Link, ChangeIdentifier][draw(3)])
            }
            1 => Said::Steward(a, b, Verdict::NoMatch),
            _ => Said::Steward(a, b, Verdict::Match),
        });
    }
    out
}

fn take_back(run: &mut Run, keys: &[SourceRecordKey], said: &Said) {
    match *said {
        Said::Steward(a, b, _) => run.decide((&keys[a], &keys[b]), Verdict::Withdrawn),
        Said::Source(a, b, _) => {
            let version = run.version();
            run.say(IdentityEventKind::Unlink, (&keys[b], &keys[a]), version);
        }
    }
}

fn undo_is_exact(name: &str, model: &Model, keys: &[SourceRecordKey], persons: Vec<StandardPerson>) {
    let mut never = Run::new(model);
    let prepared: Vec<_> = keys
        .iter()
        .zip(persons)
        .map(|(key, person)| never.engine.prepare(&key.source, person))
        .collect();
    let started = Instant::now();
    keys.iter()
        .zip(&prepared)
        .for_each(|(key, prepared)| never.put(key, prepared));
    let loaded = started.elapsed();
    let expected = never.state();
    let said = statements(&mut never, keys);

    let mut run = Run::new(model);
    let mut draw = lists::draws(23);
    let mut in_force: Vec<&Said> = Vec::new();
    let (mut puts, mut longest, mut moved_max) = (0, std::time::Duration::ZERO, 0);
    let started = Instant::now();
    for (at, one) in said.iter().enumerate() {
        // Half of the records arrive before the first statement, the others while they are made.
        let due = (keys.len() / 2 + keys.len() * at / STATEMENTS).min(keys.len());
        for (key, prepared) in keys[puts..due].iter().zip(&prepared[puts..due]) {
            run.put(key, prepared);
        }
        puts = puts.max(due);
        let operation = Instant::now();
        match *one {
            Said::Steward(a, b, verdict) => run.decide((&keys[a], &keys[b]), verdict),
            Said::Source(a, b, kind) => {
                let version = run.version();
                if draw(4) == 0 {
                    // The unlink overtakes the link.
                    take_back(&mut run, keys, one);
                    run.say(kind, (&keys[a], &keys[b]), version);
                } else {
                    run.say(kind, (&keys[a], &keys[b]), version);
                }
            }
        }
        in_force.push(one);
        while in_force.len() > keys.len() / RECORDS_PER_STATEMENT || in_force.len() > 1 && draw(3) == 0 {
            let gone = in_force.swap_remove(draw(in_force.len()));
            take_back(&mut run, keys, gone);
        }
        longest = longest.max(operation.elapsed());
        if at % 1_000 == 999 {
            let differ =
                |(key, m): &(&SourceRecordKey, Membership)| expected.memberships[*key].person != m.person;
            let memberships = run.store.memberships().map(|(_, key, m)| (key, m));
            moved_max = moved_max.max(memberships.filter(|pair| differ(pair)).count());
        }
    }
    for gone in in_force.drain(..) {
        take_back(&mut run, keys, gone);
    }
    println!(
        "{name}: {} records in {loaded:.1?}, {STATEMENTS} statements and their undoing in {:.1?}, the longest \
         {longest:.1?}; at most {moved_max} records in another person; {} edges, {} reviews",
        keys.len(),
        started.elapsed(),
        expected.edges.len(),
        expected.reviews.len(),
    );
    assert!(moved_max > keys.len() / 40, "the test has something to undo");
    let found = run.state();
    assert!(found.memberships == expected.memberships, "memberships");
    assert!(found.edges == expected.edges, "edges");
    assert!(found.reviews == expected.reviews, "reviews");
    no_steward_is_in_force(&mut run, keys);
}

fn no_steward_is_in_force(run: &mut Run, keys: &[SourceRecordKey]) {
    for key in keys {
        let number = run.store.find(key).unwrap();
        let statements = run.store.statements(number);
        let mut in_force = statements.iter().filter_map(|pair| pair.in_force());
        assert!(in_force.all(|s| s.kind == StatementKind::SourceUnlink));
    }
}

#[test]
fn all_statements_withdrawn_is_as_if_never_said() {
    let name = std::env::var("PANORAMA_UNDO_LIST").unwrap_or_else(|_| "us_100k".to_owned());
    let Some(list) = lists::load(&name) else {
        println!("skipped: no ../shared");
        return;
    };
    let model = Model::default();
    undo_is_exact(
        &name,
        &model,
        &list.keys,
        list.persons.iter().map(standardize).collect(),
    );
}

#[test]
fn a_made_population_comes_back_too() {
    let (keys, persons) = made();
    undo_is_exact("made", &Model::default(), &keys, persons);
}

#[test]
fn and_under_declarations() {
    let declared = r#"{"version": "declared", "declared": {
        "blocking": [{"keys": ["given_name", "birthday"]}],
        "blocked": {"phones": ["4142000007", "4142000070", "4142000300"], "names": [{"given": "Noor", "family": "Ito"}]},
        "sources": [{"source": "web", "probability_max": 0.95, "ignore": ["phones"]}]}}"#;
    let (keys, persons) = made();
    let keys: Vec<_> = keys
        .into_iter()
        .enumerate()
        .map(|(at, key)| match at % 5 {
            0 => SourceRecordKey::new("web", RecordKind::Patient, key.id),
            _ => key,
        })
        .collect();
    let model = Model::from_json(declared).unwrap();
    undo_is_exact("made, declared", &model, &keys, persons);
}

/// Families of one address and phone, two records of most members, some of them misspelt, and callers.
fn made() -> (Vec<SourceRecordKey>, Vec<StandardPerson>) {
    let mut draw = lists::draws(29);
    let givens = [
        "rosalind",
        "peter",
        "mary",
        "john",
        "gwendolyn",
        "samuel",
        "ada",
        "luis",
        "henry",
        "noor",
    ];
    let families = [
        "keller", "smith", "ruiz", "okafor", "nguyen", "haddad", "novak", "larsen", "ito", "moreau",
    ];
    let mut persons = Vec::new();
    for household in 0..700 {
        let family = families[draw(families.len())];
        let phone = format!("+1414{:07}", 2_000_000 + household);
        for _ in 0..1 + draw(4) {
            let given = givens[draw(givens.len())];
            let (year, month, day) = (1930 + draw(90), 1 + draw(12), 1 + draw(28));
            let date = PartialDate::from_ymd(
                i16::try_from(year).unwrap(),
                u8::try_from(month).unwrap(),
                u8::try_from(day).unwrap(),
            );
            for copy in 0..1 + draw(3) {
                let given = if copy > 0 && draw(4) == 0 {
                    &given[..given.len() - 1]
                } else {
                    given
                };
                let mut person = StandardPerson {
                    given: given.into(),
                    given_canonical: given.into(),
                    family: family.into(),
                    birth_date: date.map(|date| BirthDate { date, weak: false }),
                    ..StandardPerson::default()
                };
                if draw(3) > 0 {
                    person.phones.push(phone.as_str().into());
                }
                persons.push(person);
            }
        }
        if draw(2) == 0 {
            let mut caller = StandardPerson::default();
            caller.phones.push(phone.as_str().into());
            persons.push(caller);
        }
    }
    let keys: Vec<_> = (0..persons.len())
        .map(|at| SourceRecordKey::new("made", RecordKind::Patient, format!("r{at}").as_str()))
        .collect();
    (keys, persons)
}
