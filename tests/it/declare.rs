//! What users declare in a model file reaches the tables, and what they declare wrongly is told; and the deterministic
//! mode answers by published rules, with its audit.

use crate::essence::run;
use crate::support::{Scratch, panorama, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Two lists of people: a hospital's, and what they typed into a web form.
fn system() -> (Scratch, String) {
    let scratch = Scratch::new("declare");
    let feeds = scratch.text("feeds");
    fs::create_dir_all(&feeds).expect("a directory");
    let hospital = "id,given,family,born,phone,email\n\
        H1,Rosalind,Keller,1980-02-29,414-555-0123,rosalind@keller.org\n\
        H2,Peter,Okafor,1971-11-05,414-555-0199,\n\
        H3,Paul,Okafor,1971-11-05,414-555-0199,\n";
    let web = "id,given,family,born,phone,email\n\
        W1,Rosalind,Keller,1980-02-29,414-555-0123,rosalind@keller.org\n";
    fs::write(format!("{feeds}/hospital.csv"), hospital).expect("a list");
    fs::write(format!("{feeds}/web.csv"), web).expect("a list");
    let dir = scratch.path().display();
    let source = |id: &str| {
        format!(
            "  - id: {id}\n    type: file\n    path: {feeds}/{id}.csv\n    format: csv\n    record: person\n    columns: \
             {{source_record_id: id, given_name: given, family_name: family, birth_date: born, phone: phone, email: email}}\n"
        )
    };
    let text = format!(
        "name: declare\ndata_dir: {dir}/data\nsources:\n{}{}tables:\n  location: {dir}/tables\nhttp:\n  listen: 127.0.0.1:0\n",
        source("hospital"),
        source("web"),
    );
    let file = scratch.text("panorama.yaml");
    fs::write(&file, text).expect("a configuration");
    run(Path::new(&file), &[]);
    (scratch, file)
}

fn identity(file: &str, arguments: &[&str]) -> Output {
    panorama(&[&["identity"], arguments, &["--config", file]].concat())
}

fn answer(file: &str, arguments: &[&str]) -> Value {
    let output = identity(file, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_model_file_declares_and_is_checked() {
    let (scratch, file) = system();
    let together = || answer(&file, &["explain", "hospital/H1", "web/W1"])["same_person"] == json!(true);
    assert!(together(), "by their scores");
    let model = scratch.text("model.json");
    let set = format!("identity.model={model}");
    let write = |declared: &str| {
        let text = format!(r#"{{"version": "ours-1", "declared": {declared}}}"#);
        fs::write(&model, text).expect("a model");
    };
    let check = |declared: &str, words: &[&str]| {
        write(declared);
        for command in ["validate", "run"] {
            let output = panorama(&[command, "--config", &file, "--set", &set]);
            assert_eq!(output.status.code(), Some(78), "{command}: {}", said(&output));
            words
                .iter()
                .for_each(|word| assert!(said(&output).contains(word), "{command}: {}", said(&output)));
        }
    };
    check(
        r#"{"blocking": [{"keys": ["sex"]}]}"#,
        &["model.json", "declared.blocking[0].keys", "too many people"],
    );
    check(
        r#"{"blocking": [{"keys": ["shoe_size"]}]}"#,
        &["model.json", "shoe_size", "line 1"],
    );
    check(
        r#"{"sources": [{"source": "webb", "probability_max": 0.9}]}"#,
        &[
            "declared.sources[0].source",
            "webb is no source",
            "sources are hospital, web",
        ],
    );
    // A source that is not believed far enough to link parts from the others when the model is adopted, and comes back.
    write(r#"{"sources": [{"source": "web", "probability_max": 0.95}]}"#);
    run(Path::new(&file), std::slice::from_ref(&set));
    assert!(!together());
    let explained = answer(&file, &["explain", "hospital/H1", "web/W1", "--set", &set]);
    assert_eq!(
        explained["explanation"]["held_down_by"],
        json!("web"),
        "{explained}"
    );
    run(Path::new(&file), &[]);
    assert!(together());
}

#[test]
fn the_deterministic_mode_answers_with_its_audit() {
    let (scratch, file) = system();
    let found = answer(&file, &["cms", "web/W1"]);
    assert_eq!(found["action"], json!("answer"), "{found}");
    assert_eq!(found["answer"], found["person_of_record"]);
    let audits = found["candidates"][0]["audit"]
        .as_array()
        .expect("audits")
        .clone();
    let audit = audits
        .iter()
        .find(|audit| audit["combination"] == json!(11))
        .expect("F B T");
    assert_eq!(
        audit,
        &json!({"rules_version": "3.3.0", "combination": 11, "grade": "exact",
            "identifiers": ["first_name", "birth_date", "phone"], "household_unsafe": false,
            "uniqueness": "one", "action": "answer"})
    );
    // A person given: a name one letter off, by a fuzzy combination.
    let query = scratch.text("person.json");
    fs::write(&query, r#"{"given_name": "Rosalind", "family_name": "Kellar", "birth_date": "1980-02-29", "phone": "(414) 555-0123"}"#)
        .expect("a query");
    let fuzzy = answer(&file, &["cms", "--query", &query]);
    assert_eq!(
        (&fuzzy["answer"], &fuzzy["query"]),
        (&found["answer"], &json!("query"))
    );
    let audits = fuzzy["candidates"][0]["audit"]
        .as_array()
        .expect("audits")
        .clone();
    assert!(
        audits.iter().any(|a| a["grade"] == json!({"fuzzy": "last_name"})),
        "{fuzzy}"
    );
    // Twins share family name, birth date and phone: a rule for which that is enough is off unless asked for.
    fs::write(
        &query,
        r#"{"family_name": "Okafor", "birth_date": "1971-11-05", "phone": "4145550199"}"#,
    )
    .expect("a query");
    let safe = answer(&file, &["cms", "--query", &query]);
    assert_eq!(
        (&safe["action"], &safe["candidates_found"]),
        (&json!("no_match"), &json!(0))
    );
    let unsafe_too = answer(&file, &["cms", "--query", &query, "--household-unsafe"]);
    assert_eq!(
        (
            &unsafe_too["action"],
            &unsafe_too["uniqueness"],
            &unsafe_too["answer"]
        ),
        (&json!("ask_for_more"), &json!("two"), &Value::Null)
    );
    let audit = &unsafe_too["candidates"][0]["audit"][0];
    assert_eq!(
        (&audit["combination"], &audit["household_unsafe"]),
        (&json!(36), &json!(true))
    );
    let text = identity(&file, &["cms", "web/W1"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("is the answer") && text.contains("33-37") && text.contains("11 F B T"),
        "{text}"
    );
    // What is asked is told wrong without what it says.
    for (query_text, word) in [
        (r#"{"famly_name": "Okafor"}"#, "famly_name"),
        (r#"{"family_name": "Okafor""#, "is not JSON"),
        (r#"{"family_name": "Okafor", "birth_date": "soon"}"#, "birth_date"),
    ] {
        fs::write(&query, query_text).expect("a query");
        let output = identity(&file, &["cms", "--query", &query]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains(word) && !said(&output).contains("Okafor"),
            "{}",
            said(&output)
        );
    }
    assert_eq!(identity(&file, &["cms"]).status.code(), Some(2));
}
