//! Bad configurations: exit code 78 and the place of each problem.

use crate::support::{Scratch, program};
use std::fs;

/// A good configuration; each case changes one thing of it.
const GOOD: &str = "\
name: here
data_dir: ./data
bus:
  type: local
  retention: 7d
sources:
  - id: adt
    type: mllp
    listen: 127.0.0.1:2575
    format: hl7v2
    timezone: America/Chicago
  - id: archive
    type: file
    path: feeds/*.hl7
    format: hl7v2
    timezone: -06:00
    follow: true
  - id: crm
    type: file
    path: feeds/*.csv
    format: csv
    record: person
    columns:
      source_record_id: rec_id
      family_name: last_name
      birth_date: dob
    birth_date_format: \"%Y%m%d\"
tables:
  location: ./tables
  commit_interval: 10s
identity:
  auto_link_probability: 0.99
  review_probability: 0.80
http:
  listen: 127.0.0.1:9600
limits:
  decode_threads: 2
  epoch_messages_max: 512
";

/// Text to find, text in its place, words of the message. The message names the line that was changed.
pub(super) const CASES: &[(&str, &str, &[&str])] = &[
    // Keys that are none.
    ("name: here", "nam: here", &["nam", "name"]),
    ("data_dir: ./data", "datadir: ./data", &["datadir", "data_dir"]),
    ("bus:\n", "buss:\n", &["buss", "bus"]),
    ("  retention: 7d", "  retension: 7d", &["retension", "retention"]),
    (
        "    listen: 127.0.0.1:2575",
        "    lissten: 127.0.0.1:2575",
        &["lissten"],
    ),
    ("    follow: true", "    folow: true", &["folow", "follow"]),
    ("    record: person", "    recrd: person", &["recrd"]),
    (
        "      family_name: last_name",
        "      familyname: last_name",
        &["familyname"],
    ),
    ("      birth_date: dob", "      birthdate: dob", &["birthdate"]),
    (
        "    birth_date_format:",
        "    birthdate_format:",
        &["birthdate_format"],
    ),
    ("tables:\n", "table:\n", &["table"]),
    (
        "  location: ./tables",
        "  locaton: ./tables",
        &["locaton", "location"],
    ),
    (
        "  commit_interval: 10s",
        "  commit_intervall: 10s",
        &["commit_intervall", "commit_interval"],
    ),
    ("identity:\n", "identities:\n", &["identities", "identity"]),
    (
        "  auto_link_probability: 0.99",
        "  auto_link: 0.99",
        &["auto_link"],
    ),
    ("  review_probability: 0.80", "  review: 0.80", &["review"]),
    ("http:\n", "https:\n", &["https", "http"]),
    ("  listen: 127.0.0.1:9600", "  port: 9600", &["port"]),
    ("  decode_threads: 2", "  threads: 2", &["threads"]),
    (
        "  epoch_messages_max: 512",
        "  epoch_messages: 512",
        &["epoch_messages"],
    ),
    // Wrong types.
    ("name: here", "name: [here]", &["name"]),
    ("name: here", "name: {a: b}", &["name"]),
    ("data_dir: ./data", "data_dir: [./data]", &["data_dir"]),
    ("data_dir: ./data", "data_dir: {}", &["data_dir"]),
    ("  type: local", "  type: [local]", &["type"]),
    ("  retention: 7d", "  retention: seven", &["retention"]),
    ("  retention: 7d", "  retention: 7 parsecs", &["retention"]),
    ("  retention: 7d", "  retention: -7d", &["retention"]),
    ("  retention: 7d", "  retention: [7d]", &["retention"]),
    ("  retention: 7d", "  cache: lots", &["cache"]),
    ("  retention: 7d", "  cache: -1MiB", &["cache"]),
    ("  retention: 7d", "  cache: 99999999999999999999TiB", &["cache"]),
    ("  retention: 7d", "  brokers: 9092", &["brokers"]),
    ("  retention: 7d", "  security: yes", &["security"]),
    ("    follow: true", "    follow: maybe", &["follow"]),
    ("    follow: true", "    follow: 1", &["follow"]),
    ("    follow: true", "    follow: [true]", &["follow"]),
    ("    follow: true", "    order: random", &["order"]),
    (
        "    follow: true",
        "    record_bytes_max: big",
        &["record_bytes_max"],
    ),
    ("    follow: true", "    poll_interval: soon", &["poll_interval"]),
    (
        "    follow: true",
        "    settle_time: 1 fortnight",
        &["settle_time"],
    ),
    ("    path: feeds/*.hl7", "    path: 7", &["path"]),
    ("    path: feeds/*.hl7", "    path: {a: b}", &["path"]),
    ("    path: feeds/*.hl7", "    path: [[a]]", &["path"]),
    ("      birth_date: dob", "      birth_date: {a: b}", &["columns"]),
    ("      birth_date: dob", "      birth_date: [[dob]]", &["columns"]),
    (
        "  commit_interval: 10s",
        "  commit_interval: ten seconds",
        &["commit_interval"],
    ),
    (
        "  commit_interval: 10s",
        "  commit_interval: [10s]",
        &["commit_interval"],
    ),
    ("  commit_interval: 10s", "  options: [a]", &["options"]),
    ("  location: ./tables", "  location: [./tables]", &["location"]),
    (
        "  decode_threads: 2",
        "  decode_threads: two",
        &["decode_threads"],
    ),
    (
        "  decode_threads: 2",
        "  decode_threads: 2.5",
        &["decode_threads"],
    ),
    ("  decode_threads: 2", "  decode_threads: -1", &["decode_threads"]),
    (
        "  epoch_messages_max: 512",
        "  epoch_bytes_max: x",
        &["epoch_bytes_max"],
    ),
    (
        "  epoch_messages_max: 512",
        "  epoch_interval: 5",
        &["epoch_interval"],
    ),
    (
        "  epoch_messages_max: 512",
        "  memory_bytes_max: some",
        &["memory_bytes_max"],
    ),
    // Values out of range, or that mean nothing.
    ("  type: local", "  type: rabbitmq", &["rabbitmq", "local"]),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: 1.5",
        &["auto_link_probability", "1"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: -0.1",
        &["auto_link_probability", "0"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: 99%",
        &["auto_link_probability"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: high",
        &["auto_link_probability"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: .nan",
        &["non-finite"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: .inf",
        &["non-finite"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: 0.5",
        &["auto_link_probability", "review_probability"],
    ),
    (
        "  review_probability: 0.80",
        "  review_probability: 2",
        &["review_probability"],
    ),
    (
        "  review_probability: 0.80",
        "  review_probability: -1",
        &["review_probability"],
    ),
    (
        "  review_probability: 0.80",
        "  review_probability: true",
        &["review_probability"],
    ),
    (
        "  decode_threads: 2",
        "  decode_threads: 5000",
        &["decode_threads", "1024"],
    ),
    (
        "  epoch_messages_max: 512",
        "  epoch_messages_max: 0",
        &["epoch_messages_max", "1"],
    ),
    (
        "  epoch_messages_max: 512",
        "  epoch_messages_max: 99999999999",
        &["epoch_messages_max"],
    ),
    ("  listen: 127.0.0.1:9600", "  listen: nowhere", &["listen"]),
    (
        "  listen: 127.0.0.1:9600",
        "  listen: 127.0.0.1:99999",
        &["listen"],
    ),
    ("  listen: 127.0.0.1:9600", "  listen: 127.0.0.1", &["listen"]),
    ("    listen: 127.0.0.1:2575", "    listen: nowhere", &["listen"]),
    (
        "    listen: 127.0.0.1:2575",
        "    listen: 300.0.0.1:x",
        &["listen"],
    ),
    ("    listen: 127.0.0.1:2575", "    listen: \"\"", &["listen"]),
    ("  - id: adt", "  - id: ADT", &["id"]),
    ("  - id: adt", "  - id: a b", &["id"]),
    ("  - id: adt", "  - id: a/b", &["id"]),
    ("  - id: adt", "  - id: ../up", &["id"]),
    ("  - id: adt", "  - id: \"\"", &["id"]),
    ("  - id: archive", "  - id: adt", &["adt"]),
    ("  - id: crm", "  - id: archive", &["archive"]),
    ("    type: mllp", "    type: mlp", &["mlp", "mllp"]),
    ("    type: mllp", "    type: ftp", &["ftp"]),
    ("    format: csv", "    format: cvs", &["cvs", "csv"]),
    ("    format: csv", "    format: xml", &["xml"]),
    ("    format: csv", "    format: HL7", &["HL7"]),
    (
        "    timezone: America/Chicago",
        "    timezone: Amerika/Chicago",
        &["Amerika/Chicago"],
    ),
    (
        "    timezone: America/Chicago",
        "    timezone: CST6",
        &["timezone"],
    ),
    (
        "    timezone: America/Chicago",
        "    timezone: +99:00",
        &["timezone"],
    ),
    (
        "    timezone: America/Chicago",
        "    timezone: \"\"",
        &["timezone"],
    ),
    ("    record: person", "    record: animal", &["animal"]),
    (
        "      source_record_id: rec_id",
        "      source_record_id: []",
        &["source_record_id"],
    ),
    (
        "      source_record_id: rec_id",
        "      given_name: first",
        &["source_record_id"],
    ),
    (
        "    birth_date_format: \"%Y%m%d\"",
        "    birth_date_format: \"%Q\"",
        &["birth_date_format"],
    ),
    (
        "    birth_date_format: \"%Y%m%d\"",
        "    delimiter: \"ab\"",
        &["expected a character"],
    ),
    (
        "    birth_date_format: \"%Y%m%d\"",
        "    encoding: klingon",
        &["encoding"],
    ),
    (
        "    birth_date_format: \"%Y%m%d\"",
        "    multiple: [shoe_size]",
        &["multiple"],
    ),
    ("    path: feeds/*.csv", "    path: \"feeds/[\"", &["path"]),
    ("    path: feeds/*.csv", "    path: \"\"", &["path"]),
    ("    path: feeds/*.csv", "    path: []", &["path"]),
    // References.
    (
        "name: here",
        "name: ${PANORAMA_NO_SUCH_VARIABLE}",
        &["PANORAMA_NO_SUCH_VARIABLE"],
    ),
    (
        "data_dir: ./data",
        "data_dir: file:/no/such/file",
        &["/no/such/file"],
    ),
    ("name: here", "name: ${", &["name"]),
    ("name: here", "name: ${}", &["name"]),
    (
        "  decode_threads: 2",
        "  decode_threads: ${PANORAMA_TEST_SECRET}",
        &["decode_threads"],
    ),
    (
        "  commit_interval: 10s",
        "  commit_interval: ${PANORAMA_TEST_SECRET}",
        &["commit_interval"],
    ),
    ("    type: mllp", "    type: ${PANORAMA_TEST_SECRET}", &["type"]),
    (
        "    format: csv",
        "    format: ${PANORAMA_TEST_SECRET}",
        &["format"],
    ),
    (
        "    timezone: America/Chicago",
        "    timezone: ${PANORAMA_TEST_SECRET}",
        &["timezone"],
    ),
    (
        "  auto_link_probability: 0.99",
        "  auto_link_probability: ${PANORAMA_TEST_SECRET}",
        &["auto_link_probability"],
    ),
    (
        "  listen: 127.0.0.1:9600",
        "  listen: ${PANORAMA_TEST_SECRET}",
        &["listen"],
    ),
    // YAML that is none.
    ("name: here", "name: \"here", &[]),
    ("name: here", "name: here: there", &[]),
    ("name: here", "\tname: here", &[]),
    ("name: here", "name: *nobody", &[]),
    ("name: here", "name: here\nname: there", &["name"]),
    (
        "name: here",
        "name: &a here\ndata_dir: ./x\ndata_dir: ./y",
        &["data_dir"],
    ),
    ("    type: mllp", "    type: mllp\n    type: file", &["type"]),
    ("  retention: 7d", "   retention: 7d", &[]),
    ("    path: feeds/*.hl7", "    path: [feeds/*.hl7", &[]),
    ("  location: ./tables", "  location: {./tables", &[]),
    ("http:\n", "http: }\n", &[]),
    ("name: here", "name: \"\\q\"", &[]),
    // What is missing. The place is the thing it is missing from.
    ("    type: mllp\n", "", &["type"]),
    ("    format: csv\n", "", &["format"]),
    ("    path: feeds/*.hl7\n", "", &["path"]),
    ("    listen: 127.0.0.1:2575\n", "", &["listen"]),
    ("      source_record_id: rec_id\n", "", &["source_record_id"]),
    ("  - id: adt\n    type: mllp", "  - type: mllp", &["id"]),
];

/// Whole texts, whose problem may have no line.
const WHOLE: &[(&str, &str)] = &[
    ("", "sources"),
    ("\n\n", "sources"),
    ("# nothing\n", "sources"),
    ("---\n", "sources"),
    ("null\n", ""),
    ("[]\n", ""),
    ("just text\n", ""),
    ("42\n", ""),
    ("name: here\n", "sources"),
    ("sources: 7\n", "sources"),
    ("sources: {}\n", "sources"),
    ("sources: [7]\n", "sources"),
    ("sources: [{}]\n", "id"),
    ("sources: [[]]\n", "sources"),
    ("sources: []\n", "sources"),
    ("{\"sources\": [", ""),
    ("\u{0}\u{1}\u{2}", ""),
    ("--- a\n--- b\n", ""),
];

const SECRET: &str = "hunter2-do-not-tell";

/// What only a connector knows of is checked with the environment.
fn check(
    number: usize,
    text: &str,
    line: Option<usize>,
    words: &[&str],
    in_environment: bool,
    wrong: &mut Vec<String>,
) {
    let scratch = Scratch::new("configuration");
    let file = scratch.text("panorama.yaml");
    fs::write(&file, text).expect("a configuration");
    let mut command = program();
    command
        .args(["validate", "--config", &file])
        .current_dir(scratch.path());
    if !in_environment {
        command.arg("--no-environment");
    }
    let output = command
        .env("PANORAMA_TEST_SECRET", SECRET)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut complaints = Vec::new();
    if output.status.code() != Some(78) {
        complaints.push(format!("exit {:?}", output.status.code()));
    }
    for word in words.iter().filter(|word| !told.contains(**word)) {
        complaints.push(format!("does not say {word}"));
    }
    if !told.contains("panorama.yaml") {
        complaints.push("does not name the file".to_owned());
    }
    if let Some(line) = line
        && !told.contains(&format!("panorama.yaml:{line}:"))
    {
        complaints.push(format!("does not name line {line}"));
    }
    if told.contains("panicked at") || told.contains(SECRET) {
        complaints.push("panics, or tells a secret".to_owned());
    }
    if !complaints.is_empty() {
        wrong.push(format!("case {number}: {}\n{told}", complaints.join(", ")));
    }
}

#[test]
fn each_problem_of_a_configuration_is_told_with_its_place() {
    let good = Scratch::new("configuration");
    let file = good.text("panorama.yaml");
    fs::write(&file, GOOD).expect("a configuration");
    let output = program()
        .args(["validate", "--no-environment", "--config", &file])
        .output();
    let output = output.expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for part in 0..2 {
            let wrong = &wrong;
            scope.spawn(move || {
                let mut told = Vec::new();
                for (number, (find, replace, words)) in CASES.iter().enumerate().skip(part).step_by(2) {
                    assert_eq!(
                        GOOD.matches(find).count().min(1),
                        1,
                        "{find:?} is in the good one"
                    );
                    let text = GOOD.replacen(find, replace, 1);
                    // What is missing has no line of its own; a syntax error may be seen only later.
                    let has_line = !words.is_empty()
                        && !replace.is_empty()
                        && !replace.contains('\n')
                        && !find.contains('\n');
                    // A mapping is checked as a whole, and its place is that of its first entry.
                    let of_mapping = [
                        "familyname:",
                        "birthdate:",
                        "birth_date:",
                        "animal",
                        "%Q",
                        "delimiter",
                        "klingon",
                        "shoe_size",
                    ];
                    let is_mapping = of_mapping.iter().any(|word| replace.contains(word));
                    // Of two that contradict each other the second is named.
                    let is_second = replace.contains("auto_link_probability: 0.5");
                    let place = if is_mapping {
                        "      source_record_id:"
                    } else {
                        find
                    };
                    let at = GOOD.find(place).expect("it is there");
                    let line =
                        has_line.then(|| GOOD[..at].matches('\n').count() + 1 + usize::from(is_second));
                    let in_environment = ["    listen", "    path"].iter().any(|key| find.starts_with(key));
                    check(number, &text, line, words, in_environment, &mut told);
                }
                for (number, (text, word)) in WHOLE.iter().enumerate().skip(part).step_by(2) {
                    check(1000 + number, text, None, &[word], false, &mut told);
                }
                wrong.lock().expect("nobody panicked").extend(told);
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panicked");
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
