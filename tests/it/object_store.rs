//! The pipeline with its tables in an object store, a real S3-compatible server, says what it says with a directory, killed
//! in the middle or not, and behind a network that loses answers.

use crate::azure::Azurite;
use crate::essence::{config, differences, essence, essence_of, run, run_killed, small_steps, with_feeds};
use crate::google::Google;
use crate::rows::tables_of;
use crate::server::{Proxy, Server};
use crate::support::{Scratch, panorama, said};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// The configuration of a directory, changed to keep its tables in the store.
pub(crate) fn on_store(file: PathBuf, dir: &Path, server: &Server, proxy: Option<u16>) -> PathBuf {
    keep_tables(file, dir, &server.location(), &server.options(proxy))
}

fn keep_tables(file: PathBuf, dir: &Path, location: &str, options: &HashMap<String, String>) -> PathBuf {
    let before = fs::read_to_string(&file).expect("a configuration");
    let local = format!("  location: \"{}\"\n", dir.join("tables").display());
    assert!(before.contains(&local), "{before}");
    let options: String = options
        .iter()
        .map(|(key, value)| format!("    {key}: \"{value}\"\n"))
        .collect();
    let remote = format!("  location: {location}\n  options:\n{options}");
    fs::write(&file, before.replace(&local, &remote)).expect("a configuration");
    file
}

/// Feeds, and what their tables in a directory say.
fn in_a_directory(name: &str) -> (Scratch, BTreeMap<String, Vec<String>>) {
    let made = Scratch::new(name);
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "40", "--seed", "5", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let local = with_feeds(&made, &format!("{name}-local"));
    run(&config(local.path()), &[]);
    let expected = essence(&local.path().join("tables"));
    assert!(expected["patient_360"].len() > 15 && expected["raw_messages"].len() > 300);
    (made, expected)
}

#[test]
fn the_tables_are_those_of_a_directory_killed_or_not() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(&server, 40, 11);
    let (made, expected) = in_a_directory("s3");
    let remote = with_feeds(&made, "s3-remote");
    let file = on_store(config(remote.path()), remote.path(), &server, Some(proxy.port));
    let small = small_steps();
    let in_the_middle = run_killed(&file, &small, 3, 400..1900);
    run(&file, &small);
    // Each object is a file of the server's, so that anybody can read them without the store.
    assert_eq!(
        differences(&expected, &essence(&server.files())),
        None,
        "{:?}",
        proxy.faults()
    );

    proxy.be_kind();
    let named = file.display().to_string();
    let listed = panorama(&["tables", "list", "--json", "--config", &named]);
    assert!(listed.status.success(), "{}", said(&listed));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let of = |name: &str| {
        let tables = listed.as_array().expect("a list");
        tables
            .iter()
            .find(|table| table["table"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(
        of("patient_360")["rows"],
        expected["patient_360"].len(),
        "{listed}"
    );
    println!("s3: {in_the_middle} kills, {:?}", proxy.faults());
}

/// Keeps tables in a store behind a proxy, killed in the middle, and compares them; returns how many kills came in the middle.
fn keeps_what_a_directory_keeps(
    name: &str,
    location: &str,
    options: impl Fn(&Path) -> HashMap<String, String>,
    proxy: &Proxy,
) -> usize {
    let (made, expected) = in_a_directory(name);
    let remote = with_feeds(&made, &format!("{name}-remote"));
    let options = options(remote.path());
    let file = keep_tables(config(remote.path()), remote.path(), location, &options);
    let small = small_steps();
    let in_the_middle = run_killed(&file, &small, 3, 400..1900);
    run(&file, &small);
    proxy.be_kind();
    let found = essence_of(tables_of(location, &options, &[]));
    assert_eq!(differences(&expected, &found), None, "{:?}", proxy.faults());
    in_the_middle
}

/// Azure's blob storage says that an object is there in words of its own, and takes a put in other ways than S3.
#[test]
fn azure_keeps_what_a_directory_keeps_killed_or_not() {
    let Some(azurite) = Azurite::start() else { return };
    let proxy = Proxy::before_port(azurite.port(), 40, 17);
    let options = |_: &Path| Azurite::options(proxy.port);
    let in_the_middle = keeps_what_a_directory_keeps("azure", &Azurite::location(), options, &proxy);
    println!("azure: {in_the_middle} kills, {:?}", proxy.faults());
}

#[test]
fn validate_looks_at_the_store() {
    let Some(server) = Server::start() else { return };
    let scratch = Scratch::new("s3-validate");
    fs::create_dir_all(scratch.path().join("feeds")).expect("feeds");
    let file = on_store(config(scratch.path()), scratch.path(), &server, None)
        .display()
        .to_string();
    let check = |set: &str, code: i32, words: &str| {
        let answer = panorama(&["validate", "--config", &file, "--set", set]);
        assert_eq!(answer.status.code(), Some(code), "{}", said(&answer));
        assert!(said(&answer).contains(words), "{}", said(&answer));
    };
    check("tables.commit_interval=9s", 0, "is fine");
    check(
        "tables.options.aws_secret_access_key=wrong",
        78,
        "SignatureDoesNotMatch",
    );
}

/// Google's store has a word of its own for an object that must not be there yet. A stand-in: see `google`.
#[test]
fn googles_words_keep_what_a_directory_keeps_killed_or_not() {
    let Some(server) = Server::open_to_all() else {
        return;
    };
    let google = Google::before(&server);
    let proxy = Proxy::before_port(google.port, 40, 19);
    let options = |dir: &Path| Google::options(proxy.port, dir);
    let in_the_middle = keeps_what_a_directory_keeps("google", &Google::location(), options, &proxy);
    assert!(
        google.conditional_puts() > 20,
        "commits ask that nothing be there"
    );
    println!("google: {in_the_middle} kills, {:?}", proxy.faults());
}
