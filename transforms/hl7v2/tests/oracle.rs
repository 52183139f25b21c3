//! Against Microsoft's expected FHIR bundles for the same messages: the patient's demographics, and how many encounters
//! and observations a message speaks of. Every disagreement stands in a table with who is right and why.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod common;

use common::{context, files};
use panorama_hl7v2::{Message, decode};
use panorama_model::{FactTable, HumanName, Person, Reading, SourceRecord};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a side says of one field, in a form both can be brought to.
type Said = BTreeSet<String>;

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn ours(person: &Person) -> Vec<(&'static str, Said)> {
    // FHIR has one list of given names: where there is no first one, theirs begins with the second.
    let given = |n: &HumanName| {
        if n.given.is_empty() {
            n.middle.clone()
        } else {
            n.given.clone()
        }
    };
    let names = person
        .names
        .list()
        .iter()
        .map(|n| plain(&format!("{}, {}", n.family, given(n))));
    let identifiers = person.identifiers.list().iter().map(|i| i.value.to_string());
    let identifiers = identifiers.chain(person.ssn.value().map(ToString::to_string));
    let addresses = person.addresses.list().iter();
    let addresses = addresses.map(|a| {
        plain(&format!(
            "{} {} {} {} {} {}",
            a.line, a.line2, a.city, a.state, a.postal_code, a.country
        ))
    });
    let phones = person.phones.list().iter().map(|p| digits(&p.number));
    let emails = person.emails.list().iter().map(|e| e.address.to_string());
    vec![
        ("name", names.collect()),
        (
            "birth date",
            person
                .birth_date
                .value()
                .map(ToString::to_string)
                .into_iter()
                .collect(),
        ),
        (
            "sex",
            person
                .sex
                .value()
                .map(|s| s.code().to_owned())
                .into_iter()
                .collect(),
        ),
        ("identifier", identifiers.collect()),
        ("address", addresses.collect()),
        ("phone", phones.chain(emails).collect()),
    ]
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn theirs(patient: &Value) -> Vec<(&'static str, Said)> {
    let names = list(patient, "name").map(|n| {
        plain(&format!(
            "{}, {}",
            text(n, "family"),
            n["given"][0].as_str().unwrap_or_default()
        ))
    });
    let identifiers = list(patient, "identifier").map(|i| text(i, "value").trim().to_owned());
    let addresses = list(patient, "address").map(|a| {
        let lines: Vec<_> = list(a, "line").filter_map(Value::as_str).collect();
        plain(&format!(
            "{} {} {} {} {}",
            lines.join(" "),
            text(a, "city"),
            text(a, "state"),
            text(a, "postalCode"),
            text(a, "country")
        ))
    });
    let telecoms = list(patient, "telecom").map(|t| {
        let value = text(t, "value");
        if value.contains('@') {
            value.to_owned()
        } else {
            digits(value)
        }
    });
    let one = |key: &str| {
        Some(text(patient, key).to_owned())
            .into_iter()
            .filter(|t| !t.is_empty())
            .collect()
    };
    vec![
        ("name", names.collect()),
        ("birth date", one("birthDate")),
        ("sex", one("gender")),
        ("identifier", identifiers.filter(|i| !i.is_empty()).collect()),
        ("address", addresses.filter(|a| !a.is_empty()).collect()),
        ("phone", telecoms.filter(|t| !t.is_empty()).collect()),
    ]
}

struct Case {
    name: String,
    message: Vec<u8>,
    records: Vec<SourceRecord>,
    patients: Vec<Value>,
    encounters: usize,
    observations: usize,
}

fn cases() -> Vec<Case> {
    let messages = files("hl7v2/microsoft-fhir-converter/data/SampleData/Hl7v2");
    let bundles = files("fhir/v2-to-fhir-expected");
    let mut found = Vec::new();
    for (path, bundle) in bundles {
        let name = path
            .rsplit('/')
            .next()
            .unwrap()
            .strip_suffix("-expected.json")
            .unwrap()
            .to_owned();
        let wanted = format!("/{name}.hl7");
        let Some((_, message)) = messages.iter().find(|(path, _)| path.ends_with(&wanted)) else {
            continue;
        };
        let bundle: Value =
            serde_json::from_slice(bundle.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bundle)).unwrap();
        let of_type = |kind: &str| {
            let resources = list(&bundle, "entry").map(|e| &e["resource"]);
            resources
                .filter(|r| r["resourceType"] == kind)
                .cloned()
                .collect::<Vec<_>>()
        };
        let Reading::Read(read) = decode(message, &context()) else {
            panic!("{name} is unreadable")
        };
        found.push(Case {
            message: message.clone(),
            records: read.records,
            patients: of_type("Patient"),
            encounters: of_type("Encounter").len(),
            observations: of_type("Observation").len(),
            name,
        });
    }
    found
}

/// Who is right where we and the expected bundles disagree.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Right {
    /// We are.
    Ours,
    /// Neither is wrong: another reading of the standard, or another place for the same thing.
    Both,
}

/// A kind of disagreement on a patient's demographics: the field, whose value the other side lacks, how to know it, who is
/// right and why.
struct Disagreement {
    field: &'static str,
    /// The value is ours and theirs lacks it; else the other way round.
    ours: bool,
    is_it: fn(value: &str, pid: &str) -> bool,
    right: Right,
    why: &'static str,
}

const DEMOGRAPHICS: &[Disagreement] = &[
    Disagreement {
        field: "name",
        ours: false,
        is_it: not_in_pid,
        right: Right::Ours,
        why: "the insured's or guarantor's name (IN2, GT1) is not PID's",
    },
    Disagreement {
        field: "identifier",
        ours: false,
        is_it: not_in_pid,
        right: Right::Ours,
        why: "ids of GT1, IN2, DB1 are not PID's",
    },
    Disagreement {
        field: "address",
        ours: false,
        is_it: not_in_pid,
        right: Right::Ours,
        why: "the guarantor's address is not PID's",
    },
    Disagreement {
        field: "phone",
        ours: false,
        is_it: not_in_pid,
        right: Right::Ours,
        why: "the guarantor's or insured's phone is not PID's",
    },
    Disagreement {
        field: "phone",
        ours: false,
        is_it: internet_without_address,
        right: Right::Ours,
        why: "equipment type Internet, but the value is no e-mail address",
    },
    Disagreement {
        field: "phone",
        ours: true,
        is_it: composed_number,
        right: Right::Ours,
        why: "XTN.7 is valued; theirs has a telecom without a value",
    },
    Disagreement {
        field: "phone",
        ours: true,
        is_it: email,
        right: Right::Ours,
        why: "XTN.4 holds an e-mail address; theirs has a telecom without a value",
    },
    Disagreement {
        field: "address",
        ours: true,
        is_it: beside_addressee,
        right: Right::Ours,
        why: "XAD.19 names the addressee (v2.7): no street line",
    },
    Disagreement {
        field: "address",
        ours: false,
        is_it: with_addressee,
        right: Right::Ours,
        why: "XAD.19 names the addressee (v2.7): no street line",
    },
];

/// The words of a value that PID does not hold.
fn not_in_pid(value: &str, pid: &str) -> bool {
    let missing = |word: &str| !pid.contains(word.trim_end_matches(','));
    value.split(' ').filter(|word| !word.is_empty()).any(missing)
}

fn internet_without_address(value: &str, pid: &str) -> bool {
    !value.contains('@') && pid.contains(&format!("{value}^WPN^Internet"))
}

fn composed_number(value: &str, pid: &str) -> bool {
    pid.split(['|', '~']).any(|telecom| {
        let parts: Vec<&str> = telecom.split('^').collect();
        let local = parts.get(6).is_some_and(|local| !local.is_empty());
        local && (digits(&parts[1..].concat()) == value || digits(parts[0]) == value)
    })
}

fn email(value: &str, _: &str) -> bool {
    value.contains('@')
}

/// PID-11 has a nineteenth component.
fn has_addressee(pid: &str) -> bool {
    let address = pid.split('|').nth(11).unwrap_or_default();
    address
        .split('^')
        .nth(18)
        .is_some_and(|addressee| !addressee.is_empty())
}

fn beside_addressee(_: &str, pid: &str) -> bool {
    has_addressee(pid)
}

fn with_addressee(value: &str, pid: &str) -> bool {
    let address = pid.split('|').nth(11).unwrap_or_default();
    has_addressee(pid)
        && address
            .split('^')
            .nth(18)
            .is_some_and(|addressee| value.contains(addressee))
}

#[test]
fn demographics_are_those_expected() {
    let cases = cases();
    let (mut equal, mut unexplained) = (0, Vec::new());
    let mut explained = vec![0; DEMOGRAPHICS.len()];
    for case in &cases {
        let parsed = Message::parse(&case.message).unwrap();
        let pids: Vec<&str> = parsed
            .segments()
            .filter(|s| s.is("PID"))
            .map(|s| s.raw())
            .collect();
        let persons = case.records.iter().filter_map(|r| r.person.as_ref());
        for ((person, patient), pid) in persons.zip(&case.patients).zip(pids) {
            for ((field, mine), (_, other)) in ours(person).into_iter().zip(theirs(patient)) {
                equal += mine.intersection(&other).count();
                let only_mine = mine.difference(&other).map(|v| (v, true));
                for (value, is_ours) in only_mine.chain(other.difference(&mine).map(|v| (v, false))) {
                    let known = DEMOGRAPHICS
                        .iter()
                        .position(|d| d.field == field && d.ours == is_ours && (d.is_it)(value, pid));
                    match known {
                        Some(at) => explained[at] += 1,
                        None => unexplained.push(format!("{} {field} ours={is_ours} {value}", case.name)),
                    }
                }
            }
        }
    }
    println!(
        "{} messages, {equal} equal values; known disagreements:",
        cases.len()
    );
    for (disagreement, count) in DEMOGRAPHICS.iter().zip(&explained) {
        println!(
            "  {count:4} {} {:?}: {}",
            disagreement.field, disagreement.right, disagreement.why
        );
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    if !cases.is_empty() {
        assert!(cases.len() > 120 && equal > 1400, "{} {equal}", cases.len());
        assert!(
            explained.iter().all(|count| *count > 0),
            "a disagreement that no message shows"
        );
    }
}

/// Which messages, what, how many we have, how many they expect, who is right and why.
type Count = (
    &'static [&'static str],
    FactTable,
    usize,
    usize,
    Right,
    &'static str,
);

const OBSERVATIONS: FactTable = FactTable::Observations;
const DEATH: &str = "theirs makes observations of PDA and ACC (death, accident) too; ours are the OBX";
const ACCIDENT: &str = "theirs makes an observation of ACC too; ours are the OBX";
const FEWER: &str = "theirs makes no observation of OBX of type ED and RP, of specimens, and of vaccine funding; each OBX is said";
const CONTENT: &str = "OBX under TXA are the document's content: its size is on the document";

const COUNTS: &[Count] = &[
    (
        &[
            "ADT-A01-01",
            "ADT-A03-01",
            "ADT-A04-01",
            "ADT-A08-01",
            "ADT-A13-01",
        ],
        OBSERVATIONS,
        1,
        5,
        Right::Both,
        DEATH,
    ),
    (&["ADT-A02-01"], OBSERVATIONS, 1, 4, Right::Both, DEATH),
    (
        &[
            "ADT-A05-01",
            "ADT-A06-01",
            "ADT-A07-01",
            "ADT-A14-01",
            "ADT-A16-01",
            "ADT-A28-01",
            "ADT-A31-01",
            "BAR-P01-01",
            "REF-I12-01",
            "REF-I14-01",
        ],
        OBSERVATIONS,
        1,
        2,
        Right::Both,
        ACCIDENT,
    ),
    (
        &["ADT-A41-01"],
        FactTable::Encounters,
        1,
        0,
        Right::Both,
        "an account merge is told with its visit; theirs links patients only",
    ),
    (
        &["ADT-A41-02"],
        FactTable::Encounters,
        2,
        0,
        Right::Both,
        "an account merge is told with its visit; theirs links patients only",
    ),
    (
        &["BAR-P01-02", "DFT-P11-02"],
        OBSERVATIONS,
        2,
        3,
        Right::Both,
        ACCIDENT,
    ),
    (
        &["BAR-P12-01", "MDHHS-OML-O21-1"],
        OBSERVATIONS,
        1,
        0,
        Right::Ours,
        FEWER,
    ),
    (
        &["MDM-T02-02", "MDM-T06-02", "MDM-T10-02"],
        OBSERVATIONS,
        0,
        2,
        Right::Both,
        CONTENT,
    ),
    (&["MDM-T02-03"], OBSERVATIONS, 0, 29, Right::Both, CONTENT),
    (&["OMG-O19-01"], OBSERVATIONS, 10, 4, Right::Ours, FEWER),
    (&["OMG-O19-02"], OBSERVATIONS, 14, 6, Right::Ours, FEWER),
    (&["OML-O21-01"], OBSERVATIONS, 4, 2, Right::Ours, FEWER),
    (&["OML-O21-02"], OBSERVATIONS, 3, 2, Right::Ours, FEWER),
    (&["OML-O21-03"], OBSERVATIONS, 13, 5, Right::Ours, FEWER),
    (&["ORM-O01-02"], OBSERVATIONS, 2, 1, Right::Ours, FEWER),
    (&["ORU-R01-01"], OBSERVATIONS, 5, 2, Right::Ours, FEWER),
    (
        &["OUL-R22-01", "OUL-R23-01", "OUL-R24-01", "OUL-R24-02"],
        OBSERVATIONS,
        7,
        2,
        Right::Ours,
        FEWER,
    ),
    (
        &["OUL-R22-02", "OUL-R23-02"],
        OBSERVATIONS,
        7,
        3,
        Right::Ours,
        FEWER,
    ),
    (&["VXU-V04-01"], OBSERVATIONS, 5, 3, Right::Ours, FEWER),
    (&["VXU-V04-02"], OBSERVATIONS, 7, 4, Right::Ours, FEWER),
];

#[test]
fn encounters_and_observations_are_as_many_as_expected() {
    let cases = cases();
    let mut wrong = Vec::new();
    let (mut equal, mut known) = (0, 0);
    for case in &cases {
        for (table, expected) in [
            (FactTable::Encounters, case.encounters),
            (OBSERVATIONS, case.observations),
        ] {
            let ours = case
                .records
                .iter()
                .flat_map(|r| &r.facts)
                .filter(|f| f.table == table)
                .count();
            let listed = COUNTS.iter().any(|(names, of, mine, theirs, _, _)| {
                names.contains(&case.name.as_str()) && *of == table && (*mine, *theirs) == (ours, expected)
            });
            match (ours == expected, listed) {
                (true, false) => equal += 1,
                (false, true) => known += 1,
                _ => wrong.push(format!("{} {table:?} ours {ours} theirs {expected}", case.name)),
            }
        }
    }
    println!("{equal} counts equal, {known} known to differ");
    for (names, table, ours, theirs, right, why) in COUNTS {
        println!(
            "  {table:?} {ours} for {theirs}, {right:?}: {why} ({})",
            names.join(" ")
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
