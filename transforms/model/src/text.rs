//! Makes travelling text: the one step that every value of every message takes.

use crate::Text;

/// One arm for each length that fits inline: a copy of a known length is a few moves, of an unknown one a call.
macro_rules! by_length {
    ($text:ident, $($length:literal)*) => {
        match $text.len() {
            $($length => Text::new_inline($text),)*
            _ => Text::new($text),
        }
    };
}

/// As `Text::new`, in less time for the short texts that most values are.
#[inline(never)]
pub fn text(text: &str) -> Text {
    by_length!(text, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back() {
        let long = "0123456789abcdef0123456789";
        for length in 0..=long.len() {
            let short = &long[..length];
            assert_eq!(text(short), short);
            assert_eq!(text(short), Text::new(short));
            assert_eq!(text(short).is_heap_allocated(), length > Text::INLINE_CAP);
        }
        assert_eq!(text("Zoë 日本"), "Zoë 日本");
    }
}
