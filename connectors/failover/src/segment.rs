//! What is not shared yet: frames in a local file, durable before the state itself changes. A file becomes one entry.

use crate::Result;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".frames";

/// The frames of one future entry, on the owner's disk.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// Bytes written.
    pub(crate) bytes: usize,
    /// Frames written.
    pub(crate) frames: usize,
    file: File,
}

impl Segment {
    /// Begins the file of an entry.
    pub(crate) fn begin(directory: &Path, number: u64, generation: u64) -> Result<Self> {
        let path = directory.join(format!("{number:020}-{generation}{SUFFIX}"));
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        File::open(directory)?.sync_all()?;
        Ok(Self {
            number,
            path,
            bytes: 0,
            frames: 0,
            file,
        })
    }

    /// Adds a frame; durable on return.
    pub(crate) fn append(&mut self, frame: &[u8]) -> Result<()> {
        self.file.write_all(frame)?;
        self.file.sync_data()?;
        self.bytes += frame.len();
        self.frames += 1;
        Ok(())
    }
}

/// A file of frames that an earlier run left behind.
pub(crate) struct Left {
    pub(crate) number: u64,
    pub(crate) generation: u64,
    pub(crate) path: PathBuf,
}

/// The files of frames in a directory, in order; the directory is made if it is missing.
pub(crate) fn left(directory: &Path) -> Result<Vec<Left>> {
    std::fs::create_dir_all(directory)?;
    let mut left = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let numbers = name
            .and_then(|name| name.strip_suffix(SUFFIX)?.split_once('-'))
            .and_then(|(number, generation)| Some((number.parse().ok()?, generation.parse().ok()?)));
        if let Some((number, generation)) = numbers {
            left.push(Left {
                number,
                generation,
                path,
            });
        }
    }
    left.sort_by_key(|left| left.number);
    Ok(left)
}

/// Deletes a file whose frames are shared, or void.
pub(crate) fn delete(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
