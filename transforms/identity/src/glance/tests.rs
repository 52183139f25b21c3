//! A glance never denies what a look would find.

use super::*;
use crate::model::Model;
use crate::score::Scorer;
use panorama_model::{IdentifierKind, PartialDate, Sex, Text};
use panorama_standardize::{BirthDate, Generation, SocialSecurity, StandardAddress, StandardIdentifier};
use proptest::prelude::*;

/// Few words, so that pairs agree, nearly agree and exchange fields.
const NAMES: [&str; 14] = [
    "",
    "m",
    "maria",
    "marie",
    "mary",
    "ruiz",
    "ruitz",
    "bill",
    "william",
    "smith",
    "smyth",
    "zoe",
    "christopher",
    "marai",
];

fn text<const N: usize>(words: [&'static str; N]) -> impl Strategy<Value = Text> {
    prop::sample::select(words.to_vec()).prop_map(Text::from)
}

fn texts<const N: usize>(words: [&'static str; N]) -> impl Strategy<Value = Vec<Text>> {
    prop_oneof![
        3 => Just(Vec::new()),
        6 => text(words).prop_map(|word| vec![word]),
        1 => prop::collection::vec(text(words), 2..4),
    ]
}

fn address() -> impl Strategy<Value = StandardAddress> {
    let place = (text(["", "LODI", "LODIE", "RENO"]), text(["", "95240", "95242"]));
    let line = (
        text(["", "9", "99", "19", "77"]),
        text(["", "ELM ST", "ELMM ST", "OAK AVE"]),
        text(["", "1", "2"]),
    );
    (line, place).prop_map(|((number, street, unit), (city, postal_code))| StandardAddress {
        number,
        street,
        unit,
        city,
        postal_code,
        ..StandardAddress::default()
    })
}

fn identifier() -> impl Strategy<Value = StandardIdentifier> {
    let kind = prop::sample::select(vec![
        IdentifierKind::MedicalRecord,
        IdentifierKind::Member,
        IdentifierKind::Other,
    ]);
    (text(["", "a", "b"]), text(["1", "2", "3"]), kind).prop_map(|(authority, value, kind)| {
        StandardIdentifier {
            authority,
            value,
            kind,
        }
    })
}

fn person() -> impl Strategy<Value = StandardPerson> {
    let names = (text(NAMES), text(NAMES), text(NAMES), texts(NAMES), texts(NAMES));
    let date = (
        prop::sample::select(vec![1950i16, 1980, 1981, 1908]),
        0u8..4,
        0u8..4,
        any::<bool>(),
    );
    let numbers = (
        prop::option::of(date),
        prop::option::of(any::<bool>()),
        prop::option::of((
            prop::sample::select(vec![123_456_789u32, 123_456_798, 987_656_789]),
            any::<bool>(),
        )),
        prop::option::weighted(0.2, any::<bool>()),
        prop::collection::vec(identifier(), 0..3),
    );
    let contacts = (
        texts([
            "+14145550123",
            "+14145550132",
            "+14145550124",
            "+31612345678",
            "x1",
        ]),
        texts([
            "maria@a.org",
            "mariia@a.org",
            "maria@b.com",
            "m1aria2@a.org",
            "zoe.smith.from.afar@a.org",
        ]),
        prop_oneof![
            1 => Just(Vec::new()),
            5 => address().prop_map(|a| vec![a]),
            1 => prop::collection::vec(address(), 2..3),
        ],
    );
    (names, numbers, contacts).prop_map(
        |((given, middle, family, families, givens), (date, sex, ssn, senior, identifiers), contacts)| {
            let (phones, emails, addresses) = contacts;
            StandardPerson {
                given_canonical: given.clone(),
                given,
                middle,
                family,
                other_families: families.into(),
                other_givens: givens.into(),
                birth_date: date.map(|(year, month, day, weak)| BirthDate {
                    date: PartialDate {
                        year,
                        month,
                        day: if month == 0 { 0 } else { day },
                    },
                    weak,
                }),
                sex: sex.map(|female| if female { Sex::Female } else { Sex::Male }),
                ssn: ssn.map(|(number, whole)| {
                    if whole {
                        SocialSecurity::Whole(number)
                    } else {
                        SocialSecurity::LastFour(u16::try_from(number % 10_000).unwrap_or(0))
                    }
                }),
                generation: senior.map(|senior| {
                    if senior {
                        Generation::Senior
                    } else {
                        Generation::Junior
                    }
                }),
                phones: phones.into(),
                emails: emails.into(),
                addresses: addresses.into(),
                identifiers: identifiers.into(),
                ..StandardPerson::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn glances_hold(a in person(), b in person(), common in any::<bool>(), declared in any::<bool>()) {
        let mut model = Model::default();
        if common {
            model.frequencies.given.terms.insert("maria".into(), 0.9);
            model.frequencies.family.terms.insert("smith".into(), 0.000_001);
        }
        if declared {
            let said = r#"{"comparisons": [{"name": "initial", "field": "family_name_initial", "levels": [
                {"name": "same", "test": "exact", "m": 0.99, "u": 0.001},
                {"name": "other", "test": "otherwise", "m": 0.01, "u": 0.999}]}]}"#;
            model.declared = serde_json::from_str(said).unwrap();
        }
        let scorer = Scorer::compile(model);
        let weight = scorer.score(&a, &b).weight;
        for (a, b) in [(&a, &b), (&b, &a)] {
            let sought = scorer.glance.sought(a, Outline::of(a), &scorer.given, &scorer.family);
            prop_assert!(
                !scorer.glance.tells_apart(&sought, &Outline::of(b), weight),
                "{}", scorer.explain(a, b)
            );
        }
    }
}
