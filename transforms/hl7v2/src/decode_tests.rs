//! What messages written by hand mean.

use super::*;
use panorama_model::fact::{appointments, documents, encounters, immunizations, medications, observations};
use panorama_model::{Fact, FactTable, Person, Presence, Severity, SourceRecordKey, Timestamp, Value, Zone};

const MSH: &str = "MSH|^~\\&|APP|FAC|PAN|HUB|20260704120000-0500||";

fn read_with(text: &str, headers: &[(Text, Vec<u8>)], zone: Option<&Zone>) -> Decoded {
    let context = DecodeContext {
        source: "hospital",
        received_at: Timestamp::from_seconds(1_783_000_000),
        zone,
        headers,
    };
    match decode(text.as_bytes(), &context) {
        Reading::Read(decoded) => decoded,
        Reading::Unreadable(reason) => panic!("{reason:?}"),
    }
}

/// A message of this event, its further segments separated by newlines.
fn read(event: &str, segments: &str) -> Decoded {
    read_with(&format!("{MSH}{event}|77|P|2.5.1\r{segments}"), &[], None)
}

fn person(decoded: &Decoded) -> &Person {
    decoded.records[0].person.as_ref().unwrap()
}

fn facts(decoded: &Decoded, table: FactTable) -> Vec<&Fact> {
    let all = decoded.records.iter().flat_map(|r| &r.facts);
    all.filter(|fact| fact.table == table).collect()
}

fn codes(decoded: &Decoded) -> Vec<&str> {
    decoded.issues.iter().map(|i| i.code.as_ref()).collect()
}

fn short(key: &SourceRecordKey) -> String {
    format!("{}:{}", key.authority, key.id)
}

/// The identity events of an ADT message, as `kind subject other`, and its issues.
fn check_identity(event: &str, segments: &str, expected: &[&str], issues: &[&str]) {
    let decoded = read(&format!("ADT^{event}"), segments);
    let events = decoded.identity_events.iter();
    let said: Vec<String> = events
        .map(|e| format!("{} {} {}", e.kind.name(), short(&e.subject), short(&e.other)))
        .collect();
    assert_eq!(said, expected, "{event} {segments}");
    assert_eq!(codes(&decoded), issues, "{event} {segments}");
}

const A: &str = "PID|1||A^^^H^MR||DOE^ANN";
const A_AND_B: &str = "PID|1||A^^^H^MR||DOE^ANN\nMRG|B^^^H^MR||||||DOE^ANNA";

#[test]
fn events_of_one_pair() {
    let check = check_identity;
    for event in ["A18", "A30", "A34", "A36", "A39", "A40"] {
        check(event, A_AND_B, &["merge H:A H:B"], &[]);
    }
    for event in ["A46", "A47", "A48"] {
        check(event, A_AND_B, &["change_identifier H:A H:B"], &[]);
    }
    let two = "PID|1||A^^^H^MR\nPID|2||B^^^H^MR";
    let moved = "PID|1|P2^^^E|A^^^H^MR\nMRG|A^^^H^MR|||P1^^^E";
    check("A43", A_AND_B, &["link H:A H:B"], &[]);
    check("A43", moved, &["link E:P2 H:A", "unlink E:P1 H:A"], &[]);
    check("A39", moved, &["merge E:P2 E:P1"], &[]);
    check("A24", two, &["link H:A H:B"], &[]);
    check("A37", two, &["unlink H:A H:B"], &[]);
    check("A29", A, &["delete H:A H:A"], &[]);
    check("A24", A, &[], &["identity_incomplete"]);
    check("A40", A, &[], &["identity_incomplete"]);
    check("A01", A_AND_B, &[], &[]);
}

#[test]
fn merges_of_many_and_of_one() {
    let check = |pid: &str, mrg: &str, expected: &[&str], issues: &[&str]| {
        check_identity("A40", &format!("PID|1||{pid}\n{mrg}"), expected, issues);
    };
    let (b, c) = ("MRG|B^^^H^MR", "MRG|C^^^H^MR");
    check(
        "A^^^H^MR",
        &format!("{b}\n{c}"),
        &["merge H:A H:B", "merge H:A H:C"],
        &[],
    );
    check(
        "A^^^H^MR",
        &format!("{b}\nPID|2||D^^^H^MR\n{c}"),
        &["merge H:A H:B", "merge H:D H:C"],
        &[],
    );
    check(
        "A^^^H^MR",
        "MRG|x^^^S^SS~B^^^H^MR~C^^^I^MR",
        &["merge H:A H:B", "merge H:A I:C"],
        &[],
    );
    // What both lists name is the survivor's own.
    check(
        "A^^^H^MR~E^^^I^MR",
        "MRG|B^^^H^MR~E^^^I^MR",
        &["merge H:A H:B"],
        &[],
    );
    check("A^^^H^MR", "MRG|B", &["merge H:A H:B"], &["authority_assumed"]);
    check("A^^^H^MR", "MRG|A^^^H^MR", &[], &["merge_with_itself"]);
}

#[test]
fn visits_and_accounts_join_nobody() {
    let check = |event: &str, mrg: &str, issue: &str| {
        check_identity(event, &format!("{A}\nMRG|{mrg}"), &[], &[issue])
    };
    for event in ["A35", "A41", "A44", "A49", "A51"] {
        check(event, "A^^^H^MR||ACC1", "account_changed");
    }
    check("A45", "A^^^H^MR||||V1", "visit_moved");
    check("A50", "A^^^H^MR||||V1", "visit_merged");
}

#[test]
fn a_merged_record_is_inactive_and_named() {
    let decoded = read("ADT^A40", "PID|1||A^^^H^MR||DOE^ANN\nMRG|B^^^H^MR||||||DOE^ANNA");
    let former = decoded.records[1].person.as_ref().unwrap();
    assert_eq!(former.inactive, Presence::Value(true));
    assert_eq!(former.names.list()[0].given, "ANNA");
    assert!(former.identifiers.is_absent());
    assert!(person(&decoded).inactive.is_absent());
    let merged = read(
        "ADT^A42",
        "PID|1||A^^^H^MR\nMRG|A^^^H^MR||||V1\nPV1|1|I|||||||||||||||||V2",
    );
    let visits: Vec<_> = facts(&merged, FactTable::Encounters)
        .iter()
        .map(|f| (f.id.clone(), f.deleted))
        .collect();
    assert_eq!(visits, [("V2".into(), false), ("V1".into(), true)]);
    assert_eq!(merged.identity_events, []);
}

#[test]
fn empty_keeps_and_null_deletes() {
    let full = read(
        "ADT^A08",
        "PID|1||A^^^H^MR||DOE^ANN||19800229|F|||1 X ST^^Y||555-1000|555-2000|||||999-00-1111",
    );
    let p = person(&full);
    assert_eq!(p.birth_date.value().unwrap().to_string(), "1980-02-29");
    assert_eq!(p.ssn, Presence::Value("999-00-1111".into()));
    assert_eq!(p.phones.list().len(), 2);
    let empty = read("ADT^A08", "PID|1||A^^^H^MR||||||||||||||||");
    let p = person(&empty);
    let absent = [
        p.names.is_absent(),
        p.birth_date.is_absent(),
        p.sex.is_absent(),
        p.addresses.is_absent(),
    ];
    assert_eq!(absent, [true; 4]);
    assert!(p.phones.is_absent() && p.ssn.is_absent() && p.death_at.is_absent() && p.deceased.is_absent());
    let n = "\"\"";
    let null = read(
        "ADT^A08",
        &format!(
            "PID|1||A^^^H^MR||{n}|{n}|{n}|{n}||{n}|{n}||{n}|{n}|{n}|{n}|{n}||{n}|||{n}||{n}|{n}||||{n}|{n}"
        ),
    );
    let p = person(&null);
    assert_eq!(p.names, Presence::Null);
    assert_eq!(
        (&p.birth_date, &p.sex, &p.ssn),
        (&Presence::Null, &Presence::Null, &Presence::Null)
    );
    assert_eq!(
        (&p.addresses, &p.phones, &p.emails),
        (&Presence::Null, &Presence::Null, &Presence::Null)
    );
    assert_eq!(
        (&p.death_at, &p.deceased, &p.multiple_birth),
        (&Presence::Null, &Presence::Null, &Presence::Null)
    );
    assert_eq!(
        (&p.race, &p.ethnicity, &p.language),
        (&Presence::Null, &Presence::Null, &Presence::Null)
    );
}

#[test]
fn who_the_patient_is() {
    let check = |pid: &str, key: &str, issues: &[&str]| {
        let decoded = read("ADT^A08", &format!("PID|{pid}"));
        assert_eq!(short(&decoded.records[0].key), key, "{pid}");
        assert_eq!(codes(&decoded), issues, "{pid}");
    };
    check("1||A^^^H&1.2&ISO^MR", "H:A", &[]);
    check("1||A^^^&1.2&ISO^MR", "1.2:A", &[]);
    check("1||S^^^US^SS~A^^^H^MR~B^^^I^MR", "H:A", &[]);
    check("1||A^^^H~B^^^I", "H:A", &[]);
    check("1|X^^^E", "E:X", &[]);
    check("1|||Y", ":Y", &[]);
    check(
        "1||||DOE^ANN|||||||||||||ACC1^^^H",
        "H:ACC1",
        &["patient_id_missing"],
    );
    check("1||||DOE^ANN||19800101", ":msh10:77", &["patient_id_missing"]);
}

#[test]
fn one_record_per_patient_with_the_segments_after_its_pid() {
    let decoded = read(
        "ORU^R01",
        "PID|1||A^^^H^MR\nOBR|1||F1|P\nOBX|1|ST|X||one\nPID|2||B^^^H^MR\nOBR|1||F2|P\nOBX|1|ST|X||two\nOBX|2|ST|Y||three",
    );
    let counts: Vec<_> = decoded
        .records
        .iter()
        .map(|r| (short(&r.key), r.facts.len()))
        .collect();
    assert_eq!(counts, [("H:A".to_owned(), 1), ("H:B".to_owned(), 2)]);
    // Out of order: what stands before the PID is of its patient.
    let early = read(
        "ADT^A01",
        "AL1|1|DA|PEN\nPV1|1|I|||||||||||||||||V1\nPID|1||A^^^H^MR||DOE\nDG1|1||R07",
    );
    assert_eq!(early.records.len(), 1);
    assert_eq!(early.records[0].facts.len(), 3);
    assert_eq!(early.records[0].facts[0].id, "H/A/PEN");
    assert_eq!(person(&early).names.list()[0].family, "DOE");
}

#[test]
fn visits_follow_their_events() {
    let pv1 = "PID|1||A^^^H^MR\nPV1|1|I|||||||||||||||||V1";
    let check = |event: &str, status: Option<&str>, deleted: bool, start: bool, end: Option<&str>| {
        let decoded = read(&format!("ADT^{event}"), pv1);
        let visit = facts(&decoded, FactTable::Encounters)[0];
        let row = &visit.row;
        assert_eq!(
            (row.text(encounters::STATUS), visit.deleted),
            (status, deleted),
            "{event}"
        );
        assert_eq!(row.time(encounters::START_AT).is_some(), start, "{event}");
        let read_end = row
            .get(encounters::END_AT)
            .map(|v| if v == Value::Null { "null" } else { "time" });
        assert_eq!(read_end, end, "{event}");
        assert_eq!(row.text(encounters::LAST_EVENT), Some(event));
        assert_eq!(visit.id, "V1");
    };
    check("A01", Some("in-progress"), false, true, None);
    check("A03", Some("finished"), false, false, Some("time"));
    check("A05", Some("planned"), false, false, None);
    check("A08", None, false, false, None);
    check("A11", Some("cancelled"), true, false, None);
    check("A13", Some("in-progress"), false, false, Some("null"));
    check("A23", Some("cancelled"), true, false, None);
}

#[test]
fn visit_numbers_fall_back() {
    let check = |pid18: &str, pv1: &str, id: &str| {
        let decoded = read(
            "ADT^A08",
            &format!("PID|1||A^^^H^MR|||||||||||||||{pid18}\nPV1|1|{pv1}"),
        );
        assert_eq!(facts(&decoded, FactTable::Encounters)[0].id, id);
    };
    let alternate = format!("O{}ALT", "|".repeat(48));
    check(
        "ACC",
        &format!("O{}V1{}ALT", "|".repeat(17), "|".repeat(31)),
        "V1",
    );
    check("ACC", &alternate, "ALT");
    check("ACC", "O", "ACC");
    check("", "O", "msh10:77");
}

#[test]
fn a_visit_that_is_none_makes_no_encounter() {
    let check = |pv1: &str, count: usize| {
        let decoded = read(
            "ADT^A28",
            &format!("PID|1||A^^^H^MR|||||||||||||||ACC\nPV1|{pv1}"),
        );
        assert_eq!(facts(&decoded, FactTable::Encounters).len(), count, "{pv1}");
    };
    check("1|N", 0);
    check("1|", 0);
    check("1|O", 1);
    check(&format!("1|N{}V1", "|".repeat(17)), 1);
}

#[test]
fn a_corrected_result_keeps_its_id() {
    let report = |status: &str, value: &str| {
        let decoded = read(
            "ORU^R01",
            &format!(
                "PID|1||A^^^H^MR\nOBR|1|P9|F9|24323-8^CMP^LN|||20260704\nOBX|1|NM|2345-7^Glucose^LN|1|{value}|mg/dL|70-99|H|||{status}"
            ),
        );
        let fact = facts(&decoded, FactTable::Observations)[0].clone();
        (
            fact.id,
            fact.row.text(observations::STATUS).map(str::to_owned),
            fact.deleted,
        )
    };
    let id = Text::from("F9/24323-8/2345-7/1/1");
    assert_eq!(report("P", "95"), (id.clone(), Some("preliminary".into()), false));
    assert_eq!(report("F", "96"), (id.clone(), Some("final".into()), false));
    assert_eq!(report("C", "97"), (id.clone(), Some("corrected".into()), false));
    assert_eq!(
        report("W", "97"),
        (id.clone(), Some("entered-in-error".into()), false)
    );
    assert_eq!(report("D", ""), (id, Some("entered-in-error".into()), true));
}

#[test]
fn values_of_observations() {
    let check = |obx: &str, number: Option<f64>, comparator: Option<&str>, text: Option<&str>| {
        let decoded = read("ORU^R01", &format!("PID|1||A^^^H^MR\nOBR|1||F|P\nOBX|1|{obx}"));
        let row = &facts(&decoded, FactTable::Observations)[0].row;
        let read_number = match row.get(observations::VALUE_NUM) {
            Some(Value::Float(n)) => Some(n),
            _ => None,
        };
        let read = (
            read_number,
            row.text(observations::COMPARATOR),
            row.text(observations::VALUE_TEXT),
        );
        assert_eq!(read, (number, comparator, text), "{obx}");
    };
    check("NM|X||95.5", Some(95.5), None, Some("95.5"));
    check("NM|X||<5", Some(5.0), Some("<"), Some("<5"));
    check("NM|X||60~120", None, None, Some("60; 120"));
    check("NM|X||NaN", None, None, Some("NaN"));
    check("SN|X||>^100", Some(100.0), Some(">"), Some(">100"));
    check("SN|X||^1^:^128", None, None, Some("1:128"));
    check("CWE|X||L1^Positive^SCT", None, None, Some("Positive"));
    check("FT|X||a\\.br\\b~c", None, None, Some("a\nb\nc"));
    check("ED|X||^IM^JPEG^Base64^AAAA", None, None, None);
    check(
        "RP|X||https://example.org/i?a\\T\\b^^IM",
        None,
        None,
        Some("https://example.org/i?a&b"),
    );
}

#[test]
fn notes_ranges_and_repeated_lines() {
    let decoded = read(
        "ORU^R01",
        "PID|1||A^^^H^MR\nPV1|1|O|||||||||||||||||V7\nNTE|1||of nothing\nOBR|1||F|P\nOBX|1|NM|X||5|g|-3.5-5.0\nNTE|1||first\nNTE|2||second~third\nOBX|1|NM|X||6|g|<7",
    );
    let all = facts(&decoded, FactTable::Observations);
    assert_eq!(all[0].row.text(observations::NOTE), Some("first\nsecond\nthird"));
    assert_eq!(
        all[0].row.get(observations::REFERENCE_LOW),
        Some(Value::Float(-3.5))
    );
    assert_eq!(
        all[0].row.get(observations::REFERENCE_HIGH),
        Some(Value::Float(5.0))
    );
    assert_eq!(
        all[1].row.get(observations::REFERENCE_HIGH),
        Some(Value::Float(7.0))
    );
    assert_eq!(all[0].row.text(observations::ENCOUNTER_ID), Some("V7"));
    assert_eq!(
        (all[0].id.as_str(), all[1].id.as_str()),
        ("F/P/X//1", "F/P/X//1#2")
    );
}

#[test]
fn appointments_and_how_their_status_is_known() {
    let check = |event: &str,
                 code: &str,
                 segment: &str,
                 status: Option<&str>,
                 source: Option<&str>,
                 deleted: bool| {
        let sch = format!(
            "SCH|P1|F1|||||CHECKUP|Normal|30|min|^^^202607101000-0500{}{code}",
            "|".repeat(14)
        );
        let decoded = read(
            &format!("SIU^{event}"),
            &format!("{sch}\nPID|1||A^^^H^MR\nRGS|1\n{segment}"),
        );
        let fact = facts(&decoded, FactTable::Appointments)[0];
        let row = &fact.row;
        let said = (
            row.text(appointments::STATUS),
            row.text(appointments::STATUS_SOURCE),
            fact.deleted,
        );
        assert_eq!(said, (status, source, deleted), "{event} {code} {segment}");
        assert_eq!(fact.id, "F1");
        assert_eq!(
            row.time(appointments::START_AT).unwrap().to_string(),
            "2026-07-10T15:00:00.000000Z"
        );
        assert_eq!(
            row.time(appointments::END_AT).unwrap().to_string(),
            "2026-07-10T15:30:00.000000Z"
        );
        assert_eq!(
            row.time(appointments::NO_SHOW_AT).is_some(),
            status == Some("noshow")
        );
        assert_eq!(row.time(appointments::BOOKED_AT).is_some(), event == "S12");
        assert_eq!(row.text(appointments::LAST_EVENT), Some(event));
    };
    let code = Some("status_code");
    check("S12", "", "", Some("booked"), Some("event"), false);
    check("S13", "", "", Some("booked"), Some("event"), false);
    check("S14", "", "", None, None, false);
    check("S14", "Complete", "", Some("fulfilled"), code, false);
    check("S15", "Booked", "", Some("cancelled"), Some("event"), false);
    check("S17", "", "", Some("entered-in-error"), Some("event"), true);
    check("S26", "Booked", "", Some("noshow"), Some("S26"), false);
    check("S14", "NOSHOW", "", Some("noshow"), code, false);
    check(
        "S14",
        "Booked",
        "AIS|1||SVC|||||||No Show",
        Some("noshow"),
        code,
        false,
    );
    check("S14", "", "AIG|1|||||||||||||NOSHOW", Some("noshow"), code, false);
    check("S14", "", "AIL|1||||||||||||NOSHOW", None, None, false);
    check("S14", "", "AIL|1|||||||||||NOSHOW", Some("noshow"), code, false);
    check("S14", "", "AIP|1|||||||||||NOSHOW", Some("noshow"), code, false);
}

#[test]
fn documents_and_what_they_replace() {
    let replaced = read(
        "MDM^T10",
        "PID|1||A^^^H^MR\nTXA|1|CN^Note||||||||||D2|D1||||AU\nOBX|1|TX|T||some text",
    );
    let all = facts(&replaced, FactTable::Documents);
    assert_eq!((all[0].id.as_str(), all[1].id.as_str()), ("D2", "D1"));
    assert_eq!(all[0].row.text(documents::REPLACES), Some("D1"));
    assert_eq!(all[0].row.get(documents::CONTENT_BYTES), Some(Value::Int(9)));
    assert_eq!(all[1].row.text(documents::STATUS), Some("superseded"));
    assert_eq!(facts(&replaced, FactTable::Observations).len(), 0);
    assert!(
        facts(
            &read("MDM^T11", "PID|1||A\nTXA|1|||||||||||D2"),
            FactTable::Documents
        )[0]
        .deleted
    );
}

#[test]
fn drugs_and_vaccines() {
    let drug = read(
        "RDE^O11",
        "PID|1||A^^^H^MR\nORC|NW|O1\nRXO|C1^Old^L|1||mg\nRXR|PO\nRXE||C2^Drug 5 mg^NDC|2||mg|||||30||3\nTQ1|1||BID\nORC|DC|O2\nRXE||C3^Other^NDC",
    );
    let all = facts(&drug, FactTable::Medications);
    assert_eq!(
        all.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(),
        ["request/O1", "request/O2"]
    );
    assert_eq!(all[0].row.text(medications::CODE), Some("C2"));
    assert_eq!(all[0].row.text(medications::ROUTE), Some("PO"));
    assert_eq!(all[0].row.text(medications::FREQUENCY), Some("BID"));
    assert_eq!(all[0].row.text(medications::STATUS), Some("active"));
    assert_eq!(all[1].row.text(medications::STATUS), Some("stopped"));

    let vaccine = |tail: &str| {
        let decoded = read(
            "VXU^V04",
            &format!("PID|1||A^^^H^MR\nORC|RE||9999\nRXA|0|1|20260101||08^HepB^CVX|999|||{tail}"),
        );
        let fact = facts(&decoded, FactTable::Immunizations)[0].clone();
        (
            fact.id,
            fact.row.text(immunizations::STATUS).map(str::to_owned),
            fact.deleted,
        )
    };
    let id = Text::from("H/A/08/20260101");
    assert_eq!(vaccine("00"), (id.clone(), Some("completed".into()), false));
    assert_eq!(
        vaccine("00|||||||||PARENT||RE"),
        (id.clone(), Some("not-done".into()), false)
    );
    assert_eq!(
        vaccine("00||||||||||||D"),
        (id, Some("entered-in-error".into()), true)
    );
}

#[test]
fn when_it_was_said() {
    let check = |header: &str, evn: &str, at: &str, sequence: u64, issues: &[&str]| {
        let decoded = read_with(
            &format!("MSH|^~\\&|A|F|||{header}\rEVN|{evn}\rPID|1||A"),
            &[],
            None,
        );
        let version = decoded.records[0].version;
        assert_eq!(
            (version.at.to_string().as_str(), version.sequence),
            (at, sequence),
            "{header} {evn}"
        );
        assert_eq!(codes(&decoded), issues, "{header} {evn}");
    };
    let (noon, five) = ("2026-07-04T12:00:00.000000Z", "2026-07-04T17:00:00.000000Z");
    check(
        "20260704110000Z||ADT^A01|X7|P|2.5",
        "A01|20260704120000Z",
        noon,
        7,
        &[],
    );
    check("20260704120000Z||ADT^A01|MSG0042|P|2.5|9", "A01", noon, 9, &[]);
    check(
        "20260704120000-0500||ADT^A01|X|P|2.5",
        "A01|20260704120000",
        five,
        0,
        &[],
    );
    check(
        "20260704120000||ADT^A01|5|P|2.5",
        "A01",
        noon,
        5,
        &["zone_missing"],
    );
    check(
        "noon||ADT^A01|5|P|2.5",
        "A01",
        "2026-07-02T13:46:40.000000Z",
        5,
        &["date_invalid", "time_missing"],
    );
    check(
        "||ADT^A01|99999999999999999999999|P|2.5",
        "A01",
        "2026-07-02T13:46:40.000000Z",
        200376420520689663,
        &["time_missing"],
    );
    let chicago = Zone::named("America/Chicago");
    let decoded = read_with(
        "MSH|^~\\&|A|F|||20260704120000||ADT^A01|1|P|2.5\rPID|1||A",
        &[],
        chicago.as_ref(),
    );
    assert_eq!(decoded.records[0].version.at.to_string(), five);
    assert_eq!(decoded.issues, []);
}

#[test]
fn names_of_messages() {
    let check = |msh: &str, kind: &str, key: Option<&str>| {
        let decoded = read_with(&format!("MSH|^~\\&|{msh}"), &[], None);
        assert_eq!(
            (decoded.kind.as_str(), decoded.event_key.as_deref()),
            (kind, key),
            "{msh}"
        );
    };
    check(
        "A|F^1|||||ADT^A01^ADT_A01|42",
        "ADT^A01",
        Some("A\u{1f}F^1\u{1f}42"),
    );
    check("A|F|||||ADT|\rEVN|A08", "ADT^A08", None);
    check("A|F|||||ADT_A04|1", "ADT^A04", Some("A\u{1f}F\u{1f}1"));
    check("A|F|||||ACK|1", "ACK", Some("A\u{1f}F\u{1f}1"));
    check("A|F|||||Jane Doe^A01|1", "unknown", Some("A\u{1f}F\u{1f}1"));
    check("A|F|||||ADT^a-1|1", "unknown", Some("A\u{1f}F\u{1f}1"));
    check("A", "unknown", None);
}

#[test]
fn unknown_events_are_read_by_segment() {
    let decoded = read(
        "XYZ^Q99",
        "PID|1||A^^^H^MR||DOE\nPV1|1|I\nZZ1|x\nDG1|1||R07\nrunning text",
    );
    assert_eq!(codes(&decoded), ["segment_malformed", "trigger_unknown"]);
    assert_eq!(decoded.issues[0].location, "line 6");
    assert_eq!(decoded.issues[0].severity, Severity::Error);
    assert_eq!(decoded.records[0].facts.len(), 2);
}

#[test]
fn batches_and_several_messages() {
    let batch = |count: &str, told: &str| {
        let text = format!("FHS|^~\\&\rBHS|^~\\&\r{MSH}ADT^A08|1|P|2.5\rPID|1||A^^^H^MR\rBTS|{told}\rFTS|1");
        let headers = [(Text::from("batch.count"), count.as_bytes().to_vec())];
        read_with(&text, &headers, None)
            .issues
            .iter()
            .map(|i| format!("{} {}", i.code, i.location))
            .collect::<Vec<_>>()
    };
    assert_eq!(batch("1", "1"), Vec::<String>::new());
    assert_eq!(batch("3", "1"), ["batch_count_mismatch BTS-1"]);
    assert_eq!(batch("3", ""), Vec::<String>::new());
    let several = format!("{MSH}ADT^A08|1|P|2.5\rPID|1||A\rMSH|^~\r{MSH}ADT^A08|2|P|2.5\rPID|1||B");
    let decoded = read_with(&several, &[], None);
    assert_eq!(decoded.records.len(), 2);
    assert_eq!(codes(&decoded), ["message_unreadable"]);
    assert_eq!(decoded.issues[0].location, "line 3");
    assert_eq!(
        decoded.event_key.as_deref(),
        Some("APP\u{1f}FAC\u{1f}1\u{1e}APP\u{1f}FAC\u{1f}2")
    );
    let context = DecodeContext {
        source: "s",
        received_at: Timestamp(0),
        zone: None,
        headers: &[],
    };
    assert!(matches!(decode(b"\r\n", &context), Reading::Unreadable(r) if r.code == "empty"));
}

#[test]
fn tests_are_marked_and_twins_and_the_unknown_are_told() {
    let decoded = read_with(
        &format!(
            "{MSH}ADT^A01|1|T|2.5\rPID|1||A||DOE^BABY{}Y|2||||||Y|AL",
            "|".repeat(19)
        ),
        &[],
        None,
    );
    let p = person(&decoded);
    assert_eq!(p.test, Presence::Value(true));
    assert_eq!(
        (&p.multiple_birth, &p.birth_order),
        (&Presence::Value(true), &Presence::Value(2))
    );
    assert_eq!(p.identity_unreliable, Presence::Value(true));
}

#[test]
fn long_messages_take_no_more_than_their_share() {
    // Quadratic or worse, each of these would take minutes.
    let report = "OBX||TX|RPT||line\nNTE|||note\n".repeat(20_000);
    let decoded = read("ORU^R01", &format!("PID|1||A^^^H^MR\nOBR|1||F|P\n{report}"));
    let all = facts(&decoded, FactTable::Observations);
    assert_eq!(all.len(), 20_000);
    assert_eq!(all[19_999].id, "F/P/RPT//#20000");
    let notes = format!(
        "OBX|1|TX|RPT||line\n{}",
        "NTE|||a note of some length\n".repeat(100_000)
    );
    let decoded = read("ORU^R01", &format!("PID|1||A^^^H^MR\nOBR|1||F|P\n{notes}"));
    assert_eq!(
        facts(&decoded, FactTable::Observations)[0]
            .row
            .text(observations::NOTE)
            .unwrap()
            .lines()
            .count(),
        100_000
    );
    let merges = (0..50_000).map(|n| format!("MRG|{n}\n")).collect::<String>();
    assert_eq!(
        read("ADT^A40", &format!("PID|1||A^^^H^MR\n{merges}"))
            .identity_events
            .len(),
        50_000
    );
    let identifiers = (0..50_000).map(|n| format!("{n}^^^H^XX~")).collect::<String>();
    let decoded = read("ADT^A08", &format!("PID|1||A^^^H^MR~{identifiers}"));
    assert_eq!(codes(&decoded), ["repetitions_over_limit"]);
}
