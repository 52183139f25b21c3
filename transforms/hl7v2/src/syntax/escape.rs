//! Escape sequences, both ways. A backslash that starts none is text: it must never cost the rest of a value.

use super::Separators;
use super::part::Codec;
use encoding_rs::{UTF_8, UTF_16BE, WINDOWS_1252};
use std::borrow::Cow;

/// Most lines or blanks one formatting command may ask for: more would let a few bytes become a huge text.
const FORMATTING_REPEATS_MAX: usize = 64;

/// The text that an escaped value stands for.
///
/// - Spec: HL7 v2.5 2.7. `\H\` and `\N\` go, `\.br\` and its kin become white space, `\X..\` becomes its bytes read in the
///   message's character set; `\Z..\`, `\C..\`, `\M..\`, what is unknown, and a lone escape character stay as they are.
pub(crate) fn unescape<'a>(raw: &'a str, codec: &Codec) -> Cow<'a, str> {
    let Some(escape) = codec.separators.escape else {
        return Cow::Borrowed(raw);
    };
    let Some(first) = memchr::memchr(escape, raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    let mut hex = Vec::new();
    let mut rest = raw;
    let mut at = Some(first);
    while let Some(open) = at {
        if open > 0 {
            flush(&mut hex, &mut text, codec);
            text.push_str(rest.get(..open).unwrap_or_default());
        }
        let after = rest.get(open + 1..).unwrap_or_default();
        let close = memchr::memchr(escape, after.as_bytes());
        let sequence = close.and_then(|end| after.get(..end));
        if sequence.is_some_and(|s| push(s, &mut text, &mut hex, codec)) {
            rest = after.get(close.unwrap_or(0) + 1..).unwrap_or_default();
        } else {
            flush(&mut hex, &mut text, codec);
            text.push(char::from(escape));
            rest = after;
        }
        at = memchr::memchr(escape, rest.as_bytes());
    }
    flush(&mut hex, &mut text, codec);
    text.push_str(rest);
    Cow::Owned(text)
}

/// Adds what a sequence stands for; false where it is none.
fn push(sequence: &str, text: &mut String, hex: &mut Vec<u8>, codec: &Codec) -> bool {
    if let Some(digits) = sequence.strip_prefix('X') {
        return push_hex(digits, hex);
    }
    let separators = &codec.separators;
    let character = match sequence {
        "F" => Some(separators.field),
        "S" => Some(separators.component),
        "R" => Some(separators.repetition),
        "T" => Some(separators.subcomponent.unwrap_or(b'&')),
        "E" => separators.escape,
        "P" => Some(separators.truncation.unwrap_or(b'#')),
        _ => None,
    };
    let formatting = if character.is_none() {
        formatting(sequence)
    } else {
        None
    };
    if character.is_none() && formatting.is_none() {
        return false;
    }
    flush(hex, text, codec);
    text.extend(character.map(char::from));
    if let Some((white, count)) = formatting {
        text.extend(std::iter::repeat_n(white, count));
    }
    true
}

fn push_hex(digits: &str, hex: &mut Vec<u8>) -> bool {
    let digits = digits.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let nibble = |c: u8| (char::from(c).to_digit(16).unwrap_or(0) & 0xf) as u8;
    hex.extend(digits.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => Some(nibble(*high) << 4 | nibble(*low)),
        _ => None,
    }));
    true
}

/// The white space a highlighting or formatting command stands for (v2.5 2.7.2, 2.7.6).
fn formatting(sequence: &str) -> Option<(char, usize)> {
    if matches!(sequence, "H" | "N") {
        return Some((' ', 0));
    }
    let command = sequence.strip_prefix('.')?;
    let (name, number) = command.split_at_checked(2)?;
    let number = number.trim();
    let count = match number.trim_start_matches(['+', '-']) {
        "" if number.is_empty() => 1,
        digits => digits.parse::<usize>().ok()?.min(FORMATTING_REPEATS_MAX),
    };
    match name.to_ascii_lowercase().as_str() {
        "br" | "ce" => Some(('\n', 1)),
        "sp" => Some(('\n', count)),
        "sk" => Some((' ', count)),
        "fi" | "nf" | "in" | "ti" => Some((' ', 0)),
        _ => None,
    }
}

/// Turns the bytes of adjacent `\X..\` sequences into text: a multi-byte character may come in several.
fn flush(hex: &mut Vec<u8>, text: &mut String, codec: &Codec) {
    if hex.is_empty() {
        return;
    }
    // Two-byte code units with a zero byte are UTF-16, as some senders write `\X00E0\`.
    let encoding = if hex.len().is_multiple_of(2) && hex.contains(&0) {
        UTF_16BE
    } else {
        codec.charset
    };
    let (decoded, damaged) = encoding.decode_without_bom_handling(hex);
    if damaged && encoding == UTF_8 {
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(hex).0);
    } else {
        text.push_str(&decoded);
    }
    hex.clear();
}

/// A text with the delimiters escaped, so that it reads back as one value.
///
/// - Spec: HL7 v2.5 2.7.1; line breaks become `\X0D\` and `\X0A\`.
pub fn escape<'a>(text: &'a str, separators: &Separators) -> Cow<'a, str> {
    let letter = |c: u8| match c {
        b'\r' => Some("X0D"),
        b'\n' => Some("X0A"),
        _ if c == separators.field => Some("F"),
        _ if c == separators.component => Some("S"),
        _ if c == separators.repetition => Some("R"),
        _ if Some(c) == separators.subcomponent => Some("T"),
        _ if Some(c) == separators.escape => Some("E"),
        _ if Some(c) == separators.truncation => Some("P"),
        _ => None,
    };
    let of = |c: char| u8::try_from(c).ok().filter(u8::is_ascii).and_then(letter);
    if !text.chars().any(|c| of(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mark = separators.escape.map(char::from);
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match (of(c), mark) {
            (None, _) => escaped.push(c),
            (Some(sequence), Some(mark)) => {
                escaped.push(mark);
                escaped.push_str(sequence);
                escaped.push(mark);
            }
            // Without an escape character a delimiter cannot be said.
            (Some(_), None) => escaped.push(' '),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_in(charset: &'static encoding_rs::Encoding, raw: &str, expected: &str) {
        let separators = Separators {
            truncation: Some(b'#'),
            ..Separators::default()
        };
        let codec = Codec::new(separators, charset);
        assert_eq!(unescape(raw, &codec), expected, "{raw}");
    }

    #[test]
    fn every_escape() {
        let check = |raw: &str, expected: &str| check_in(UTF_8, raw, expected);
        check("plain", "plain");
        check(r"\F\\S\\T\\R\\E\\P\", "|^&~\\#");
        check(r"é\T\b", "é&b");
        check(r"日本\T\b", "日本&b");
        check(r"\X41\", "A");
        check(r"\X0D0A\", "\r\n");
        check(r"caf\XC3A9\", "café");
        check(r"caf\XC3\\XA9\!", "café!");
        check(r"caf\XE9\", "café");
        check(r"\X00E0\", "à");
        check(r"\X4\ \XZZ\ \X\", r"\X4\ \XZZ\ \X\");
        check(r"a\.br\b\.BR\c", "a\nb\nc");
        check(r"a\.sp2\b\.sk3\c\.in+4\d\.ti-2\e\.nf\f\.ce\g", "a\n\nb   cdef\ng");
        check(r"\.sp999999999\x", &format!("{}x", "\n".repeat(64)));
        check(r"\H\loud\N\ soft", "loud soft");
        check(r"\Zabc\ \C2842\ \M244242\", r"\Zabc\ \C2842\ \M244242\");
        check(r"C:\temp", r"C:\temp");
        check(r"C:\temp\T\x", r"C:\temp&x");
        check(r"4\5 re.", r"4\5 re.");
        check(r"end\", r"end\");
        check(r"\\", r"\\");
        check(r"\", r"\");
        check_in(WINDOWS_1252, r"caf\XE9\", "café");
        check_in(encoding_rs::SHIFT_JIS, r"\X835C\", "ソ");
    }
}
