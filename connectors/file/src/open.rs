//! Opens a file, compressed or not: told apart by its first bytes, whatever its name.

use crate::position::{PRINT_BYTES, Position, print_of};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A file's decoded bytes.
pub(crate) struct Opened {
    pub(crate) bytes: Box<dyn Read + Send>,
    pub(crate) is_compressed: bool,
    /// How many first bytes `head` covers.
    pub(crate) head_bytes: u64,
    /// A hash of the first bytes on disk.
    pub(crate) head: u64,
}

/// Opens a file at its start.
pub(crate) fn open(path: &Path) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let mut first = Vec::with_capacity(PRINT_BYTES);
    (&mut file).take(PRINT_BYTES as u64).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    let (bytes, is_compressed): (Box<dyn Read + Send>, bool) = match first.as_slice() {
        [0x1f, 0x8b, ..] => (
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))),
            true,
        ),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => (Box::new(zstd::stream::read::Decoder::new(file)?), true),
        _ => (Box::new(file), false),
    };
    Ok(Opened {
        bytes,
        is_compressed,
        head_bytes: first.len() as u64,
        head: print_of(&first),
    })
}

/// Opens a file where an earlier reading ended, with the bytes before that place; none where the file is another one now.
///
/// Decodes a compressed file up to there.
pub(crate) fn open_at(path: &Path, known: &Position) -> io::Result<Option<(Opened, Vec<u8>)>> {
    let mut first = Vec::with_capacity(PRINT_BYTES);
    File::open(path)?.take(known.head_bytes).read_to_end(&mut first)?;
    if first.len() as u64 != known.head_bytes || print_of(&first) != known.head {
        return Ok(None);
    }
    let tail_bytes = known.offset.min(PRINT_BYTES as u64);
    let mut opened = open(path)?;
    if opened.is_compressed {
        io::copy(
            &mut (&mut opened.bytes).take(known.offset - tail_bytes),
            &mut io::sink(),
        )?;
    } else {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(known.offset - tail_bytes))?;
        opened.bytes = Box::new(file);
    }
    let mut tail = Vec::new();
    (&mut opened.bytes).take(tail_bytes).read_to_end(&mut tail)?;
    let is_same = tail.len() as u64 == tail_bytes && print_of(&tail) == known.tail;
    Ok(is_same.then_some((opened, tail)))
}
