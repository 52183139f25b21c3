//! Letters in one case, without accents and punctuation: the base of every name and address rule.

use icu_normalizer::DecomposingNormalizerBorrowed;
use panorama_model::Text;

/// Appends the letters and digits of `text` in lower case without accents; each run of anything else becomes one space.
///
/// - Shape: apostrophes, full stops and combining accents vanish (`O'Brien` -> `obrien`); hyphens and blanks separate.
/// - Nulls: nothing is appended where no letter or digit is left.
pub fn fold_letters(text: &str, out: &mut String) {
    let start = out.len();
    let mut gap = false;
    for c in text.chars() {
        if !c.is_ascii() && is_silent(c) || matches!(c, '\'' | '.' | '`') {
            continue;
        }
        if !c.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && out.len() > start {
            out.push(' ');
        }
        gap = false;
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else if let Some(plain) = plain_latin(c) {
            out.push_str(plain);
        } else if !push_latin_base(c, out) {
            // Lower case may bring a combining mark along, which a second pass would drop.
            out.extend(c.to_lowercase().filter(|l| l.is_alphanumeric()));
        }
    }
}

/// Appends the plain letters that `c` is made of where they are Latin ones or digits (`ễ`, full-width `Ａ`, `ﬁ`).
///
/// Letters of other scripts that have marks of their own stay as they are (`й`, `が`).
fn push_latin_base(c: char, out: &mut String) -> bool {
    let start = out.len();
    for base in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(c)) {
        if base.is_ascii_alphanumeric() {
            out.push(base.to_ascii_lowercase());
        } else if let Some(plain) = plain_latin(base) {
            out.push_str(plain);
        } else if !is_silent(base) {
            out.truncate(start);
            return false;
        }
    }
    out.len() > start
}

/// True for marks that sit on or in a word without breaking it.
const fn is_silent(c: char) -> bool {
    matches!(
        c,
        '\u{0300}'..='\u{036f}' | '\u{2018}' | '\u{2019}' | '\u{02bb}'..='\u{02be}' | '\u{00b4}' | '\u{00ad}'
    )
}

/// The plain letters of a Latin letter that has more to it (Latin-1 Supplement, Latin Extended-A, and what African languages
/// and Azerbaijani write).
const fn plain_latin(c: char) -> Option<&'static str> {
    Some(match c {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' | 'Ǎ' | 'ǎ' | 'Ə' | 'ə' => "a",
        'Ɓ' | 'ɓ' => "b",
        'Æ' | 'æ' => "ae",
        'Ç' | 'ç' | 'Ć'..='č' => "c",
        'Ď'..='đ' | 'Ð' | 'ð' | 'Ɖ' | 'ɖ' | 'Ɗ' | 'ɗ' => "d",
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' | 'Ɛ' | 'ɛ' => "e",
        'Ƒ' | 'ƒ' => "f",
        'Ĝ'..='ģ' | 'Ɣ' | 'ɣ' => "g",
        'Ĥ'..='ħ' => "h",
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='ı' => "i",
        'Ĳ' | 'ĳ' => "ij",
        'Ĵ' | 'ĵ' => "j",
        'Ķ'..='ĸ' | 'Ƙ' | 'ƙ' => "k",
        'Ĺ'..='ł' => "l",
        'Ñ' | 'ñ' | 'Ń'..='ŋ' => "n",
        'Ò'..='Ö' | 'ò'..='ö' | 'Ø' | 'ø' | 'Ō'..='ő' | 'Ɔ' | 'ɔ' => "o",
        'Œ' | 'œ' => "oe",
        'Ŕ'..='ř' => "r",
        'Ś'..='š' | 'ſ' => "s",
        'ß' | 'ẞ' => "ss",
        'Ţ'..='ŧ' => "t",
        'Þ' | 'þ' => "th",
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' => "u",
        'Ŵ' | 'ŵ' => "w",
        'Ý' | 'ý' | 'ÿ' | 'Ŷ'..='Ÿ' | 'Ƴ' | 'ƴ' => "y",
        'Ź'..='ž' => "z",
        _ => return None,
    })
}

/// The text, trimmed and in ASCII upper case.
pub(crate) fn upper_trimmed(text: &str) -> Text {
    let text = text.trim();
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        Text::from(text.to_ascii_uppercase())
    } else {
        Text::from(text)
    }
}

/// True where `value` is one of a sorted list.
pub(crate) fn is_in(sorted: &[&str], value: &str) -> bool {
    sorted.binary_search(&value).is_ok()
}

/// The second of the pair whose first is `word`, in a list sorted by the first.
pub(crate) fn look_up(sorted: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let at = sorted.binary_search_by(|(from, _)| (*from).cmp(word)).ok()?;
    sorted.get(at).map(|(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fold() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            fold_letters(text, &mut out);
            assert_eq!(out, expected, "{text}");
        };
        check("  O'Brien ", "obrien");
        check("José-María", "jose maria");
        check("Müller, St.", "muller st");
        check("Łukasz Straße", "lukasz strasse");
        check("e\u{301}lan", "elan");
        check("--- ", "");
        check("王 小明", "王 小明");
        check("Nguyễn Thị Đường", "nguyen thi duong");
        check("\u{212b}se", "ase");
        check("Ｓａｔｏ １２", "sato 12");
        check("Сергей が", "сергей が");
        check("Əliyev Kaʻahumanu Ɔkɔ", "aliyev kaahumanu oko");
    }

    #[test]
    fn no_letter_of_unicode_changes_when_folded_again() {
        let (mut once, mut twice) = (String::new(), String::new());
        for c in '\0'..=char::MAX {
            once.clear();
            twice.clear();
            fold_letters(c.encode_utf8(&mut [0; 4]), &mut once);
            fold_letters(&once, &mut twice);
            assert_eq!(once, twice, "U+{:04X}", u32::from(c));
        }
    }
}
