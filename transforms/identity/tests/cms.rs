//! The CMS combinations on the shared person lists: how many pairs they find and how many of them are right, and how a
//! responder answers queries from outside.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[expect(unreachable_pub, reason = "shared with the benchmark")]
mod lists;

use panorama_identity::cms::{Action, CombinationId, Index, IndexLimits, Rules};
use panorama_standardize::{StandardPerson, standardize};
use std::collections::{BTreeMap, HashMap};

/// A list with its persons standardized; without it the test says so and passes.
fn load(name: &str) -> Option<(lists::List, Vec<StandardPerson>)> {
    let list = lists::load(name);
    if list.is_none() {
        println!("skipped: no ../shared");
    }
    list.map(|list| {
        let persons = list.persons.iter().map(standardize).collect();
        (list, persons)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Pairs that fulfil a combination, and how many of them are one person.
#[derive(Default)]
struct Pairs {
    found: u64,
    right: u64,
    all: u64,
    by_combination: BTreeMap<CombinationId, (u64, u64)>,
}

impl Pairs {
    fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    fn recall(&self) -> f64 {
        share(self.right, self.all)
    }
}

/// Every record asks for every other.
fn pairs(list: &lists::List, persons: &[StandardPerson], rules: Rules) -> Pairs {
    let mut index = Index::new(rules, IndexLimits::default());
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for (place, person) in persons.iter().enumerate() {
        index.insert(&place, person);
        *sizes.entry(&list.truth[place]).or_default() += 1;
    }
    assert_eq!(index.counters().keys_dropped, 0);
    let mut pairs = Pairs {
        all: sizes.values().map(|n| n * (n - 1) / 2).sum(),
        ..Pairs::default()
    };
    for (place, person) in persons.iter().enumerate() {
        for candidate in index.respond(person).candidates {
            if candidate.subject <= place {
                continue;
            }
            let right = u64::from(list.truth[candidate.subject] == list.truth[place]);
            pairs.found += 1;
            pairs.right += right;
            for found in candidate.matches {
                let slot = pairs.by_combination.entry(found.combination).or_default();
                *slot = (slot.0 + 1, slot.1 + right);
            }
        }
    }
    pairs
}

#[test]
fn approved_combinations_are_precise_and_household_unsafe_ones_are_not() {
    let check = |name: &str, precision: f64, recall: f64| {
        let Some((list, persons)) = load(name) else { return };
        let safe = pairs(&list, &persons, Rules::default());
        let unsafe_too = pairs(&list, &persons, Rules::default().with_household_unsafe());
        for (rules, pairs) in [("01-32", &safe), ("01-37", &unsafe_too)] {
            let (p, r) = (pairs.precision(), pairs.recall());
            println!("{name} {rules}: pair precision {p:.4}, recall {r:.4}");
        }
        for (id, (found, right)) in &unsafe_too.by_combination {
            println!("  {id}: {found} pairs, precision {:.4}", share(*right, *found));
        }
        assert!(
            safe.precision() >= precision,
            "{name}: precision {}",
            safe.precision()
        );
        assert!(safe.recall() >= recall, "{name}: recall {}", safe.recall());
        assert!(
            unsafe_too.precision() < safe.precision() - 0.05,
            "{name}: 33-37 cost nothing"
        );
    };
    check("us_20k", 0.995, 0.41);
    check("us_100k", 0.995, 0.41);
}

/// What became of the queries of people from outside.
#[derive(Debug, Default)]
struct Answers {
    right: u64,
    wrong: u64,
    asked_for_more: u64,
    stricter: u64,
    nobody: u64,
}

/// One record of each person asks for the person of the others; people of one record ask for nobody.
fn answers(list: &lists::List, persons: &[StandardPerson], rules: Rules) -> (Answers, Answers) {
    let mut index = Index::new(rules, IndexLimits::default());
    let mut queries: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, truth) in list.truth.iter().enumerate() {
        // The last record asks, the earlier ones are known.
        if let Some(known) = queries.insert(truth, place) {
            index.insert(&truth.as_str(), &persons[known]);
        }
    }
    let (mut known, mut unknown) = (Answers::default(), Answers::default());
    let mut several: HashMap<&str, u64> = HashMap::new();
    list.truth
        .iter()
        .for_each(|truth| *several.entry(truth).or_default() += 1);
    for (truth, query) in queries {
        let answers = if several[truth] > 1 {
            &mut known
        } else {
            &mut unknown
        };
        let response = index.respond(&persons[query]);
        match response.action() {
            Action::NoMatch => answers.nobody += 1,
            Action::Answer if response.answer() == Some(&truth) => answers.right += 1,
            Action::Answer => answers.wrong += 1,
            Action::AskForMore => answers.asked_for_more += 1,
            Action::Stricter => answers.stricter += 1,
        }
    }
    (known, unknown)
}

#[test]
fn answers_name_the_right_person() {
    let check = |name: &str, precision: f64, recall: f64| {
        let Some((list, persons)) = load(name) else { return };
        let (known, unknown) = answers(&list, &persons, Rules::default());
        let asked = known.right + known.wrong + known.asked_for_more + known.stricter + known.nobody;
        let p = share(known.right, known.right + known.wrong + unknown.wrong);
        let r = share(known.right, asked);
        println!("{name}: answers precision {p:.4}, recall {r:.4}; known {known:?}, unknown {unknown:?}");
        assert!(p >= precision && r >= recall, "{name}: precision {p}, recall {r}");
    };
    check("us_20k", 0.998, 0.54);
    check("us_100k", 0.998, 0.53);
}
