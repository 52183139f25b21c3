//! Uniqueness, audits, and the index against a full scan.

use super::*;
use std::collections::BTreeSet;

#[test]
fn one_is_an_answer_two_are_a_question_three_are_too_many() {
    let query = person(|_| As::Same);
    let mut index = Index::new(Rules::default(), IndexLimits::default());
    assert_eq!(index.respond(&query).action(), Action::NoMatch);
    index.insert(&"a", &query);
    index.insert(&"stranger", &person(|_| As::Other));
    let one = index.respond(&query);
    assert_eq!((one.action(), one.answer()), (Action::Answer, Some(&"a")));
    // Another record of the same person is no second person.
    index.insert(
        &"a",
        &person(|field| {
            if field == Field::Phone {
                As::Other
            } else {
                As::Same
            }
        }),
    );
    assert_eq!(
        (index.len(), index.respond(&query).uniqueness),
        (2, Uniqueness::One)
    );
    index.insert(&"b", &query);
    let two = index.respond(&query);
    assert_eq!((two.action(), two.answer()), (Action::AskForMore, None));
    index.insert(&"c", &query);
    assert_eq!(index.respond(&query).action(), Action::Stricter);
    index.remove(&"b");
    index.remove(&"c");
    assert_eq!(index.respond(&query).answer(), Some(&"a"));
}

#[test]
fn values_of_several_records_count_together() {
    let mut index = Index::new(Rules::default(), IndexLimits::default());
    let only = |wanted: &[Field]| {
        let mut p = person(|field| {
            if wanted.contains(&field) {
                As::Same
            } else {
                As::Other
            }
        });
        p.identifiers.clear();
        p
    };
    index.insert(&1, &only(&[Field::FirstName, Field::BirthDate]));
    index.insert(&1, &only(&[Field::Phone]));
    let mut query = person(|_| As::Same);
    query.identifiers.clear();
    let response = index.respond(&query);
    let combinations: Vec<_> = response.candidates[0]
        .matches
        .iter()
        .map(|m| m.combination.0)
        .collect();
    assert_eq!(
        combinations,
        [11],
        "first name and birth date of one record, phone of another"
    );
}

#[test]
fn crowds_are_never_unique() {
    let limits = IndexLimits {
        candidates_max: 4,
        ..IndexLimits::default()
    };
    let mut index = Index::new(Rules::default(), limits);
    let query = person(|_| As::Same);
    // They share the query's name and street, and none of them is the query's person.
    for n in 0..6 {
        let mut p = person(|field| {
            let shared = matches!(
                field,
                Field::FirstName | Field::LastName | Field::StreetLine | Field::PostalCode
            );
            if shared { As::Same } else { As::Other }
        });
        p.identifiers.clear();
        p.birth_date = date(1950, 5, 5 + n);
        index.insert(&usize::from(n), &p);
    }
    index.insert(&99, &query);
    let response = index.respond(&query);
    assert_eq!((response.uniqueness, response.answer()), (Uniqueness::Many, None));
    let tight = IndexLimits {
        keys_max: 1,
        ..IndexLimits::default()
    };
    let mut dropping = Index::new(Rules::default(), tight);
    dropping.insert(
        &1,
        &StandardPerson {
            given: "bill".into(),
            ..query
        },
    );
    assert!(dropping.counters().keys_dropped > 0);
}

#[test]
fn an_audit_names_rule_grade_fields_uniqueness_and_version() {
    let mut index = Index::new(Rules::default(), IndexLimits::default());
    let same = |field| {
        matches!(
            field,
            Field::FirstName | Field::LastName | Field::BirthDate | Field::SocialSecurity
        )
    };
    let stored = person(|field| if same(field) { As::Same } else { As::Other });
    index.insert(&7, &stored);
    let mut query = person(|field| {
        if field == Field::FirstName {
            As::Near
        } else {
            As::Same
        }
    });
    query.identifiers.clear();
    let response = index.respond(&query);
    let audits: Vec<_> = response.audits().collect();
    assert_eq!(audits.len(), 1);
    let json = serde_json::to_value(&audits[0].1).unwrap();
    let expected = serde_json::json!({
        "rules_version": "3.3.0",
        "combination": 4,
        "grade": { "fuzzy": "first_name" },
        "identifiers": ["first_name", "last_name", "birth_date", "social_security"],
        "household_unsafe": false,
        "uniqueness": "one",
        "action": "answer",
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Audit>(json).unwrap(), audits[0].1);
    let text = serde_json::to_string(&response).unwrap();
    assert_eq!(serde_json::from_str::<Response<i32>>(&text).unwrap(), response);
    assert!(!text.contains("keller"), "no values of the record");
}

/// Draws numbers below what is asked, the same in every run.
fn draws(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes());
        usize::try_from(seed % below as u64).unwrap()
    }
}

#[test]
fn the_index_finds_what_a_full_scan_finds() {
    let mut draw = draws(3);
    // Every field is the same, near or other, or not known, so that all combinations come up exact and fuzzy.
    let population: Vec<StandardPerson> = (0..1_500)
        .map(|_| {
            let relations: Vec<As> = Field::ALL
                .iter()
                .map(|_| [As::Same, As::Near, As::Other, As::Other, As::Other][draw(5)])
                .collect();
            let mut p = person(|field| relations[field as usize]);
            match draw(4) {
                0 => p.identifiers.clear(),
                1 => p.phones.clear(),
                2 => p.given = "r".into(),
                _ => p.generation = Some(Generation::Junior),
            }
            p
        })
        .collect();
    let profiles: Vec<Profile> = population.iter().map(Profile::of).collect();
    for rules in [Rules::default(), Rules::default().with_household_unsafe()] {
        let limits = IndexLimits {
            candidates_max: usize::MAX,
            ..IndexLimits::default()
        };
        let mut index = Index::new(rules, limits);
        for (place, p) in population.iter().enumerate() {
            index.insert(&place, p);
        }
        let mut seen = BTreeSet::new();
        for (query, profile) in population.iter().zip(&profiles).step_by(15) {
            let scanned = respond(rules, profile, profiles.iter().enumerate());
            let found = index.respond(query);
            assert_eq!(found.candidates.len(), scanned.candidates.len());
            assert!(found == scanned, "other combinations");
            seen.extend(scanned.candidates.iter().flat_map(|c| c.matches.clone()));
        }
        let fuzzy: u32 = rules.combinations().map(|c| c.fuzzy.len()).sum();
        let all = rules.combinations().count() + fuzzy as usize;
        assert_eq!(
            seen.len(),
            all,
            "every combination comes up, exact and with each fuzzy field"
        );
    }
}
