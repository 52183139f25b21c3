//! Every level of every comparison, by example, both ways round.

use super::*;
use panorama_model::{
    Address, Email, HumanName, Identifier, IdentifierKind, PartialDate, Person, Phone, Presence, Sex,
};
use panorama_standardize::standardize;

fn name(given: &str, middle: &str, family: &str) -> Person {
    Person {
        names: Presence::Value(vec![HumanName {
            given: given.into(),
            middle: middle.into(),
            family: family.into(),
            ..HumanName::default()
        }]),
        ..Person::default()
    }
}

fn check(comparison: &str, a: &Person, b: &Person, expected: &str) {
    let comparison = ALL.iter().find(|c| c.name == comparison).unwrap();
    let (a, b) = (standardize(a), standardize(b));
    let (forth, back) = ((comparison.compare)(&a, &b), (comparison.compare)(&b, &a));
    assert_eq!(forth, back, "{comparison:?} is not symmetric");
    let level = forth.map_or("missing", |c| comparison.levels[c.level].name);
    assert_eq!(level, expected, "{comparison:?} {a:?} {b:?}");
}

#[test]
fn levels_cover_all_cases_of_each_explanation() {
    for comparison in ALL {
        for kind in crate::PairKind::ALL {
            let sum: f32 = comparison
                .levels
                .iter()
                .map(|l| l.probabilities[kind.index()])
                .sum();
            let what = kind.words();
            assert!(
                (0.95..=1.05).contains(&sum),
                "{comparison:?} {what} adds up to {sum}"
            );
        }
    }
}

#[test]
fn names() {
    let given = |a: (&str, &str, &str), b: (&str, &str, &str), expected: &str| {
        check("given_name", &name(a.0, a.1, a.2), &name(b.0, b.1, b.2), expected);
    };
    given(("Maria", "", "Ruiz"), ("MARÍA", "", "Ruiz"), "exact");
    given(("Bill", "", "Ruiz"), ("William", "", "Ruiz"), "nickname");
    given(("Rosalind", "", "Ruiz"), ("Rosalnid", "", "Ruiz"), "near");
    given(("R", "", "Ruiz"), ("Rosalind", "", "Ruiz"), "initial");
    given(("R", "", "Ruiz"), ("Maria", "", "Ruiz"), "different");
    given(("Ruiz", "", "Maria"), ("Maria", "", "Ruiz"), "swapped");
    given(("R", "", "Maria"), ("Maria", "", "Ruiz"), "swapped");
    given(("Lay", "", "Kathy-Holm"), ("Kathy", "", "Lay"), "swapped");
    given(("Zteph", "", "Ruiz"), ("Stephanie", "", "Ruiz"), "nickname_near");
    given(("Larry", "", "Ruiz"), ("Hollis", "Larry", "Ruiz"), "middle");
    given(("Maria", "", "Ruiz"), ("Peter", "", "Ruiz"), "different");
    given(("", "", "Ruiz"), ("Peter", "", "Ruiz"), "missing");
    let family = |a: &str, b: &str, expected: &str| {
        check("family_name", &name("Ana", "", a), &name("Ana", "", b), expected)
    };
    family("Ruiz", "ruiz", "exact");
    family("Ruiz-Ortega", "Ortega", "part");
    family("Lindqvist", "Lindqvits", "near");
    family("Ruiz", "Keller", "different");
    let middle = |a: &str, b: &str, expected: &str| {
        check(
            "middle_name",
            &name("Ana", a, "R"),
            &name("Ana", b, "R"),
            expected,
        )
    };
    middle("Luz", "Luz", "exact");
    middle("L", "Luz", "initial");
    middle("L", "L", "initial");
    middle("Luz", "Eva", "different");
    middle("", "Eva", "missing");
}

#[test]
fn birth_dates() {
    let born = |text: &str| Person {
        birth_date: Presence::from(PartialDate::parse(text)),
        ..Person::default()
    };
    let birth = |a: &str, b: &str, expected: &str| check("birth_date", &born(a), &born(b), expected);
    birth("1980-02-29", "1980-02-29", "exact");
    birth("1980-01-01", "1980-01-01", "weak");
    birth("1980-02-29", "1980-02-28", "one_digit");
    birth("1980-02-19", "1908-02-19", "one_digit");
    birth("1980-02-11", "1980-11-02", "swapped");
    birth("1980-02", "1980-02-11", "partial");
    birth("1980", "1980-02-11", "partial");
    birth("1981", "1980-02-11", "different");
    birth("1980-02-11", "1980-02-24", "year_month");
    birth("1980-02-11", "1975-02-11", "birthday");
    birth("1980-01-01", "1980-06-24", "unreliable");
    birth("1980-02-11", "1975-07-24", "different");
    birth("1980-02-11", "1950-07-24", "generations");
    birth("", "1975-07-24", "missing");
}

#[test]
fn numbers_and_sex() {
    let with = |ssn: &str| Person {
        ssn: Presence::Value(ssn.into()),
        ..Person::default()
    };
    let ssn = |a: &str, b: &str, expected: &str| check("ssn", &with(a), &with(b), expected);
    ssn("412345678", "412-34-5678", "exact");
    ssn("412345678", "412345679", "one_digit");
    ssn("412345678", "421345678", "one_digit");
    ssn("412345678", "312345678", "one_digit");
    ssn("5678", "412345678", "last_four");
    ssn("412345678", "523456789", "different");
    ssn("", "523456789", "missing");
    let sex = |sex: Sex| Person {
        sex: Presence::Value(sex),
        ..Person::default()
    };
    check("sex", &sex(Sex::Female), &sex(Sex::Female), "same");
    check("sex", &sex(Sex::Female), &sex(Sex::Male), "different");
    check("sex", &sex(Sex::Female), &sex(Sex::Unknown), "missing");
    let holds = |value: &str, authority: &str, kind| Person {
        identifiers: Presence::Value(vec![Identifier {
            value: value.into(),
            authority: authority.into(),
            kind,
        }]),
        ..Person::default()
    };
    let mr = |value: &str, authority: &str| holds(value, authority, IdentifierKind::MedicalRecord);
    check("identifiers", &mr("7", "H"), &mr("7", "h"), "exact");
    check("identifiers", &mr("7", "H"), &mr("8", "H"), "conflict");
    check("identifiers", &mr("7", "H"), &mr("7", "J"), "missing");
    let member = holds("7", "P", IdentifierKind::Member);
    check("identifiers", &member, &member, "family");
    let device = holds("7", "P", IdentifierKind::Device);
    check("identifiers", &device, &device, "missing");
}

#[test]
fn contacts_and_places() {
    let phone = |number: &str| Person {
        phones: Presence::Value(vec![Phone {
            number: number.into(),
            ..Phone::default()
        }]),
        ..Person::default()
    };
    check("phone", &phone("4145550123"), &phone("+1 414 555 0123"), "exact");
    check("phone", &phone("4145550123"), &phone("4145550132"), "one_digit");
    check("phone", &phone("4145550123"), &phone("2625559988"), "different");
    check("phone", &phone(""), &phone("2625559988"), "missing");
    let email = |address: &str| Person {
        emails: Presence::Value(vec![Email {
            address: address.into(),
            ..Email::default()
        }]),
        ..Person::default()
    };
    check("email", &email("ana@a.org"), &email("ANA@a.org"), "exact");
    check("email", &email("ana@a.org"), &email("ama@a.org"), "near");
    check("email", &email("ana@a.org"), &email("ana@xyz.net"), "local");
    check("email", &email("ana@a.org"), &email("eva@bcd.org"), "different");
    let lives = |line: &str, city: &str, code: &str| Person {
        addresses: Presence::Value(vec![Address {
            line: line.into(),
            city: city.into(),
            postal_code: code.into(),
            ..Address::default()
        }]),
        ..Person::default()
    };
    let address = |a: (&str, &str, &str), b: (&str, &str, &str), expected: &str| {
        check("address", &lives(a.0, a.1, a.2), &lives(b.0, b.1, b.2), expected);
    };
    address(
        ("9 Elm Street", "Lodi", "95240"),
        ("9 elm st.", "Lodi", "95240"),
        "exact",
    );
    address(("9 Elm Street", "Lodi", ""), ("9 elm st.", "", "95240"), "exact");
    address(
        ("9 Elm St #1", "Lodi", "95240"),
        ("9 elm st #2", "Lodi", "95240"),
        "near",
    );
    address(
        ("9 Elmwood St", "Lodi", "95240"),
        ("9 Elmwodo St", "Lodi", "95240"),
        "near",
    );
    address(
        ("9 Elm Street", "Lodi", "95240"),
        ("77 Oak Ave", "Lodi", "95240"),
        "postal_code",
    );
    address(
        ("9 Elm Street", "Lodi", "95240"),
        ("77 Oak Ave", "Lodi", "95242"),
        "city",
    );
    address(
        ("9 Elm Street", "Lodi", "95240"),
        ("77 Oak Ave", "Reno", "89501"),
        "different",
    );
    address(
        ("9 Elm Street", "", ""),
        ("77 Oak Ave", "Reno", "89501"),
        "missing",
    );
}
