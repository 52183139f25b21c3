//! Character sets: what MSH-18 names, and what to do where it names nothing or lies.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// How the bytes of a message became text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    /// As declared.
    None,
    /// MSH-18 names no character set we know; read as UTF-8.
    Unknown,
    /// Some bytes are not of the declared set; those lines were read as windows-1252, or with replacement characters.
    Fallback,
}

/// The text of a payload that starts with a UTF-16 byte order mark.
pub(crate) fn utf16_to_utf8(bytes: &[u8]) -> Option<String> {
    let (encoding, length) = Encoding::for_bom(bytes)?;
    (encoding == UTF_16LE || encoding == UTF_16BE)
        .then(|| bytes.get(length..))
        .flatten()
        .map(|rest| encoding.decode_without_bom_handling(rest).0.into_owned())
}

/// The character set of this name (MSH-18, HL7 table 0211, and what vendors write instead).
pub(crate) fn named(name: &str) -> Option<&'static Encoding> {
    let mut plain = String::with_capacity(name.len());
    plain.extend(
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase()),
    );
    let plain = plain
        .strip_prefix("UNICODE")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(&plain);
    let label = match plain {
        "ASCII" | "USASCII" | "ISOIR6" | "ISO646" | "UNICODE" | "UTF8" | "UTF" => "utf-8",
        "ISOIR100" | "LATIN1" | "ANSI" | "WINDOWS" => "windows-1252",
        "ISOIR101" => "iso-8859-2",
        "ISOIR109" => "iso-8859-3",
        "ISOIR110" => "iso-8859-4",
        "ISOIR144" => "iso-8859-5",
        "ISOIR127" => "iso-8859-6",
        "ISOIR126" => "iso-8859-7",
        "ISOIR138" => "iso-8859-8",
        "ISOIR148" => "windows-1254",
        "ISOIR166" => "windows-874",
        "ISOIR13" | "ISOIR14" => "shift_jis",
        "ISOIR87" | "ISOIR159" => "iso-2022-jp",
        "ISOIR149" | "KSX1001" => "euc-kr",
        "ISOIR58" | "GB2312" | "GBK" => "gbk",
        "GB180302000" | "GB18030" => "gb18030",
        "CNS116431992" | "BIG5" => "big5",
        _ => return other(plain),
    };
    Encoding::for_label(label.as_bytes())
}

fn other(plain: &str) -> Option<&'static Encoding> {
    let number = plain.strip_prefix("ISO").unwrap_or(plain);
    if let Some(part) = number.strip_prefix("8859") {
        return Encoding::for_label(format!("iso-8859-{part}").as_bytes());
    }
    if let Some(page) = ["WINDOWS", "CP", "WIN"]
        .iter()
        .find_map(|p| plain.strip_prefix(p))
    {
        return Encoding::for_label(format!("windows-{page}").as_bytes());
    }
    Encoding::for_label(plain.as_bytes()).filter(|e| *e != UTF_16LE && *e != UTF_16BE)
}

/// The character set that MSH-18 declares, and what was odd about it.
pub(crate) fn declared(name: &[u8]) -> (&'static Encoding, Oddity) {
    match std::str::from_utf8(name).map(str::trim) {
        // What most senders write.
        Ok("" | "\"\"" | "UNICODE UTF-8" | "UTF-8" | "ASCII") => (UTF_8, Oddity::None),
        Ok(name) => named(name).map_or((UTF_8, Oddity::Unknown), |e| (e, Oddity::None)),
        Err(_) => (UTF_8, Oddity::Unknown),
    }
}

/// The text of a message whose MSH-18 says `name`, the character set used, and what was odd.
pub(crate) fn to_text<'a>(bytes: &'a [u8], name: &[u8]) -> (Cow<'a, str>, &'static Encoding, Oddity) {
    let (encoding, oddity) = declared(name);
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), UTF_8, oddity),
            Err(_) => (Cow::Owned(by_line(bytes)), UTF_8, Oddity::Fallback),
        };
    }
    let (text, damaged) = encoding.decode_without_bom_handling(bytes);
    (text, encoding, if damaged { Oddity::Fallback } else { oddity })
}

/// UTF-8 where a line is UTF-8, else windows-1252: one old line must not garble the others' names.
fn by_line(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for line in bytes.split_inclusive(|b| matches!(b, b'\r' | b'\n')) {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => text.push_str(&WINDOWS_1252.decode_without_bom_handling(line).0),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_vendors_write_them() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(named(name).map(Encoding::name), expected, "{name}");
        };
        for utf8 in [
            "UNICODE UTF-8",
            "UTF-8",
            "utf8",
            "UTF8",
            "ASCII",
            "US-ASCII",
            "UNICODE",
            "ISO IR6",
            "unicode utf8",
        ] {
            check(utf8, Some("UTF-8"));
        }
        for latin in [
            "8859/1",
            "ISO-8859-1",
            "ISO8859/1",
            "8859-1",
            "ISO IR100",
            "CP1252",
            "windows-1252",
        ] {
            check(latin, Some("windows-1252"));
        }
        check("8859/2", Some("ISO-8859-2"));
        check("8859/15", Some("ISO-8859-15"));
        check("ISO IR87", Some("ISO-2022-JP"));
        check("ISO IR14", Some("Shift_JIS"));
        check("GB 18030-2000", Some("gb18030"));
        check("KS X 1001", Some("EUC-KR"));
        check("BIG-5", Some("Big5"));
        check("KLINGON", None);
    }

    #[test]
    fn bytes_become_text() {
        let check = |bytes: &[u8], declared: &str, text: &str, oddity: Oddity| {
            let (read, _, odd) = to_text(bytes, declared.as_bytes());
            assert_eq!((&*read, odd), (text, oddity));
        };
        check("Zoë".as_bytes(), "", "Zoë", Oddity::None);
        check(b"Zo\xeb", "8859/1", "Zoë", Oddity::None);
        check(b"Zo\xeb", "", "Zoë", Oddity::Fallback);
        check(b"Zo\xeb", "ASCII", "Zoë", Oddity::Fallback);
        check(
            b"Zo\xc3\xab\rZo\xeb",
            "UNICODE UTF-8",
            "Zoë\rZoë",
            Oddity::Fallback,
        );
        check(b"\x8d\x91|\x83\x5c", "ISO IR14", "国|ソ", Oddity::None);
        check("Zoë".as_bytes(), "KLINGON", "Zoë", Oddity::Unknown);
        assert_eq!(utf16_to_utf8(b"\xff\xfeM\0S\0H\0").as_deref(), Some("MSH"));
        assert_eq!(utf16_to_utf8(b"\xfe\xff\0M\0S\0H").as_deref(), Some("MSH"));
        assert_eq!(utf16_to_utf8(b"\xef\xbb\xbfMSH"), None);
    }
}
