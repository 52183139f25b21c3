//! The rules of the house: arrows point down, heavy crates stay in their room, files stay small and say what they are.

use crate::support::root;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Hard limit of lines in one file.
const FILE_LINES_MAX: usize = 800;

/// Package name -> (its folder, names of its normal dependencies).
fn packages() -> BTreeMap<String, (PathBuf, Vec<String>)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let normal = |d: &&Value| d["kind"].is_null();
            let needs = package["dependencies"].as_array().expect("dependencies");
            let needs = needs.iter().filter(normal).map(|d| text(&d["name"])).collect();
            (
                text(&package["name"]),
                (manifest.parent().expect("folder").to_owned(), needs),
            )
        })
        .collect()
}

/// The shelf of a crate: `transforms`, `connectors`, `pipelines`, `config`.
fn shelf(folder: &Path) -> String {
    let below = folder.strip_prefix(root()).expect("in the house");
    below
        .components()
        .next()
        .expect("a shelf")
        .as_os_str()
        .to_string_lossy()
        .into_owned()
}

#[test]
fn arrows_point_down_and_never_sideways() {
    let packages = packages();
    let mut wrong = Vec::new();
    for (name, (folder, needs)) in &packages {
        for need in needs {
            let Some((other, _)) = packages.get(need) else {
                continue;
            };
            let allowed = match (shelf(folder).as_str(), shelf(other).as_str()) {
                ("pipelines", _) | ("transforms", "transforms") => true,
                ("connectors", "connectors") => need == "panorama-api",
                ("connectors" | "config", "transforms") => need == "panorama-model",
                _ => false,
            };
            if !allowed {
                wrong.push(format!("{name} -> {need}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point up or sideways: {wrong:?}");
}

#[test]
fn heavy_crates_stay_in_their_room() {
    let rooms = [
        ("deltalake", "panorama-delta"),
        ("parquet", "panorama-delta"),
        ("fjall", "panorama-log-local"),
        ("rdkafka", "panorama-kafka"),
    ];
    for (name, (_, needs)) in packages() {
        for (heavy, room) in rooms {
            assert!(
                name == room || !needs.iter().any(|need| need == heavy),
                "{name} needs {heavy}, which lives in {room}"
            );
        }
    }
}

#[test]
fn only_the_binary_names_every_connector() {
    let connectors = [
        "panorama-mllp",
        "panorama-file",
        "panorama-kafka",
        "panorama-log-local",
        "panorama-delta",
        "panorama-failover",
    ];
    for (name, (_, needs)) in packages() {
        assert!(
            name == "panorama" || !needs.iter().any(|need| connectors.contains(&need.as_str())),
            "{name}"
        );
    }
}

#[test]
fn there_is_one_arrow_and_one_parquet() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("lock file");
    for name in [
        "arrow",
        "parquet",
        "object_store",
        "deltalake-core",
        "fjall",
        "rustls",
        "axum",
    ] {
        let count = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(count, 1, "{name} stands in the lock file {count} times");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut files = Vec::new();
    for shelf in ["transforms", "connectors", "pipelines", "config", "tests"] {
        sources(&root().join(shelf), &mut files);
    }
    assert!(files.len() > 100, "the house has rooms");
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines", file.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with //!", file.display()));
        }
        let marker = ["TO", "DO"].concat();
        if text.contains(&marker) {
            wrong.push(format!("{}: a bare {marker}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
