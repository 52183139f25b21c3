//! Each declaration changes what it is for, and a wrong one is refused with its place.

use crate::engine::IdentityEngine;
use crate::model::Model;
use crate::score::Scorer;
use crate::{MemoryStore, ModelError, Spoken};
use panorama_model::{IdentifierKind, PartialDate, RecordKind, SourceRecordKey, Version};
use panorama_standardize::{BirthDate, StandardAddress, StandardIdentifier, StandardPerson};
use std::collections::BTreeSet;
use std::sync::Arc;

fn model(declared: &str) -> Model {
    let text = format!(r#"{{"version": "ours-1", "declared": {declared}}}"#);
    Model::from_json(&text).unwrap()
}

fn person(given: &str, family: &str, day: u8) -> StandardPerson {
    StandardPerson {
        given: given.into(),
        given_canonical: given.into(),
        family: family.into(),
        birth_date: PartialDate::from_ymd(1980, 2, day).map(|date| BirthDate { date, weak: false }),
        ..StandardPerson::default()
    }
}

fn with_number(
    mut person: StandardPerson,
    authority: &str,
    value: &str,
    kind: IdentifierKind,
) -> StandardPerson {
    person.identifiers.push(StandardIdentifier {
        authority: authority.into(),
        value: value.into(),
        kind,
    });
    person
}

fn with_phone(mut person: StandardPerson, phone: &str) -> StandardPerson {
    person.phones.push(phone.into());
    person
}

/// How many persons these records are, each of a source.
fn persons(model: &Model, records: &[(&str, &StandardPerson)]) -> usize {
    let engine = IdentityEngine::new(Arc::new(Scorer::new(model.clone()).unwrap()));
    let mut store = MemoryStore::new();
    for (at, (source, person)) in records.iter().enumerate() {
        let key = SourceRecordKey::new(*source, RecordKind::Patient, at.to_string().as_str());
        let prepared = engine.prepare(source, (*person).clone());
        engine.upsert(&mut store, &key, prepared, Version::default());
    }
    let persons: BTreeSet<_> = store.memberships().map(|(_, _, m)| m.person).collect();
    persons.len()
}

/// The declaration makes two persons of one, or one of two.
fn check(declared: &str, records: &[(&str, &StandardPerson)], shipped: usize, then: usize) {
    assert_eq!(persons(&Model::default(), records), shipped, "shipped");
    assert_eq!(persons(&model(declared), records), then, "{declared}");
}

#[test]
fn a_model_file_may_hold_nothing_but_declarations() {
    let model = model(r#"{"blocked": {"phones": ["414-555-0123"]}}"#);
    assert_eq!(model.comparisons, Model::default().comparisons);
    assert_eq!(Model::from_json(&model.to_json().unwrap()).unwrap(), model);
    let shipped = Model::default().to_json().unwrap();
    assert!(
        !shipped.contains("declared"),
        "a model without any keeps its hash"
    );
}

#[test]
fn the_example_is_a_model() {
    let model = Model::from_json(include_str!("../../example-model.json")).unwrap();
    let declared = &model.declared;
    assert!(
        !declared.blocking.is_empty() && !declared.comparisons.is_empty() && !declared.blocked.is_empty()
    );
    assert!(!declared.identifiers.is_empty() && !declared.sources.is_empty());
}

#[test]
fn blocking_rules_find_more_pairs() {
    // Nothing in common that finds them, but for the middle name and the day of birth.
    let (mut a, mut b) = (person("maria", "ruiz", 3), person("rosalind", "keller", 3));
    for (one, phone) in [(&mut a, "+14145550123"), (&mut b, "+14145550124")] {
        one.middle = "theodora".into();
        one.phones.push(phone.into());
    }
    let meets = |model: Model| {
        let scorer = Scorer::new(model).unwrap();
        let other = scorer.blocking_keys(&b);
        scorer.blocking_keys(&a).iter().any(|key| other.contains(key))
    };
    assert!(!meets(Model::default()));
    let rule = |keys: &str| model(&format!(r#"{{"blocking": [{{"keys": {keys}}}]}}"#));
    assert!(meets(rule(r#"["middle_name", "birth_date"]"#)));
    assert!(!meets(rule(r#"["middle_name", "family_name"]"#)));
    assert!(
        !meets(rule(r#"["middle_name", "city"]"#)),
        "a field that is missing gives no key"
    );
    let keys = |model: Model| Scorer::new(model).unwrap().blocking_keys(&a);
    assert_eq!(
        keys(rule(r#"["middle_name", "birth_date"]"#)),
        keys(rule(r#"["birth_date", "middle_name"]"#))
    );
}

#[test]
fn fields_of_an_address_come_from_one_address() {
    let at = |places: &[(&str, &str)]| {
        let mut person = person("maria", "ruiz", 3);
        person.addresses = places
            .iter()
            .map(|(city, code)| StandardAddress {
                city: (*city).into(),
                postal_code: (*code).into(),
                ..StandardAddress::default()
            })
            .collect();
        person
    };
    let scorer = Scorer::new(model(
        r#"{"blocking": [{"keys": ["city", "postal_code", "birth_year"]}]}"#,
    ))
    .unwrap();
    let shipped = Scorer::shipped();
    let declared = |person: &StandardPerson| -> Vec<_> {
        let known = shipped.blocking_keys(person);
        let keys = scorer.blocking_keys(person).into_iter();
        keys.filter(|key| !known.contains(key)).collect()
    };
    let two = declared(&at(&[("MILWAUKEE", "53202"), ("CHICAGO", "60601")]));
    assert_eq!(two.len(), 2);
    assert!(!two.contains(&declared(&at(&[("MILWAUKEE", "60601")]))[0]));
}

#[test]
fn comparisons_add_evidence_of_their_own() {
    let card = |value: &str| {
        with_number(
            person("maria", "ruiz", 3),
            "LOYALTY",
            value,
            IdentifierKind::Other,
        )
    };
    let declared = r#"{"comparisons": [{"name": "loyalty", "field": {"identifier_of": "LOYALTY"}, "levels": [
        {"name": "same", "test": "exact", "m": 0.9, "u": 0.0001},
        {"name": "near", "test": "one_edit", "m": 0.05, "u": 0.0009},
        {"name": "different", "test": "otherwise", "m": 0.05, "u": 0.999, "words": "another card"}]}]}"#;
    let scorer = Scorer::new(model(declared)).unwrap();
    let weight = |a: &str, b: &str| scorer.score(&card(a), &card(b)).weight;
    assert!(weight("7001", "7001") > weight("7001", "7002"));
    assert!(weight("7001", "7002") > weight("7001", "8999"));
    let explanation = scorer.explain(&card("7001"), &card("8999"));
    let step = explanation.steps.last().unwrap();
    assert_eq!(
        (step.comparison.as_str(), step.words.as_str()),
        ("loyalty", "another card")
    );
    assert!(step.weight_bits < -3.0, "{step:?}");
    let missing = scorer.explain(&card("7001"), &person("maria", "ruiz", 3));
    assert_eq!(missing.steps.last().unwrap().level, "missing");
    // A pair the other fields leave open is decided by it.
    let (mut a, mut b) = (card("7001"), card("7001"));
    (a.birth_date, b.birth_date) = (None, None);
    check(declared, &[("crm", &a), ("crm", &b)], 2, 1);
}

#[test]
fn levels_are_what_they_say() {
    let test = |test: &str, x: &str, y: &str| {
        let scorer = Scorer::new(model(&format!(
            r#"{{"comparisons": [{{"name": "card", "field": {{"identifier_of": "CARD"}}, "levels": [
                {{"name": "yes", "test": {test}, "m": 0.9, "u": 0.1}},
                {{"name": "no", "test": "otherwise", "m": 0.1, "u": 0.9}}]}}]}}"#
        )))
        .unwrap();
        let card =
            |value: &str| with_number(person("maria", "ruiz", 3), "CARD", value, IdentifierKind::Account);
        let forth = scorer.score(&card(x), &card(y));
        assert_eq!(forth, scorer.score(&card(y), &card(x)), "symmetric");
        forth.levels.last() == Some(&0)
    };
    assert!(test("\"exact\"", "AB12", "AB12") && !test("\"exact\"", "AB12", "AB13"));
    assert!(test("\"one_edit\"", "AB12", "AB21") && !test("\"one_edit\"", "AB12", "BA21"));
    let similar = "{\"jaro_winkler_min\": 0.9}";
    assert!(test(similar, "MARTHA", "MARHTA") && !test(similar, "MARTHA", "PETER"));
    let near = "{\"difference_max\": 2}";
    assert!(test(near, "100", "102") && !test(near, "100", "103") && !test(near, "A", "A"));
    assert!(test("{\"prefix\": 2}", "AB12", "AB99") && !test("{\"prefix\": 3}", "AB", "AB"));
}

#[test]
fn learned_probabilities_stand_before_declared_ones() {
    let declared = r#"{"comparisons": [{"name": "card", "field": {"identifier_of": "CARD"}, "levels": [
        {"name": "same", "test": "exact", "m": 0.9, "u": 0.1},
        {"name": "other", "test": "otherwise", "m": 0.1, "u": 0.9}]}]}"#;
    let mut records = Vec::new();
    for n in 0..600u16 {
        let letter = |k: u16| char::from(b'a' + u8::try_from(k % 26).unwrap());
        let given: String = [n, n / 26, n * 7, n * 3].map(letter).iter().collect();
        let family: String = [n * 5, n / 7, n * 11, n / 3, n].map(letter).iter().collect();
        for copy in 0..2 {
            let mut one = person(&given, &family, u8::try_from(n % 28 + 1).unwrap());
            if let Some(birth) = &mut one.birth_date {
                birth.date.year = 1930 + i16::try_from(n % 80).unwrap();
            }
            // Half of the people got another card.
            let card = (n % 90 + copy * (n % 2)).to_string();
            records.push(with_number(one, "CARD", &card, IdentifierKind::Account));
        }
    }
    let training = crate::train(&records, &model(declared), 1);
    let (trained, report) = (training.model, training.report);
    let unit = report.comparisons.iter().find(|c| c.name == "card").unwrap();
    let (m, u) = (unit.levels[0].m_probability, unit.levels[0].u_probability);
    assert!((0.4..0.75).contains(&m) && u < 0.05, "m {m}, u {u}");
    assert_eq!(trained.declared, model(declared).declared);
    let read = Model::from_json(&trained.to_json().unwrap()).unwrap();
    assert_eq!(read.comparisons, trained.comparisons, "what was learned is kept");
}

#[test]
fn blocked_values_are_no_evidence() {
    let phone = "+14145550123";
    let (mut a, mut b) = (
        with_phone(person("maria", "ruiz", 3), phone),
        with_phone(person("maria", "ruiz", 3), phone),
    );
    (a.birth_date, b.birth_date) = (None, None);
    let pair = [("crm", &a), ("crm", &b)];
    check(r#"{"blocked": {"phones": ["(414) 555-0123"]}}"#, &pair, 1, 2);

    let with_email = |address: &str| {
        let mut person = person("maria", "ruiz", 3);
        person.birth_date = None;
        person.emails.push(address.into());
        person
    };
    let (a, b) = (
        with_email("front.desk@clinic.org"),
        with_email("front.desk@clinic.org"),
    );
    let pair = [("crm", &a), ("crm", &b)];
    check(
        r#"{"blocked": {"emails": ["Front.Desk@clinic.org"]}}"#,
        &pair,
        1,
        2,
    );
    check(r#"{"blocked": {"emails": ["@clinic.org"]}}"#, &pair, 1, 2);
    check(r#"{"blocked": {"emails": ["@other.org"]}}"#, &pair, 1, 1);

    let number = |value| {
        with_number(
            person("maria", "ruiz", 3),
            "MERCY",
            value,
            IdentifierKind::MedicalRecord,
        )
    };
    let other = with_number(
        person("peter", "keller", 4),
        "MERCY",
        "PEND1",
        IdentifierKind::MedicalRecord,
    );
    let pair = [("hospital", &number("PEND1")), ("hospital", &other)];
    let scorer = |declared| Scorer::new(model(declared)).unwrap();
    for declared in [
        r#"{"blocked": {"identifiers": [{"value": "pend1"}]}}"#,
        r#"{"blocked": {"identifiers": [{"value": "PEND1", "authority": "mercy"}]}}"#,
    ] {
        let seen = scorer(declared);
        assert!(seen.matched("hospital", pair[0].1).identifiers.is_empty());
    }
    let elsewhere = scorer(r#"{"blocked": {"identifiers": [{"value": "PEND1", "authority": "other"}]}}"#);
    assert_eq!(elsewhere.matched("hospital", pair[0].1).identifiers.len(), 1);

    let mut shelter = person("maria", "ruiz", 3);
    shelter.addresses.push(StandardAddress {
        number: "100".into(),
        street: "MAIN ST".into(),
        postal_code: "53202".into(),
        ..StandardAddress::default()
    });
    let seen = |declared| scorer(declared).matched("crm", &shelter).addresses.len();
    assert_eq!(
        seen(r#"{"blocked": {"addresses": [{"line": "100 Main Street"}]}}"#),
        0
    );
    assert_eq!(
        seen(r#"{"blocked": {"addresses": [{"line": "100 Main St", "postal_code": "60601"}]}}"#),
        1
    );
}

#[test]
fn blocked_names_leave_what_is_not_said() {
    let scorer = Scorer::new(model(
        r#"{"blocked": {"names": [{"family": "Doe", "given": "John"}, {"family": "Trauma"}], "social_security": ["219-09-1234"]}}"#,
    ))
    .unwrap();
    let mut john = person("john", "doe", 3);
    john.ssn = panorama_standardize::social_security::standardize("219-09-1234");
    let seen = scorer.matched("hospital", &john);
    assert!(seen.given.is_empty() && seen.family.is_empty() && seen.ssn.is_none());
    assert_eq!(
        scorer.matched("hospital", &person("john", "smith", 3)).given,
        "john"
    );
    let trauma = person("kilo", "trauma", 3);
    let seen = scorer.matched("hospital", &trauma);
    assert_eq!((seen.given.as_str(), seen.family.as_str()), ("kilo", ""));
}

#[test]
fn authorities_have_one_name_and_their_numbers_a_meaning() {
    let number = |given: &str, authority: &str, value: &str, kind| {
        let mut person = with_number(person(given, "ruiz", 3), authority, value, kind);
        person.birth_date = None;
        person
    };
    // One hospital under two names: its number joins.
    let (a, b) = (
        number("maria", "MERCY", "A1", IdentifierKind::MedicalRecord),
        number("maria", "1.2.840.1", "A1", IdentifierKind::MedicalRecord),
    );
    let aliases = r#"{"identifiers": [{"authority": "Mercy", "aliases": ["1.2.840.1"]}]}"#;
    check(aliases, &[("adt", &a), ("fhir", &b)], 2, 1);
    // Two numbers of it speak against.
    let other = number("maria", "1.2.840.1", "A2", IdentifierKind::MedicalRecord);
    let weight = |declared: &str, a: &StandardPerson, b: &StandardPerson| {
        let scorer = Scorer::new(model(declared)).unwrap();
        scorer
            .score(&scorer.matched("s", a), &scorer.matched("s", b))
            .weight
    };
    let apart = weight(aliases, &a, &other);
    let several = aliases.replace("\"aliases\"", "\"one_per_person\": false, \"aliases\"");
    assert!(
        weight(&several, &a, &other) > apart,
        "one person may have several"
    );
    // A number of an unsaid kind is declared to be a person's own, and a record number to be nobody's.
    let card = |given| number(given, "STATE-HIE", "77", IdentifierKind::Other);
    let own = r#"{"identifiers": [{"authority": "STATE-HIE", "identifies": "person"}]}"#;
    check(own, &[("adt", &card("maria")), ("fhir", &card("maria"))], 2, 1);
    let nobody =
        r#"{"identifiers": [{"authority": "MERCY", "kinds": ["medical_record"], "identifies": "nobody"}]}"#;
    check(nobody, &[("adt", &a), ("adt", &a)], 1, 2);
    let by_kind = r#"{"identifiers": [{"kinds": ["medical_record"], "identifies": "family"}]}"#;
    assert!(weight(by_kind, &a, &a) < weight(aliases, &a, &a));
}

#[test]
fn sources_are_believed_as_far_as_declared() {
    let mut rosa = with_phone(person("rosalind", "keller", 29), "+14145550123");
    rosa.emails.push("rosalind@keller.org".into());
    let records = [("web", &rosa), ("hospital", &rosa)];
    let declared = r#"{"sources": [{"source": "web", "probability_max": 0.95}]}"#;
    check(declared, &records, 1, 2);
    check(declared, &[("hospital", &rosa), ("hospital", &rosa)], 1, 1);
    let scorer = Scorer::new(model(declared)).unwrap();
    let spoken = |source| Spoken {
        source,
        person: &rosa,
    };
    let held = scorer.explain_records(spoken("hospital"), spoken("web"));
    assert!((held.probability - 0.95).abs() < 1e-3 && held.held_down_by.as_deref() == Some("web"));
    assert!(held.to_string().contains("web is not believed further"));
    let free = scorer.explain_records(spoken("hospital"), spoken("hospital"));
    assert_eq!(free.weight, scorer.score(&rosa, &rosa).weight);
    // A source whose record numbers are made up.
    let number = |given| {
        let mut one = with_number(
            person(given, "ruiz", 3),
            "MERCY",
            "A1",
            IdentifierKind::MedicalRecord,
        );
        one.birth_date = None;
        one
    };
    let (a, b) = (number("maria"), number("maria"));
    let ignore = r#"{"sources": [{"source": "web", "ignore": ["identifiers"]}]}"#;
    check(ignore, &[("web", &a), ("hospital", &b)], 1, 2);
}

#[test]
fn a_caller_is_reached_by_no_blocked_phone() {
    let phone = "+14145550123";
    let maria = with_phone(person("maria", "ruiz", 3), phone);
    let caller = with_phone(StandardPerson::default(), phone);
    check(
        r#"{"blocked": {"phones": ["4145550123"]}}"#,
        &[("adt", &maria), ("calls", &caller)],
        1,
        2,
    );
    // A name that is none leaves a contact point.
    let named = with_phone(
        StandardPerson {
            given: "wireless".into(),
            given_canonical: "wireless".into(),
            family: "caller".into(),
            ..StandardPerson::default()
        },
        phone,
    );
    let declared = r#"{"blocked": {"names": [{"given": "Wireless", "family": "Caller"}]}}"#;
    check(declared, &[("adt", &maria), ("calls", &named)], 2, 1);
}

/// Refused: a problem at this place says so; or, with no place, the reader of JSON does, with line and column.
fn check_refused(declared: &str, place: &str, message: &str) {
    let text = format!(r#"{{"version": "ours-1", "declared": {declared}}}"#);
    let error = Model::from_json(&text).unwrap_err();
    match error {
        ModelError::Declared(problems) => {
            let found = problems
                .iter()
                .any(|p| p.place == place && p.message.contains(message));
            assert!(found, "{declared}: {problems:?}");
            assert!(problems.iter().all(|p| !p.hint.is_empty()));
        }
        other => {
            // What is no declaration at all is told with line and column.
            let text = format!(
                "{other:#} {:?}",
                std::error::Error::source(&other).map(ToString::to_string)
            );
            assert!(
                place.is_empty() && text.contains(message) && text.contains("line 1"),
                "{text}"
            );
        }
    }
}

#[test]
fn wrong_blocking_rules_are_refused() {
    check_refused(
        r#"{"blocking": [{"keys": []}]}"#,
        "declared.blocking[0].keys",
        "0 fields",
    );
    check_refused(
        r#"{"blocking": [{"keys": ["sex", "birth_year"]}]}"#,
        "declared.blocking[0].keys",
        "too many people",
    );
    check_refused(
        r#"{"blocking": [{"keys": ["city", "city"]}]}"#,
        "declared.blocking[0].keys",
        "twice",
    );
    check_refused(
        r#"{"blocking": [{"keys": ["city", "email"]}, {"keys": ["email", "city"]}]}"#,
        "declared.blocking[1].keys",
        "the same fields as declared.blocking[0]",
    );
    check_refused(
        r#"{"blocking": [{"keys": ["shoe_size"]}]}"#,
        "",
        "unknown variant `shoe_size`",
    );
    check_refused(r#"{"blocks": []}"#, "", "unknown field `blocks`");
    check_refused(
        r#"{"blocking": [{"keys": [{"identifier_of": "loyalty"}]}]}"#,
        "declared.blocking[0].keys",
        "fits no identifier",
    );
}

#[test]
fn wrong_comparisons_are_refused() {
    let comparison = |name: &str, field: &str, levels: &str| {
        format!(r#"{{"comparisons": [{{"name": "{name}", "field": "{field}", "levels": [{levels}]}}]}}"#)
    };
    let same = r#"{"name": "same", "test": "exact", "m": 0.9, "u": 0.1}"#;
    let rest = r#"{"name": "other", "test": "otherwise", "m": 0.1, "u": 0.9}"#;
    let both = format!("{same}, {rest}");
    check_refused(
        &comparison("phone", "unit", &both),
        "declared.comparisons[0].name",
        "taken",
    );
    check_refused(
        &comparison("unit", "unit", same),
        "declared.comparisons[0].levels",
        "1 levels",
    );
    let turned = format!("{rest}, {same}");
    check_refused(
        &comparison("unit", "unit", &turned),
        "declared.comparisons[0].levels[0].test",
        "wrong place",
    );
    let sum = both.replace("0.9, \"u\"", "0.5, \"u\"");
    check_refused(
        &comparison("unit", "unit", &sum),
        "declared.comparisons[0].levels",
        "add up to 0.600",
    );
    let zero = both.replace("\"u\": 0.1", "\"u\": 0");
    check_refused(
        &comparison("unit", "unit", &zero),
        "declared.comparisons[0].levels[0].u",
        "not a probability",
    );
    let some = both.replace("0.1}", "0.1, \"household\": 0.5}");
    check_refused(
        &comparison("unit", "unit", &some),
        "declared.comparisons[0].levels",
        "some levels only",
    );
    let number = both.replace("\"exact\"", "{\"difference_max\": 2}");
    check_refused(
        &comparison("city", "city", &number),
        "declared.comparisons[0].levels[0].test",
        "no number",
    );
    let similar = both.replace("\"exact\"", "{\"jaro_winkler_min\": 0.1}");
    check_refused(
        &comparison("city", "city", &similar),
        "declared.comparisons[0].levels[0].test",
        "not a similarity",
    );
}

#[test]
fn wrong_blocked_values_are_refused() {
    check_refused(
        r#"{"blocked": {"phones": ["none"]}}"#,
        "declared.blocked.phones[0]",
        "not a phone number",
    );
    check_refused(
        r#"{"blocked": {"emails": ["clinic"]}}"#,
        "declared.blocked.emails[0]",
        "not an e-mail",
    );
    check_refused(
        r#"{"blocked": {"addresses": [{"line": ""}]}}"#,
        "declared.blocked.addresses[0].line",
        "street",
    );
    check_refused(
        r#"{"blocked": {"names": [{}]}}"#,
        "declared.blocked.names[0]",
        "neither",
    );
    check_refused(
        r#"{"blocked": {"social_security": ["12"]}}"#,
        "declared.blocked.social_security[0]",
        "nine",
    );
}

#[test]
fn wrong_identifiers_and_sources_are_refused() {
    check_refused(
        r#"{"identifiers": [{"authority": "MERCY"}]}"#,
        "declared.identifiers[0]",
        "says nothing",
    );
    check_refused(
        r#"{"identifiers": [{"identifies": "person"}]}"#,
        "declared.identifiers[0]",
        "no identifiers",
    );
    check_refused(
        r#"{"identifiers": [{"authority": "A", "identifies": "family", "one_per_person": true}]}"#,
        "declared.identifiers[0].one_per_person",
        "contradicts",
    );
    check_refused(
        r#"{"identifiers": [{"authority": "A", "aliases": ["x"]}, {"authority": "B", "aliases": ["X"]}]}"#,
        "declared.identifiers[1].aliases[0]",
        "another authority",
    );
    check_refused(
        r#"{"identifiers": [{"authority": "A", "identifies": "person"}, {"authority": "a", "kinds": ["account"], "identifies": "nobody"}]}"#,
        "declared.identifiers[1]",
        "the same numbers",
    );
    check_refused(
        r#"{"identifiers": [{"kinds": ["ssn"], "identifies": "person"}]}"#,
        "",
        "unknown variant `ssn`",
    );
    check_refused(
        r#"{"sources": [{"source": "web"}]}"#,
        "declared.sources[0]",
        "says nothing",
    );
    check_refused(
        r#"{"sources": [{"source": "web", "probability_max": 1}]}"#,
        "declared.sources[0].probability_max",
        "not a probability",
    );
    let declared = r#"{"declared": {"sources": [{"source": "web", "ignore": ["phones"]}]}}"#;
    let error = Model::from_json(declared).unwrap_err().to_string();
    assert!(
        error.contains("version: default-3 is the model that ships"),
        "{error}"
    );
}
