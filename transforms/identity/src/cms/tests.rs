//! Every combination against its text, the limits of fuzziness, vetoes, uniqueness, and the index against a full scan.

use super::*;
use panorama_model::{IdentifierKind, PartialDate, Text};
use panorama_standardize::{
    BirthDate, Generation, SocialSecurity, StandardAddress, StandardIdentifier, StandardPerson,
};
use std::collections::BTreeSet;

/// How a field of the second person relates to that of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum As {
    Same,
    Near,
    Other,
}

fn identifier(kind: IdentifierKind, authority: &str, value: &str) -> StandardIdentifier {
    StandardIdentifier {
        authority: authority.into(),
        value: value.into(),
        kind,
    }
}

fn date(year: i16, month: u8, day: u8) -> Option<BirthDate> {
    PartialDate::from_ymd(year, month, day).map(|date| BirthDate {
        date,
        weak: (month, day) == (1, 1),
    })
}

/// A person of whom every field is known, each as said. Near values are one edit or day away.
fn person(of: impl Fn(Field) -> As) -> StandardPerson {
    let pick = |field: Field, [same, near, other]: [&str; 3]| -> Text {
        match of(field) {
            As::Same => same.into(),
            As::Near => near.into(),
            As::Other => other.into(),
        }
    };
    let member = match (of(Field::MemberId), of(Field::SubscriberId)) {
        (As::Same, _) => "W12345-01",
        (_, As::Same) => "W12345-02",
        _ => "X98765-03",
    };
    let given = pick(Field::FirstName, ["rosalind", "rosalimd", "gwendolyn"]);
    StandardPerson {
        given: given.clone(),
        given_canonical: given,
        family: pick(Field::LastName, ["keller", "kelller", "mortensen"]),
        birth_date: match of(Field::BirthDate) {
            As::Same => date(1980, 2, 29),
            As::Near => date(1980, 3, 1),
            As::Other => date(1951, 7, 14),
        },
        ssn: Some(SocialSecurity::LastFour(match of(Field::SocialSecurity) {
            As::Same => 1234,
            As::Near => 1243,
            As::Other => 9876,
        })),
        phones: [pick(
            Field::Phone,
            ["+14145550123", "+14145550124", "+14145559876"],
        )]
        .into_iter()
        .collect(),
        emails: [pick(
            Field::Email,
            ["rk@example.org", "rl@example.org", "zz@example.com"],
        )]
        .into_iter()
        .collect(),
        addresses: [StandardAddress {
            number: pick(Field::StreetLine, ["120", "121", "9"]),
            street: pick(Field::StreetLine, ["N OAK ST", "N OAK ST", "LAKE AVE"]),
            postal_code: pick(Field::PostalCode, ["53202", "53203", "60601"]),
            ..StandardAddress::default()
        }]
        .into_iter()
        .collect(),
        identifiers: [
            identifier(IdentifierKind::Member, "PAYER", member),
            identifier(
                IdentifierKind::Member,
                "MEDICARE",
                &pick(Field::MedicareId, ["1EG4TE5MK73", "1EG4TE5MK74", "9AA1AA1AA11"]),
            ),
            identifier(
                IdentifierKind::DriverLicense,
                "WI",
                &pick(Field::GovernmentId, ["K1234567", "K1234568", "M7654321"]),
            ),
            identifier(
                IdentifierKind::Patient,
                "EMPI",
                &pick(Field::NamespaceId, ["77001", "77002", "12345X"]),
            ),
            identifier(
                IdentifierKind::Other,
                "IRS ITIN",
                &pick(Field::TaxpayerId, ["912711234", "912711243", "912715555"]),
            ),
        ]
        .into_iter()
        .collect(),
        ..StandardPerson::default()
    }
}

fn matches(a: &StandardPerson, b: &StandardPerson) -> Vec<CombinationMatch> {
    let rules = Rules::default().with_household_unsafe();
    let found = satisfied(rules, &Profile::of(a), &Profile::of(b));
    let back = satisfied(rules, &Profile::of(b), &Profile::of(a));
    assert_eq!(found, back, "symmetric");
    found.to_vec()
}

/// The fuzzy field of a combination in a pair whose fields relate as said; `None` where it does not hold.
fn holds(id: CombinationId, of: impl Fn(Field) -> As) -> Option<Option<Field>> {
    let found = matches(&person(|_| As::Same), &person(of));
    found.iter().find(|m| m.combination == id).map(|m| m.fuzzy)
}

#[test]
fn every_combination_needs_each_of_its_fields_and_one_may_be_fuzzy() {
    for combination in &COMBINATIONS {
        let (id, text) = (combination.id, combination.text);
        let has = |set: FieldSet, field| FieldSet::of(field).is_subset(set);
        // A street one edit away counts in one ZIP only.
        let same = |field| has(combination.fields, field) || field == Field::PostalCode;
        let base = |field| if same(field) { As::Same } else { As::Other };
        assert_eq!(holds(id, base), Some(None), "{id} {text}");
        for one in combination.fields.iter() {
            let without = |field| if field == one { As::Other } else { base(field) };
            // A member id holds the subscriber id, not the other way around.
            assert_eq!(holds(id, without), None, "{id} {text} without {one:?}");
            let near = |field| if field == one { As::Near } else { base(field) };
            let expected = has(combination.fuzzy, one).then_some(Some(one));
            assert_eq!(holds(id, near), expected, "{id} {text} with {one:?} almost");
            for two in combination.fuzzy.iter().filter(|two| *two != one) {
                let both = |field| {
                    if field == one || field == two {
                        As::Near
                    } else {
                        base(field)
                    }
                };
                assert_eq!(
                    holds(id, both),
                    None,
                    "{id} {text} with {one:?} and {two:?} almost"
                );
            }
        }
    }
}

#[test]
fn exact_matches_come_first() {
    let found = matches(
        &person(|_| As::Same),
        &person(|field| {
            if field == Field::LastName {
                As::Near
            } else {
                As::Same
            }
        }),
    );
    let fuzzy: Vec<_> = found.iter().map(|m| m.fuzzy.is_some()).collect();
    assert!(fuzzy.is_sorted() && fuzzy.contains(&true) && fuzzy.contains(&false));
}

#[test]
fn names_nicknames_and_initials() {
    let check = |a: &str, b: &str, expected: Option<Grade>| {
        let named = |given: &str| StandardPerson {
            given: given.into(),
            given_canonical: panorama_standardize::nickname::canonical(given).into(),
            ..person(|field| {
                if field == Field::FirstName {
                    As::Other
                } else {
                    As::Same
                }
            })
        };
        let found = matches(&named(a), &named(b));
        let one = found.iter().find(|m| m.combination == CombinationId(1));
        let grade = one.map(|m| m.fuzzy.map_or(Grade::Exact, Grade::Fuzzy));
        assert_eq!(grade, expected, "{a} {b}");
    };
    check("rosalind", "rosalind", Some(Grade::Exact));
    check("bill", "william", Some(Grade::Exact));
    check("bill", "will", Some(Grade::Exact));
    check("bill", "willaim", Some(Grade::Fuzzy(Field::FirstName)));
    check("maria", "mariah", Some(Grade::Fuzzy(Field::FirstName)));
    check("rosa", "ross", None);
    check("rosa", "rosan", None);
    check("r", "r", None);
    check("rosalind", "r", None);
    check("дмитрий", "дмитрай", Some(Grade::Fuzzy(Field::FirstName)));
    check("дмитрий", "димтрай", None);
}

#[test]
fn dates_streets_and_digits() {
    let all = |_: Field| As::Same;
    let check =
        |what: &str, change: &dyn Fn(&mut StandardPerson), id: u8, expected: Option<Option<Field>>| {
            let mut b = person(all);
            change(&mut b);
            let found = matches(&person(all), &b);
            let found = found
                .iter()
                .find(|m| m.combination == CombinationId(id))
                .map(|m| m.fuzzy);
            assert_eq!(found, expected, "{what}");
        };
    check(
        "one day before",
        &|p| p.birth_date = date(1980, 2, 28),
        1,
        Some(Some(Field::BirthDate)),
    );
    check("two days off", &|p| p.birth_date = date(1980, 3, 2), 1, None);
    check(
        "no day",
        &|p| p.birth_date.as_mut().unwrap().date.day = 0,
        1,
        None,
    );
    check(
        "one digit off in another ZIP",
        &|p| {
            p.addresses[0].number = "121".into();
            p.addresses[0].postal_code = "53203".into();
        },
        1,
        None,
    );
    check(
        "another unit",
        &|p| p.addresses[0].unit = "4".into(),
        1,
        Some(None),
    );
    check(
        "a former address",
        &|p| {
            let former = StandardAddress {
                number: "5".into(),
                street: "HILL RD".into(),
                ..StandardAddress::default()
            };
            p.addresses.insert(0, former);
        },
        1,
        Some(None),
    );
    check(
        "a former name",
        &|p| {
            p.other_families = [p.family.clone()].into_iter().collect();
            p.family = "mortensen".into();
        },
        4,
        Some(None),
    );
    check(
        "the last four of a whole number",
        &|p| p.ssn = Some(SocialSecurity::Whole(412_341_234)),
        4,
        Some(None),
    );
    // An identifier without an issuer is nobody's.
    check(
        "no issuer",
        &|p| {
            p.identifiers
                .iter_mut()
                .for_each(|i| i.authority = Text::default())
        },
        26,
        None,
    );
    check(
        "no payer",
        &|p| {
            p.identifiers
                .iter_mut()
                .for_each(|i| i.authority = Text::default())
        },
        31,
        None,
    );
    check("unreliable", &|p| p.flags.unreliable = true, 1, None);
    check(
        "unreliable, by number",
        &|p| p.flags.unreliable = true,
        26,
        Some(None),
    );
    let weak = |day: u8, month: u8| StandardPerson {
        birth_date: date(1980, month, day),
        ..person(all)
    };
    let near_weak = matches(&weak(1, 1), &weak(2, 1));
    assert!(near_weak.iter().all(|m| m.fuzzy != Some(Field::BirthDate)));
}

#[test]
fn generations_and_test_records_veto() {
    let of = |generation, test| {
        let mut p = person(|_| As::Same);
        p.generation = generation;
        p.flags.test = test;
        p
    };
    let (junior, senior) = (Some(Generation::Junior), Some(Generation::Senior));
    assert!(matches(&of(junior, false), &of(senior, false)).is_empty());
    assert!(!matches(&of(junior, false), &of(None, false)).is_empty());
    assert!(!matches(&of(junior, false), &of(Some(Generation::Second), false)).is_empty());
    assert!(matches(&of(None, true), &of(None, false)).is_empty());
    // All known values count: who is both Junior and Senior somewhere is vetoed by neither.
    let mut both = Profile::of(&of(junior, false));
    both.absorb(&of(senior, false));
    assert!(!satisfied(Rules::default(), &both, &Profile::of(&of(senior, false))).is_empty());
}

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
            assert_eq!(index.respond(query), scanned);
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
