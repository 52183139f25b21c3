//! Scores of pairs that people would decide at once, and the laws of scoring.

use super::*;
use panorama_model::PartialDate;
use panorama_standardize::{BirthDate, Generation, StandardAddress};
use proptest::prelude::*;

fn person(given: &str, family: &str, born: (i16, u8, u8)) -> StandardPerson {
    StandardPerson {
        given: given.into(),
        given_canonical: given.into(),
        family: family.into(),
        birth_date: PartialDate::from_ymd(born.0, born.1, born.2).map(|date| BirthDate { date, weak: false }),
        ..StandardPerson::default()
    }
}

/// Adds what a household shares.
fn at_home(mut person: StandardPerson) -> StandardPerson {
    person.phones.push("+14145550123".into());
    person.emails.push("home@example.org".into());
    person.addresses.push(StandardAddress {
        number: "9".into(),
        street: "ELM ST".into(),
        city: "LODI".into(),
        postal_code: "95240".into(),
        ..StandardAddress::default()
    });
    person
}

#[test]
fn plain_cases() {
    let scorer = Scorer::shipped();
    let check = |a: &StandardPerson, b: &StandardPerson, range: std::ops::RangeInclusive<f64>| {
        let probability = scorer.score(a, b).probability();
        assert!(range.contains(&probability), "{}", scorer.explain(a, b));
    };
    let rosa = person("rosalind", "keller", (1980, 2, 29));
    check(&rosa, &rosa, 0.99..=1.0);
    check(&rosa, &person("peter", "smith", (1975, 7, 24)), 0.0..=0.001);
    // Housemates agree on everything a household shares, and are two people all the same.
    check(
        &at_home(rosa.clone()),
        &at_home(person("peter", "keller", (1978, 7, 24))),
        0.0..=0.05,
    );
    // Twins: the birth date too.
    check(
        &at_home(rosa.clone()),
        &at_home(person("peter", "keller", (1980, 2, 29))),
        0.0..=0.81,
    );
    // The same name and household, one digit of the date mistyped.
    check(
        &at_home(rosa.clone()),
        &at_home(person("rosalind", "keller", (1980, 2, 28))),
        0.95..=1.0,
    );
}

#[test]
fn vetoes() {
    let scorer = Scorer::shipped();
    let check = |change: fn(&mut StandardPerson, &mut StandardPerson), expected: Option<Veto>| {
        let mut a = person("rosalind", "keller", (1980, 2, 29));
        let mut b = a.clone();
        change(&mut a, &mut b);
        assert_eq!(scorer.score(&a, &b).veto, expected);
        assert_eq!(scorer.score(&b, &a).veto, expected);
    };
    check(|_, _| {}, None);
    check(
        |a, b| (a.generation, b.generation) = (Some(Generation::Junior), Some(Generation::Senior)),
        Some(Veto::Generation),
    );
    check(|a, _| a.generation = Some(Generation::Junior), None);
    check(
        |a, b| (a.flags.birth_order, b.flags.birth_order) = (1, 2),
        Some(Veto::MultipleBirth),
    );
    check(|a, _| a.flags.test = true, Some(Veto::Test));
    check(|a, _| a.flags.unreliable = true, Some(Veto::Unreliable));
}

#[test]
fn rare_names_weigh_more() {
    let scorer = Scorer::shipped();
    let weight = |given: &str, family: &str| {
        let person = person(given, family, (1980, 2, 29));
        scorer
            .score(
                &person,
                &StandardPerson {
                    birth_date: None,
                    ..person.clone()
                },
            )
            .weight
    };
    assert!(weight("rosalind", "keller") > weight("mary", "smith"));
}

#[test]
fn explanations_add_up() {
    let scorer = Scorer::shipped();
    let (a, b) = (
        at_home(person("rosalind", "keller", (1980, 2, 29))),
        person("rosa", "keller", (1980, 2, 29)),
    );
    let explanation = scorer.explain(&a, &b);
    let sum: f32 = explanation.prior_bits + explanation.steps.iter().map(|s| s.weight_bits).sum::<f32>();
    assert!((sum - explanation.weight.bits()).abs() < 0.01, "{explanation}");
    let text = explanation.to_string();
    assert!(
        text.contains("the same birth date") && !text.to_lowercase().contains("keller"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn scores_are_symmetric(
        names in prop::collection::vec("[a-c]{0,5}", 6),
        days in prop::collection::vec((1978i16..1982, 1u8..13, 1u8..13), 2),
        home in any::<(bool, bool)>(),
    ) {
        let scorer = Scorer::shipped();
        let make = |at: usize, home: bool| {
            let mut p = person(&names[at], &names[at + 1], days[at / 3]);
            p.middle = names[at + 2].as_str().into();
            if home { at_home(p) } else { p }
        };
        let (a, b) = (make(0, home.0), make(3, home.1));
        prop_assert_eq!(scorer.score(&a, &b), scorer.score(&b, &a));
    }

    /// Giving up early changes no answer, wherever the threshold.
    #[test]
    fn bounds_hold(
        names in prop::collection::vec("[a-c]{0,5}", 6),
        days in prop::collection::vec((1950i16..1982, 1u8..13, 1u8..13), 2),
        home in any::<(bool, bool)>(),
        review in 0.000_000_1f64..0.999,
        prior in prop::sample::select(vec![1e-7, 5e-5, 1e-2]),
        declared in any::<bool>(),
    ) {
        let mut model = Model::default();
        if declared {
            let said = r#"{"comparisons": [{"name": "initial", "field": "family_name_initial", "levels": [
                {"name": "same", "test": "exact", "m": 0.99, "u": 0.001},
                {"name": "other", "test": "otherwise", "m": 0.01, "u": 0.999}]}]}"#;
            model.declared = serde_json::from_str(said).unwrap();
        }
        model.thresholds.review_probability = review;
        model.thresholds.auto_link_probability = 0.999_5;
        model.prior.match_probability = prior;
        let scorer = Scorer::compile(model);
        let make = |at: usize, home: bool| {
            let mut p = person(&names[at], &names[at + 1], days[at / 3]);
            p.middle = names[at + 2].as_str().into();
            if home { at_home(p) } else { p }
        };
        let (a, b) = (make(0, home.0), make(3, home.1));
        let weight = scorer.score(&a, &b).weight;
        prop_assert_eq!(scorer.persons_from_review(&a, &b), (weight >= scorer.review_weight()).then_some(weight));
    }
}
