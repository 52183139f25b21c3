//! What the tests share: the house, scratch directories, the program under test.

pub(crate) use crate::port::free_port;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the house stands")
}

/// Data that is not part of the project, where there is some; tests over it say `skipped` elsewhere.
pub(crate) fn shared() -> Option<PathBuf> {
    let place = std::env::var_os("PANORAMA_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = place.canonicalize().ok().filter(|p| p.join("data").is_dir());
    if found.is_none() {
        println!("skipped: no ../shared");
    }
    found
}

/// The program as built with this test.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_panorama"))
}

/// Runs the program to its end.
pub(crate) fn panorama(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program starts")
}

/// Standard output and error, for messages of failed checks.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A directory of its own, gone when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("panorama-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("scratch directory");
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
