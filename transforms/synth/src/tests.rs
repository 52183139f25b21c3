//! What must hold of the feeds as a whole.

use crate::{FeedSink, Summary, SynthOptions, generate};
use panorama_model::Date;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::convert::Infallible;

/// All files in memory, and the largest piece.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    largest: usize,
}

impl FeedSink for Memory {
    type Error = Infallible;

    fn write(&mut self, file: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.largest = self.largest.max(bytes.len());
        self.files
            .entry(file.to_owned())
            .or_default()
            .extend_from_slice(bytes);
        Ok(())
    }
}

impl Memory {
    fn texts<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let files = self
            .files
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix));
        files.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap())
    }

    fn json(&self, prefix: &str) -> Vec<Value> {
        self.texts(prefix)
            .flat_map(str::lines)
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    fn messages(&self) -> Vec<Vec<Vec<&str>>> {
        let messages = self
            .texts("hl7/")
            .flat_map(|text| text.split("\r\r\n").filter(|m| !m.is_empty()));
        messages
            .map(|m| {
                m.split('\r')
                    .map(|segment| segment.split('|').collect())
                    .collect()
            })
            .collect()
    }
}

fn options(persons: usize, messages: Option<u64>, seed: u64) -> SynthOptions {
    SynthOptions {
        persons,
        seed,
        messages,
        start: Date::from_ymd(2025, 1, 1).unwrap().at_midnight_utc(),
        end: Date::from_ymd(2026, 1, 1).unwrap().at_midnight_utc(),
    }
}

fn make(persons: usize, messages: Option<u64>, seed: u64) -> (Memory, Summary) {
    let mut memory = Memory::default();
    let Ok(summary) = generate(&options(persons, messages, seed), &mut memory);
    (memory, summary)
}

#[test]
fn the_seed_decides_every_byte() {
    let (first, again, other) = (make(200, None, 5), make(200, None, 5), make(200, None, 6));
    assert_eq!(first.0.files, again.0.files);
    assert_eq!(first.1, again.1);
    for (name, bytes) in &first.0.files {
        assert_ne!(Some(bytes), other.0.files.get(name), "{name}");
    }
}

#[test]
fn no_options_break_it() {
    for persons in [0, 1, 2, 3, 13] {
        let (_, summary) = make(persons, None, 1);
        assert_eq!(summary.persons, persons as u64);
        let backwards = SynthOptions {
            end: options(1, None, 1).start,
            ..options(persons, Some(1000), 1)
        };
        let Ok(summary) = generate(&backwards, &mut Memory::default());
        assert_eq!(summary.persons, persons as u64);
    }
}

#[test]
fn messages_come_about_as_many_as_wanted_and_mixed() {
    let check = |persons, wanted: u64| {
        let (_, s) = make(persons, Some(wanted), 3);
        let share = |count: u64, expected: f64, slack: f64| {
            let share = count as f64 / s.messages() as f64;
            assert!((share - expected).abs() < slack, "{share} for {expected}: {s:?}");
        };
        let ratio = s.messages() as f64 / wanted as f64;
        assert!((0.97..1.03).contains(&ratio), "{ratio}: {s:?}");
        share(s.hospital_messages, 0.45, 0.04);
        share(s.clinic_messages, 0.15, 0.03);
        share(s.call_records, 0.10, 0.03);
        share(s.email_posts, 0.15, 0.03);
        share(s.web_events, 0.13, 0.03);
    };
    check(500, 8_000);
    check(600, 16_000);
}

#[test]
fn hospital_messages_split_and_hold_their_fields() {
    let (memory, summary) = make(1_200, Some(16_000), 2);
    let messages = memory.messages();
    assert_eq!(messages.len() as u64, summary.hospital_messages);
    let mut types: HashMap<&str, u32> = HashMap::new();
    let mut last = "";
    let mut controls = HashSet::new();
    for message in &messages {
        let msh = &message[0];
        assert_eq!((msh[0], msh[1]), ("MSH", "^~\\&"));
        *types.entry(msh[8]).or_default() += 1;
        controls.insert(msh[9]);
        // The clock goes back an hour in November.
        assert!(
            msh[6] >= last || msh[6].starts_with("2025110201"),
            "{} after {last}",
            msh[6]
        );
        last = msh[6];
        assert!(msh[6] > "20241231" && msh[6] < "20260101");
        let pid = message.iter().find(|s| s[0] == "PID").unwrap();
        assert!(pid[3].contains("^^^HOSP^MR") && pid[5].ends_with("^L") | pid[5].ends_with("^M"));
        assert_eq!((pid[8].len(), pid[18].starts_with('A')), (1, true));
        if let Some(pv1) = message.iter().find(|s| s[0] == "PV1" && s.len() > 3) {
            assert!(pv1[19].ends_with("^^^HOSP^VN") && pv1[44].len() == 14, "{pv1:?}");
            assert!(pv1[7].ends_with("^NPI") && pv1[17].ends_with("^NPI"));
        }
        for segment in message {
            match segment[0] {
                "IN1" => assert!(segment[36].len() == 12 && segment[17] == "SEL"),
                "SCH" => assert!(["Booked", "Cancelled", "Noshow"].contains(&segment[25])),
                "OBX" => assert!(segment[5].parse::<f64>().is_ok() && segment[14].len() == 14),
                "OBR" => assert!(segment[22].len() == 14 && ["F", "C"].contains(&segment[25])),
                _ => {}
            }
        }
    }
    assert!(
        (controls.len() as u64) < summary.hospital_messages,
        "some are sent twice"
    );
    let expected = "A01 A02 A03 A04 A05 A06 A08 A11 A13 A28 A31 A40 S12 S14 S15 S26 R01";
    for trigger in expected.split(' ') {
        assert!(
            types.keys().any(|t| t.contains(&format!("^{trigger}^"))),
            "no {trigger}: {types:?}"
        );
    }
}

#[test]
fn merges_name_two_numbers_that_were_registered() {
    let (memory, summary) = make(2_500, Some(8_000), 4);
    let mut seen = HashSet::new();
    let mut gone = HashSet::new();
    let mut merges = 0;
    for message in memory.messages() {
        let mrn = |field: &str| field.split('^').next().unwrap_or_default().to_owned();
        let pid = message.iter().find(|s| s[0] == "PID").unwrap();
        if let Some(mrg) = message.iter().find(|s| s[0] == "MRG") {
            merges += 1;
            assert!(seen.contains(&mrn(mrg[1])) && seen.contains(&mrn(pid[3])));
            gone.insert(mrn(mrg[1]));
        }
        assert!(!gone.contains(&mrn(pid[3])), "a merged number is not used again");
        seen.insert(mrn(pid[3]));
    }
    assert!(summary.merges > 20 && merges >= summary.merges);
}

#[test]
fn json_lines_are_json() {
    let (memory, summary) = make(800, Some(10_000), 8);
    let clinic = memory.json("fhir/");
    assert_eq!(clinic.len() as u64, summary.clinic_messages);
    let types: BTreeSet<_> = clinic
        .iter()
        .map(|r| r["resourceType"].as_str().unwrap())
        .collect();
    assert_eq!(
        types.into_iter().collect::<Vec<_>>().join(" "),
        "AllergyIntolerance Appointment Bundle Condition Encounter Immunization MedicationRequest Observation Patient"
    );
    for bundle in clinic.iter().filter(|r| r["resourceType"] == "Bundle") {
        let entries = bundle["entry"].as_array().unwrap();
        let urls: HashSet<_> = entries.iter().map(|e| e["fullUrl"].as_str().unwrap()).collect();
        let text = bundle.to_string();
        let mut references = text
            .split("\"reference\":")
            .skip(1)
            .map(|rest| rest.split('"').nth(1).unwrap());
        assert!(references.all(|reference| urls.contains(reference)), "{text}");
    }
    let calls = memory.json("calls/");
    assert_eq!(calls.len() as u64, summary.call_records);
    assert!(
        calls
            .iter()
            .any(|c| c["Agent"].is_null() && !c["Queue"].is_null()),
        "abandoned calls"
    );
    assert!(calls.iter().any(|c| c["Attributes"]["mrn"].is_string()));
    let mut latest: HashMap<&str, &str> = HashMap::new();
    let mut again = 0;
    for call in &calls {
        let updated = call["LastUpdateTimestamp"].as_str().unwrap();
        assert!(call["CustomerEndpoint"]["Address"].as_str().unwrap().len() == 12);
        if let Some(before) = latest.insert(call["ContactId"].as_str().unwrap(), updated) {
            assert!(updated > before);
            again += 1;
        }
    }
    assert!(again > 10);
    let web = memory.json("web/");
    assert_eq!(web.len() as u64, summary.web_events);
    assert!(
        web.iter().any(|e| e["userId"].is_null()) && web.iter().any(|e| e["traits"]["email"].is_string())
    );
    assert!(
        web.iter()
            .any(|e| e["context"]["page"]["referrer"] == "https://www.facebook.com/")
    );
    let ids: HashSet<_> = web.iter().map(|e| e["messageId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), web.len());
}

#[test]
fn mail_posts_are_arrays_with_some_events_twice() {
    let (memory, summary) = make(800, Some(10_000), 9);
    let posts = memory.json("marketing/");
    assert_eq!(posts.len() as u64, summary.email_posts);
    let events: Vec<&Value> = posts.iter().flat_map(|post| post.as_array().unwrap()).collect();
    assert_eq!(events.len() as u64, summary.email_events);
    assert!(
        posts
            .iter()
            .all(|post| (1..=51).contains(&post.as_array().unwrap().len()))
    );
    let kinds: BTreeSet<_> = events.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["bounce", "click", "delivered", "open", "processed", "unsubscribe"]
    );
    let ids: HashSet<_> = events
        .iter()
        .map(|e| e["sg_event_id"].as_str().unwrap())
        .collect();
    assert!(ids.len() < events.len() && ids.len() * 10 > events.len() * 9);
    assert!(
        events.iter().any(|e| e["sg_machine_open"] == true)
            && events.iter().any(|e| e["contact_id"].is_string())
    );
    assert!(events.iter().all(|e| e["email"].as_str().unwrap().contains('@')));
}

#[test]
fn truth_covers_each_record() {
    let (memory, summary) = make(900, Some(12_000), 10);
    let mut truth: HashMap<(String, String), String> = HashMap::new();
    for line in memory.texts("truth/entities").flat_map(str::lines).skip(1) {
        let mut cells = line.split(',').map(str::to_owned);
        let key = (cells.next().unwrap(), cells.next().unwrap());
        assert!(
            truth.insert(key, cells.next().unwrap()).is_none(),
            "twice: {line}"
        );
    }
    assert_eq!(truth.len() as u64, summary.source_records);
    let shared: HashSet<&str> = memory
        .texts("truth/shared")
        .flat_map(str::lines)
        .skip(1)
        .collect();
    let mut used = HashSet::new();
    let mut check = |source: &str, id: &str| {
        let known = truth.contains_key(&(source.to_owned(), id.to_owned()));
        assert!(
            known != shared.contains(format!("{source},{id}").as_str()),
            "{source} {id}"
        );
        if known {
            used.insert((source.to_owned(), id.to_owned()));
        }
    };
    for message in memory.messages() {
        let pid = message.iter().find(|s| s[0] == "PID").unwrap();
        check("hospital", pid[3].split('^').next().unwrap());
    }
    for resource in memory.json("fhir/") {
        let resources = match &resource["entry"] {
            Value::Array(entries) => entries.iter().map(|e| e["resource"].clone()).collect(),
            _ => vec![resource],
        };
        for patient in resources.iter().filter(|r| r["resourceType"] == "Patient") {
            check("clinic", patient["id"].as_str().unwrap());
        }
    }
    for call in memory.json("calls/") {
        check(
            "contact-center",
            call["CustomerEndpoint"]["Address"].as_str().unwrap(),
        );
    }
    for post in memory.json("marketing/") {
        post.as_array()
            .unwrap()
            .iter()
            .for_each(|event| check("email", event["email"].as_str().unwrap()));
    }
    for event in memory.json("web/").iter().filter(|e| e["userId"].is_string()) {
        check("web", event["userId"].as_str().unwrap());
    }
    for line in memory.texts("crm/").flat_map(str::lines).skip(1) {
        check("crm", line.split(',').next().unwrap());
    }
    assert_eq!(
        used.len(),
        truth.len(),
        "the truth names no record that was not sent"
    );
    assert!(shared.len() > 20, "households share telephones");
}

#[test]
fn pieces_stay_small_however_much_is_made() {
    let (small, large) = (make(100, Some(2_000), 1).0, make(300, Some(25_000), 1).0);
    assert!(small.largest > 50_000);
    assert!(large.largest < 3 << 20, "{}", large.largest);
    assert!(large.files.len() > 25);
}

#[test]
fn people_are_families() {
    let (memory, _) = make(20_000, Some(1), 12);
    let rows: Vec<Vec<&str>> = memory
        .texts("truth/persons")
        .flat_map(str::lines)
        .skip(1)
        .map(|l| l.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 20_000);
    let mut households: HashMap<&str, Vec<&Vec<&str>>> = HashMap::new();
    for row in &rows {
        assert_eq!(row.len(), 17, "{row:?}");
        households.entry(row[1]).or_default().push(row);
    }
    let pairs = |same: &dyn Fn(&Vec<&str>, &Vec<&str>) -> bool| -> usize {
        let count = |m: &Vec<&Vec<&str>>| {
            m.iter()
                .enumerate()
                .map(|(n, a)| m[..n].iter().filter(|b| same(a, b)).count())
                .sum::<usize>()
        };
        households.values().map(count).sum()
    };
    assert!(pairs(&|a, b| a[7] == b[7] && a[4] == b[4]) > 50, "twins");
    assert!(
        pairs(&|a, b| a[2] == b[2] && (a[6], b[6]) == ("Jr", "Sr")) > 50,
        "juniors"
    );
    let mails: Vec<_> = rows.iter().map(|r| r[12]).filter(|m| !m.is_empty()).collect();
    assert!(mails.iter().collect::<HashSet<_>>().len() * 10 > mails.len() * 9);
    let names: HashSet<_> = rows.iter().map(|r| (r[2], r[4])).collect();
    assert!(names.len() < 18_500, "strangers share names: {}", names.len());
    let full: HashSet<_> = rows.iter().map(|r| r[9]).collect();
    assert_eq!(full.len(), rows.len(), "social security numbers are given once");
}
