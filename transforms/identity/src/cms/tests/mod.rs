//! Every combination against its text, the limits of fuzziness, vetoes.

mod index;

use super::*;
use panorama_model::{IdentifierKind, PartialDate, Text};
use panorama_standardize::{
    BirthDate, Generation, SocialSecurity, StandardAddress, StandardIdentifier, StandardPerson,
};

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

fn pick(relation: As, [same, near, other]: [&str; 3]) -> Text {
    match relation {
        As::Same => same.into(),
        As::Near => near.into(),
        As::Other => other.into(),
    }
}

/// One identifier of each kind.
fn identifiers(of: impl Fn(Field) -> As) -> [StandardIdentifier; 5] {
    let pick = |field, values| pick(of(field), values);
    let member = match (of(Field::MemberId), of(Field::SubscriberId)) {
        (As::Same, _) => "W12345-01",
        (_, As::Same) => "W12345-02",
        _ => "X98765-03",
    };
    [
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
}

/// A person of whom every field is known, each as said. Near values are one edit or day away.
fn person(of: impl Fn(Field) -> As) -> StandardPerson {
    let pick = |field, values| pick(of(field), values);
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
        identifiers: identifiers(of).into_iter().collect(),
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

/// The fuzzy field of a combination between a person and the same one changed; `None` where it does not hold.
fn changed(id: u8, change: impl Fn(&mut StandardPerson)) -> Option<Option<Field>> {
    let mut b = person(|_| As::Same);
    change(&mut b);
    let found = matches(&person(|_| As::Same), &b);
    found
        .iter()
        .find(|m| m.combination == CombinationId(id))
        .map(|m| m.fuzzy)
}

#[test]
fn dates_and_streets() {
    let near_date = Some(Some(Field::BirthDate));
    assert_eq!(changed(1, |p| p.birth_date = date(1980, 2, 28)), near_date);
    assert_eq!(changed(1, |p| p.birth_date = date(1980, 3, 2)), None);
    assert_eq!(
        changed(1, |p| p.birth_date.as_mut().unwrap().date.day = 0),
        None,
        "no day"
    );
    let weak = |day: u8, month: u8| StandardPerson {
        birth_date: date(1980, month, day),
        ..person(|_| As::Same)
    };
    let near_weak = matches(&weak(1, 1), &weak(2, 1));
    assert!(near_weak.iter().all(|m| m.fuzzy != Some(Field::BirthDate)));
    let elsewhere = |p: &mut StandardPerson| {
        p.addresses[0].number = "121".into();
        p.addresses[0].postal_code = "53203".into();
    };
    assert_eq!(changed(1, elsewhere), None, "one digit off in another ZIP");
    assert_eq!(changed(1, |p| p.addresses[0].unit = "4".into()), Some(None));
}

#[test]
fn former_values_and_numbers() {
    let former_address = |p: &mut StandardPerson| {
        let current = StandardAddress {
            number: "5".into(),
            street: "HILL RD".into(),
            ..StandardAddress::default()
        };
        p.addresses.insert(0, current);
    };
    assert_eq!(changed(1, former_address), Some(None));
    let former_name = |p: &mut StandardPerson| {
        p.other_families = [p.family.clone()].into_iter().collect();
        p.family = "mortensen".into();
    };
    assert_eq!(changed(4, former_name), Some(None));
    let whole = Some(SocialSecurity::Whole(412_341_234));
    assert_eq!(changed(4, |p| p.ssn = whole), Some(None), "the last four of it");
    let no_issuer = |p: &mut StandardPerson| {
        let identifiers = &mut p.identifiers;
        identifiers.iter_mut().for_each(|i| i.authority = Text::default());
    };
    assert_eq!(
        changed(26, no_issuer),
        None,
        "a number without its issuer is nobody's"
    );
    assert_eq!(changed(31, no_issuer), None);
    assert_eq!(changed(1, |p| p.flags.unreliable = true), None);
    assert_eq!(changed(26, |p| p.flags.unreliable = true), Some(None));
}

#[test]
fn numbers_bound_to_a_namespace_are_enough() {
    let check = |kind: IdentifierKind, authority: &str, value: &str, expected: &[u8]| {
        let p = StandardPerson {
            identifiers: [identifier(kind, authority, value)].into_iter().collect(),
            ..StandardPerson::default()
        };
        let found: Vec<_> = matches(&p, &p).iter().map(|m| m.combination.0).collect();
        assert_eq!(found, expected, "{kind:?} of {authority}");
    };
    check(IdentifierKind::MedicalRecord, "HOSP", "A1", &[26]);
    check(IdentifierKind::Patient, "EMPI", "A1", &[26]);
    check(IdentifierKind::Other, "HTTPS://EXAMPLE.ORG/ID", "A1", &[26]);
    check(
        IdentifierKind::Other,
        "URN:OID:2.16.840.1.113883.19.5",
        "A1",
        &[26],
    );
    check(IdentifierKind::Other, "2.16.840.1.113883.19.5", "A1", &[26]);
    check(IdentifierKind::Other, "LAB", "A1", &[]);
    check(IdentifierKind::MedicalRecord, "", "A1", &[]);
    check(IdentifierKind::Account, "HOSP", "A1", &[]);
    check(IdentifierKind::Device, "HTTPS://EXAMPLE.ORG/ID", "A1", &[]);
    check(IdentifierKind::Member, "PAYER", "W12345-01", &[]);
    check(IdentifierKind::DriverLicense, "WI", "K1234567", &[]);
}
