//! Durability on local disks, which object stores give by themselves: fsync of files and of the directories naming them.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;

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

/// Names of files that are not whole yet begin and end so; other writers of Delta tables name theirs alike.
pub(crate) const TEMPORARY: (&str, &str) = ("_commit_", ".json.tmp");

/// Writes a file whole and durable under a name that must not exist yet: readers see all of it or nothing, also after
/// the power was cut.
pub(crate) fn create_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    // No two attempts share a name: what is linked below is what this call wrote, whoever else commits to the table from
    // another process, or from another container with the same process id.
    let attempt = RandomState::new().hash_one(path);
    let temporary = directory.join(format!("{}{attempt:016x}{}", TEMPORARY.0, TEMPORARY.1));
    let written = write_new(&temporary, bytes);
    // A link, unlike a rename, fails where the name is taken.
    let linked = written.and_then(|()| std::fs::hard_link(&temporary, path));
    // One that stays behind is swept with the orphans.
    drop(std::fs::remove_file(&temporary));
    linked
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
