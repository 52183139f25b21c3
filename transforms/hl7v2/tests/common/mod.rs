//! Finds the shared test data, and cuts files into messages.
#![allow(dead_code, clippy::print_stdout, clippy::disallowed_methods)]

use panorama_model::{DecodeContext, Timestamp};
use std::path::{Path, PathBuf};

/// The shared data's folder, or `None` with a word about it.
pub(crate) fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var("PANORAMA_SHARED").unwrap_or_else(|_| default.to_owned());
    let data = Path::new(&root).join("data");
    if !data.is_dir() {
        println!("skipped: no ../shared");
        return None;
    }
    Some(data)
}

/// Every file under a folder of the shared data, by its path there.
pub(crate) fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(root) = shared() else { return Vec::new() };
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A file's messages: each from its MSH line to before the next.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut seen = false;
    for line in bytes.split_inclusive(|b| *b == b'\r' || *b == b'\n') {
        let bare = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let starts = bare.trim_ascii_start().starts_with(b"MSH");
        if found.is_empty() || (starts && seen) {
            found.push(Vec::new());
        }
        seen |= starts;
        found.last_mut().unwrap().extend_from_slice(line);
    }
    if found.is_empty() {
        found.push(Vec::new());
    }
    found
}

/// A context without a zone of its own.
pub(crate) fn context() -> DecodeContext<'static> {
    DecodeContext {
        source: "test",
        received_at: Timestamp::from_seconds(1_780_000_000),
        zone: None,
        headers: &[],
    }
}
