//! How far a file was read: saved in the log with the messages it stands for.

use std::time::SystemTime;

/// Bytes at the beginning, and before the position, by which a file is known again.
pub(crate) const PRINT_BYTES: usize = 1024;
const VERSION: u8 = 1;
const ENCODED_BYTES: usize = 1 + 1 + 7 * 8;

/// How far a file was read.
///
/// - Shape: a file is the same, grown, if its first bytes and the bytes before the position are those it had; any other
///   file of that name is a new one, read from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Decoded bytes that became messages, or need not.
    pub(crate) offset: u64,
    /// What the cutter has to know to go on from there.
    pub(crate) state: u64,
    /// All of it was read, when it had this size and time of change.
    pub(crate) is_done: bool,
    /// The file's size on disk.
    pub(crate) file_bytes: u64,
    /// Its time of change, microseconds.
    pub(crate) modified: u64,
    /// How many of its first bytes `head` covers.
    pub(crate) head_bytes: u64,
    /// A hash of its first bytes on disk.
    pub(crate) head: u64,
    /// A hash of the decoded bytes before `offset`.
    pub(crate) tail: u64,
}

impl Position {
    /// The name it is saved under.
    pub(crate) fn name(source: &str, path: &std::path::Path) -> Vec<u8> {
        [source.as_bytes(), b"\0", path.as_os_str().as_encoded_bytes()].concat()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENCODED_BYTES);
        bytes.extend([VERSION, u8::from(self.is_done)]);
        for number in self.numbers() {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    /// Reads the saved form; none where it is not ours.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let ([VERSION, done], rest) = bytes.split_first_chunk::<2>()? else {
            return None;
        };
        let (chunks, []) = rest.as_chunks::<8>() else {
            return None;
        };
        let [offset, state, file_bytes, modified, head_bytes, head, tail] =
            <[[u8; 8]; 7]>::try_from(chunks).ok()?.map(u64::from_le_bytes);
        Some(Self {
            offset,
            state,
            is_done: *done != 0,
            file_bytes,
            modified,
            head_bytes,
            head,
            tail,
        })
    }

    const fn numbers(&self) -> [u64; 7] {
        [
            self.offset,
            self.state,
            self.file_bytes,
            self.modified,
            self.head_bytes,
            self.head,
            self.tail,
        ]
    }

    /// True where the file is as it was when all of it was read.
    pub(crate) fn covers(&self, file_bytes: u64, modified: SystemTime) -> bool {
        self.is_done && self.file_bytes == file_bytes && self.modified == microseconds(modified)
    }
}

/// Microseconds since 1970.
pub(crate) fn microseconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// FNV-1a: the same on every machine and in every version, and enough for a kilobyte.
pub(crate) fn print_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back() {
        let position = Position {
            offset: 1,
            state: 2,
            is_done: true,
            file_bytes: 3,
            modified: 4,
            head_bytes: 5,
            head: u64::MAX,
            tail: 7,
        };
        assert_eq!(Position::decode(&position.encode()), Some(position));
        assert_eq!(position.encode().len(), ENCODED_BYTES);
        for broken in [&b""[..], b"\x01", b"\x02\0", &[1; 57], &[1; 59]] {
            assert_eq!(Position::decode(broken), None);
        }
        assert_eq!(Position::name("adt", "a/b.hl7".as_ref()), b"adt\0a/b.hl7");
    }
}
