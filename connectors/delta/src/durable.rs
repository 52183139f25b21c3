//! Durability on local disks, which object stores give by themselves: fsync of files and of the directories naming them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Makes a directory and those above it as needed, each name durable.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let mut missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    while let Some(made) = missing.pop() {
        match made.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new("."))?,
            Some(parent) => sync_directory(parent)?,
            None => {}
        }
    }
    Ok(())
}

/// Writes a file whole and durable under a name that must not exist yet: readers see all of it or nothing, also after
/// the power was cut.
pub(crate) fn create_whole(path: &Path, temporary: &str, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary: PathBuf = directory.join(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    drop(file);
    // A link, unlike a rename, fails where the name is taken.
    let linked = std::fs::hard_link(&temporary, path);
    // What is left of the temporary is written over by the next entry.
    drop(std::fs::remove_file(&temporary));
    linked
}
