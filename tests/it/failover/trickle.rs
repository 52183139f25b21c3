//! Feeds that come by and by.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Feeds, of which the hospital's come by and by.
pub(super) struct Trickle {
    into: PathBuf,
    files: Vec<Vec<u8>>,
    per_window: usize,
    poured: usize,
}

/// Messages in one file.
const AT_ONCE: usize = 5;

impl Trickle {
    pub(super) fn begin(from: &Path, into: &Path, windows: u64) -> Self {
        std::fs::create_dir_all(into.join("hl7")).expect("feeds");
        let mut messages = Vec::new();
        for entry in std::fs::read_dir(from).expect("feeds") {
            let path = entry.expect("a feed").path();
            let name = path.file_name().expect("a name").to_owned();
            if name != "hl7" {
                std::os::unix::fs::symlink(&path, into.join(name)).expect("a feed");
            }
        }
        let mut files: Vec<_> = std::fs::read_dir(from.join("hl7")).expect("a feed").collect();
        files.sort_by_key(|file| file.as_ref().expect("a file").path());
        for file in files {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a feed");
            let starts: Vec<usize> = text.match_indices("MSH|^~").map(|(at, _)| at).collect();
            let ends = starts.iter().skip(1).copied().chain([text.len()]);
            messages.extend(
                starts
                    .iter()
                    .zip(ends)
                    .map(|(from, to)| text[*from..to].to_owned()),
            );
        }
        let files: Vec<Vec<u8>> = messages
            .chunks(AT_ONCE)
            .map(|few| few.concat().into_bytes())
            .collect();
        Self {
            into: into.join("hl7"),
            // The other half is for what shows that somebody goes on.
            per_window: files.len() / 2 / usize::try_from(windows).expect("a number"),
            files,
            poured: 0,
        }
    }

    /// Pours a window's part, so that it takes so long.
    pub(super) fn pour(&mut self, time: Duration) {
        let pause = time / u32::try_from(self.per_window.max(1)).expect("a number");
        for _ in 0..self.per_window {
            self.pour_one();
            std::thread::sleep(pause);
        }
    }

    pub(super) fn pour_all(&mut self) {
        while self.pour_one() {}
    }

    /// Pours one file; false where none is left.
    pub(super) fn pour_one(&mut self) -> bool {
        let Some(bytes) = self.files.get(self.poured) else {
            return false;
        };
        let name = format!("{:06}", self.poured);
        // Whole at once, as a careful sender does it.
        std::fs::write(self.into.join(&name), bytes).expect("written");
        std::fs::rename(self.into.join(&name), self.into.join(format!("{name}.hl7"))).expect("renamed");
        self.poured += 1;
        true
    }
}
