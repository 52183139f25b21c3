//! Path patterns, and the files that match them now.

use crate::{Order, Patterns};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Directories below directories that are followed. Deeper trees are links in a circle.
const DEPTH_MAX: usize = 64;

/// Path patterns, ready to match.
pub(crate) struct Paths {
    patterns: Vec<Pattern>,
    order: Order,
}

struct Pattern {
    /// The part before the first wildcard: a directory, or the file itself where there is no wildcard.
    root: PathBuf,
    matcher: Option<GlobMatcher>,
}

/// A file that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Relative to the pattern's fixed part.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

/// A directory or file that could not be looked at.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) error: io::Error,
}

impl Paths {
    /// Reads the patterns; the error names the one at fault.
    pub(crate) fn new(patterns: &Patterns, order: Order) -> Result<Self, String> {
        let patterns: Result<Vec<_>, String> = patterns.iter().map(Pattern::new).collect();
        let patterns = patterns?;
        if patterns.is_empty() {
            return Err("there is no pattern".into());
        }
        Ok(Self { patterns, order })
    }

    /// The files that match now, in order, each once.
    pub(crate) fn find(&self) -> (Vec<Found>, Vec<Unreadable>) {
        let (mut found, mut unreadable) = (BTreeMap::new(), Vec::new());
        for pattern in &self.patterns {
            pattern.visit(&pattern.root, 0, &mut found, &mut unreadable);
        }
        let mut files: Vec<Found> = found.into_values().collect();
        if self.order == Order::Modified {
            files.sort_by_key(|file| file.modified);
        }
        (files, unreadable)
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty".into());
        }
        let wildcard = |part: &str| part.contains(['*', '?', '[', '{']);
        if !wildcard(text) {
            return Ok(Self {
                root: PathBuf::from(text),
                matcher: None,
            });
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map_err(|e| e.to_string())?;
        let fixed: PathBuf = Path::new(text)
            .components()
            .take_while(|part| !wildcard(&part.as_os_str().to_string_lossy()))
            .collect();
        Ok(Self {
            root: if fixed.as_os_str().is_empty() {
                PathBuf::from(".")
            } else {
                fixed
            },
            matcher: Some(glob.compile_matcher()),
        })
    }

    fn visit(
        &self,
        path: &Path,
        depth: usize,
        found: &mut BTreeMap<PathBuf, Found>,
        unreadable: &mut Vec<Unreadable>,
    ) {
        let result = fs::metadata(path).and_then(|metadata| match metadata.is_dir() {
            true if depth < DEPTH_MAX && self.matcher.is_some() => {
                self.visit_directory(path, depth, found, unreadable)
            }
            true => Ok(()),
            false => self.take(path, &metadata, found),
        });
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // gone since it was listed, or not there yet
            Err(error) => unreadable.push(Unreadable {
                path: path.to_owned(),
                error,
            }),
            Ok(()) => {}
        }
    }

    fn visit_directory(
        &self,
        path: &Path,
        depth: usize,
        found: &mut BTreeMap<PathBuf, Found>,
        unreadable: &mut Vec<Unreadable>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                let child = if path == Path::new(".") {
                    PathBuf::from(name)
                } else {
                    path.join(name)
                };
                self.visit(&child, depth + 1, found, unreadable);
            }
        }
        Ok(())
    }

    fn take(&self, path: &Path, metadata: &Metadata, found: &mut BTreeMap<PathBuf, Found>) -> io::Result<()> {
        if self.matcher.as_ref().is_some_and(|m| !m.is_match(path)) {
            return Ok(());
        }
        let relative = match path.strip_prefix(&self.root) {
            Ok(rest) if !rest.as_os_str().is_empty() => rest,
            Ok(_) => path.file_name().map_or(path, Path::new),
            Err(_) => path,
        };
        let file = Found {
            path: path.to_owned(),
            name: relative.to_string_lossy().into_owned(),
            bytes: metadata.len(),
            modified: metadata.modified()?,
        };
        found.insert(path.to_owned(), file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_files_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "b.hl7",
            "a/x.hl7",
            "a/b/y.hl7",
            "a/z.txt",
            ".hidden.hl7",
            "c.hl7.gz",
        ] {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let check = |patterns: &[&str], expected: &[&str]| {
            let full = patterns
                .iter()
                .map(|p| format!("{}/{p}", directory.path().display()));
            let paths = Paths::new(&Patterns::Several(full.collect()), Order::Name).unwrap();
            let (files, unreadable) = paths.find();
            assert!(unreadable.is_empty());
            let names: Vec<_> = files.iter().map(|f| f.name.as_str()).collect();
            assert_eq!(names, expected, "{patterns:?}");
        };
        check(&["*.hl7"], &["b.hl7"]);
        check(&["**/*.hl7"], &["a/b/y.hl7", "a/x.hl7", "b.hl7"]);
        check(&["a/*.hl7", "a/**/*"], &["b/y.hl7", "x.hl7", "z.txt"]);
        check(&["*.{hl7,hl7.gz}"], &["b.hl7", "c.hl7.gz"]);
        check(&["b.hl7"], &["b.hl7"]);
        check(&["missing/*.hl7", "missing.hl7", "a"], &[]);
        assert!(Paths::new(&Patterns::One("a/[".into()), Order::Name).is_err());
        assert!(Paths::new(&Patterns::Several(vec![]), Order::Name).is_err());
    }
}
