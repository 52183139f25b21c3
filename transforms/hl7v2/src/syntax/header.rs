//! A cheap look at MSH alone: enough to route and to acknowledge a message before it is read.

use super::message::msh_line;
use super::part::Codec;
use super::{Field, Separators};
use panorama_model::Text;
use smallvec::SmallVec;

/// The MSH segment of one message, as it was sent.
///
/// - Nulls: an empty slice or text where the sender has none.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderFields {
    line: Box<[u8]>,
    separators: Separators,
    /// Where each field separator is, and the end.
    bounds: SmallVec<[u32; 24]>,
}

/// Reads the MSH segment of a message; `None` where it has no usable one.
pub fn header(message: &[u8]) -> Option<HeaderFields> {
    let line = msh_line(message)?;
    let (separators, _) = Separators::of_msh(line)?;
    u32::try_from(line.len()).ok()?;
    let mut bounds: SmallVec<[u32; 24]> = memchr::memchr_iter(separators.field, line)
        .map(|at| at as u32)
        .collect();
    bounds.push(line.len() as u32);
    Some(HeaderFields {
        line: line.into(),
        separators,
        bounds,
    })
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> &[u8] {
            self.field($number)
        })*
    };
}

impl HeaderFields {
    /// A field's bytes by the number the standard gives it.
    pub fn field(&self, number: usize) -> &[u8] {
        let bound = |at: usize| self.bounds.get(at).map(|b| *b as usize);
        match (
            number.checked_sub(2).and_then(bound),
            number.checked_sub(1).and_then(bound),
        ) {
            (Some(start), Some(end)) => self.line.get(start + 1..end).unwrap_or_default(),
            _ if number == 1 => self.line.get(3..4).unwrap_or_default(),
            _ => &[],
        }
    }

    fields! {
        /// MSH-3.
        sending_application = 3;
        /// MSH-4.
        sending_facility = 4;
        /// MSH-5.
        receiving_application = 5;
        /// MSH-6.
        receiving_facility = 6;
        /// MSH-7.
        sent_at = 7;
        /// MSH-10.
        message_control_id = 10;
        /// MSH-11.
        processing_id = 11;
        /// MSH-12.
        version_id = 12;
        /// MSH-15: when the sender wants an accept acknowledgement (table 0155: AL, NE, ER, SU).
        accept_acknowledgement = 15;
        /// MSH-16: when the sender wants an application acknowledgement (table 0155).
        application_acknowledgement = 16;
        /// MSH-18.
        character_set = 18;
    }

    /// MSH-9.1: ADT, ORU ...
    pub fn message_type(&self) -> Text {
        self.component(9, 1)
    }

    /// MSH-9.2: A01, R01 ...
    pub fn trigger_event(&self) -> Text {
        self.component(9, 2)
    }

    /// MSH-9.3: ADT_A01 ...
    pub fn message_structure(&self) -> Text {
        self.component(9, 3)
    }

    /// A component's text, escapes decoded, bytes that are no UTF-8 replaced.
    pub fn component(&self, field: usize, component: usize) -> Text {
        let codec = Codec::new(self.separators, encoding_rs::UTF_8);
        let raw = String::from_utf8_lossy(self.field(field));
        let value = Field::new(&raw, &codec).component(component).text();
        value.unwrap_or_default()
    }

    /// The sender's delimiters.
    pub const fn separators(&self) -> &Separators {
        &self.separators
    }
}

impl std::fmt::Debug for HeaderFields {
    /// Type and version only (INV-8).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderFields")
            .field("message_type", &self.message_type())
            .field("trigger_event", &self.trigger_event())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_alone() {
        let h = header(
            b"\x0bMSH|^~\\&#|APP|FAC|R|S|20260101||ADT^A01^ADT_A01|ID\xe9|P^T|2.5.1||42|AL|NE||8859/1\rPID|1",
        )
        .unwrap();
        assert_eq!(h.field(1), b"|");
        assert_eq!(h.field(2), b"^~\\&#");
        assert_eq!(h.sending_application(), b"APP");
        assert_eq!(h.receiving_facility(), b"S");
        assert_eq!(h.message_control_id(), b"ID\xe9");
        assert_eq!(
            (h.message_type(), h.trigger_event(), h.message_structure()),
            ("ADT".into(), "A01".into(), "ADT_A01".into())
        );
        assert_eq!(
            (h.accept_acknowledgement(), h.application_acknowledgement()),
            (&b"AL"[..], &b"NE"[..])
        );
        assert_eq!(h.character_set(), b"8859/1");
        assert_eq!(h.field(0), b"");
        assert_eq!(h.field(99), b"");
        assert!(header(b"PID|1").is_none());
        assert!(header(b"MSH").is_none());
    }
}
