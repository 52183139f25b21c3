//! Command lines that make no sense: exit code 2, or 78 and 1 where the words are right and the things are not.

use crate::support::{Scratch, said};
use std::fs;

const GOOD: &str = "data_dir: DIR/data\ntables:\n  location: DIR/tables\nhttp:\n  listen: 127.0.0.1:0\nsources:\n  - id: a\n    \
                    type: file\n    path: DIR/none/*.json\n    format: segment\n";

/// Words of the command line (`DIR` is a directory with a good configuration that never ran), exit code, words said.
pub(super) const CASES: &[(&str, i32, &[&str])] = &[
    ("", 2, &["Usage"]),
    ("frobnicate", 2, &["frobnicate"]),
    ("--frobnicate", 2, &["--frobnicate"]),
    ("run --frobnicate", 2, &["--frobnicate"]),
    ("run extra", 2, &["extra"]),
    ("run --config", 2, &["--config"]),
    ("run --set", 2, &["--set"]),
    ("demo --persons many", 2, &["many", "--persons"]),
    ("demo --persons -1", 2, &["-1"]),
    ("demo --seed x", 2, &["x", "--seed"]),
    ("synth", 2, &["--persons"]),
    ("synth --persons 5", 2, &["--out"]),
    ("synth --persons x --out DIR/x", 2, &["--persons"]),
    (
        "synth --persons 5 --messages many --out DIR/x",
        2,
        &["--messages"],
    ),
    ("quarantine", 2, &["list"]),
    ("quarantine show", 2, &["<ID>"]),
    ("quarantine replay", 2, &["IDS"]),
    ("quarantine replay --all x", 2, &["--all"]),
    ("quarantine list --limit few", 2, &["--limit"]),
    ("quarantine export", 2, &["--out"]),
    ("identity", 2, &["explain"]),
    ("identity explain", 2, &["<A>"]),
    ("identity explain a", 2, &["<B>"]),
    ("identity show", 2, &["<OF>"]),
    ("identity evaluate", 2, &["--truth"]),
    ("tables", 2, &["list"]),
    ("tables show", 2, &["<NAME>"]),
    ("tables show x --limit all", 2, &["--limit"]),
    ("tables describe", 2, &["<NAME>"]),
    ("tables history", 2, &["<NAME>"]),
    ("tables query", 2, &["<SQL>"]),
    ("tables export x", 2, &["--out"]),
    ("tables export x --out y --format xml", 2, &["xml"]),
    ("config", 2, &["example"]),
    ("config frobnicate", 2, &["frobnicate"]),
    ("--log-format xml run", 2, &["xml"]),
    ("run --config DIR/none.yaml", 78, &["none.yaml", "cannot read"]),
    ("validate --config DIR/none.yaml", 78, &["none.yaml"]),
    ("status --config DIR/none.yaml", 78, &["none.yaml"]),
    ("run --config DIR", 78, &["cannot read"]),
    ("run --config DIR/binary.yaml", 78, &["binary.yaml"]),
    (
        "validate --config DIR/panorama.yaml --set tables.comit_interval=5s",
        78,
        &["comit_interval"],
    ),
    (
        "validate --config DIR/panorama.yaml --set tables.commit_interval=never",
        78,
        &["commit_interval"],
    ),
    (
        "validate --config DIR/panorama.yaml --set identity.auto_link_probability=7",
        78,
        &["auto_link_probability"],
    ),
    (
        "validate --config DIR/panorama.yaml --set sources=none",
        78,
        &["sources"],
    ),
    (
        "validate --config DIR/panorama.yaml --set nonsense",
        2,
        &["nonsense", "KEY=VALUE"],
    ),
    ("status --config DIR/panorama.yaml", 1, &["nothing has run"]),
    (
        "quarantine list --config DIR/panorama.yaml",
        1,
        &["nothing has run"],
    ),
    (
        "quarantine show --config DIR/panorama.yaml x",
        1,
        &["nothing has run"],
    ),
    (
        "identity show --config DIR/panorama.yaml a/b",
        1,
        &["nothing has run"],
    ),
    (
        "tables show --location DIR/nowhere patient_360",
        1,
        &["patient_360"],
    ),
    (
        "tables describe --location DIR/nowhere nonsense",
        1,
        &["nonsense"],
    ),
    (
        "tables export --location DIR/nowhere patient_360 --out DIR/x.txt",
        1,
        &["x.txt", "--format"],
    ),
];

#[test]
fn each_misuse_is_told_with_its_exit_code() {
    let scratch = Scratch::new("command-line");
    let dir = scratch.path().display().to_string();
    fs::write(scratch.path().join("panorama.yaml"), GOOD.replace("DIR", &dir)).expect("a configuration");
    fs::write(scratch.path().join("binary.yaml"), [0xff, 0xfe, 0, 1, 2]).expect("a file");
    let mut wrong = Vec::new();
    for (line, code, words) in CASES {
        let arguments: Vec<String> = line
            .split_whitespace()
            .map(|word| word.replace("DIR", &dir))
            .collect();
        let mut command = crate::support::program();
        let output = command
            .args(&arguments)
            .current_dir(scratch.path())
            .output()
            .expect("the program starts");
        let told = said(&output);
        let missing: Vec<_> = words.iter().filter(|word| !told.contains(**word)).collect();
        if output.status.code() != Some(*code) || !missing.is_empty() || told.contains("panicked at") {
            wrong.push(format!(
                "panorama {line}: exit {:?}, not said {missing:?}\n{told}",
                output.status.code()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
