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

/// Names alone.
fn named() -> impl Strategy<Value = StandardPerson> {
    let words = (text(NAMES), text(NAMES), text(NAMES), texts(NAMES), texts(NAMES));
    words.prop_map(
        |(given, middle, family, other_families, other_givens)| StandardPerson {
            given_canonical: given.clone(),
            given,
            middle,
            family,
            other_families,
            other_givens,
            ..StandardPerson::default()
        },
    )
}

fn birth_date() -> impl Strategy<Value = BirthDate> {
    let year = prop::sample::select(vec![1950i16, 1980, 1981, 1908]);
    (year, 0u8..4, 0u8..4, any::<bool>()).prop_map(|(year, month, day, weak)| {
        let day = if month == 0 { 0 } else { day };
        BirthDate {
            date: PartialDate { year, month, day },
            weak,
        }
    })
}

fn social_security() -> impl Strategy<Value = SocialSecurity> {
    let whole = prop::sample::select(vec![123_456_789u32, 123_456_798, 987_656_789]);
    prop_oneof![
        whole.prop_map(SocialSecurity::Whole),
        Just(SocialSecurity::LastFour(6_789)),
    ]
}

/// Names with numbers.
fn numbered() -> impl Strategy<Value = StandardPerson> {
    let one_of = prop::sample::select::<Sex>;
    let numbers = (
        prop::option::of(birth_date()),
        prop::option::of(one_of(vec![Sex::Female, Sex::Male])),
        prop::option::of(social_security()),
        prop::option::weighted(
            0.2,
            prop::sample::select(vec![Generation::Senior, Generation::Junior]),
        ),
        prop::collection::vec(identifier(), 0..3),
    );
    (named(), numbers).prop_map(
        |(person, (birth_date, sex, ssn, generation, identifiers))| StandardPerson {
            birth_date,
            sex,
            ssn,
            generation,
            identifiers,
            ..person
        },
    )
}

fn person() -> impl Strategy<Value = StandardPerson> {
    let phones = [
        "+14145550123",
        "+14145550132",
        "+14145550124",
        "+31612345678",
        "x1",
    ];
    let emails = [
        "maria@a.org",
        "mariia@a.org",
        "maria@b.com",
        "m1aria2@a.org",
        "zoe.smith.from.afar@a.org",
    ];
    let addresses = prop_oneof![
        1 => Just(Vec::new()),
        5 => address().prop_map(|a| vec![a]),
        1 => prop::collection::vec(address(), 2..3),
    ];
    let contacts = (texts(phones), texts(emails), addresses);
    (numbered(), contacts).prop_map(|(person, (phones, emails, addresses))| StandardPerson {
        phones: phones.into(),
        emails: emails.into(),
        addresses: addresses.into(),
        ..person
    })
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

    #[test]
    fn pairs_agree_on_the_terms_of_their_level(a in person(), b in person()) {
        for comparison in comparison::ALL {
            if let Some(found) = (comparison.compare)(&a, &b) {
                let term = found.term.map(|(kind, _)| kind);
                prop_assert_eq!(term, comparison.levels[found.level].term, "{}", comparison.name);
            }
        }
    }
}
