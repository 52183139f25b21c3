//! Where each canonical field stands in a record: compiled once per header.

use crate::mapping::{PersonMapping, RecordShape};
use panorama_model::fact::interactions;
use panorama_model::{Column, ContactUse, Text};
use smallvec::SmallVec;
use std::borrow::Cow;

/// One field's columns.
#[derive(Debug, Default)]
pub(crate) struct Place {
    columns: SmallVec<[ColumnAt; 2]>,
    /// The columns are alternatives, not parts.
    alternatives: bool,
    /// What it is where the record says nothing.
    constant: Text,
}

#[derive(Debug)]
struct ColumnAt {
    position: usize,
    name: Text,
    usage: ContactUse,
}

impl Place {
    /// The field's text, its parts joined by a space; empty where nothing is said.
    pub(crate) fn text(&self, cells: &[Cow<'_, str>]) -> Text {
        let mut said = self.each(cells).map(|(text, _)| text);
        let Some(first) = said.next() else {
            return self.constant.clone();
        };
        let Some(second) = said.next() else {
            return Text::new(first);
        };
        let mut joined = String::with_capacity(first.len() + second.len() + 1);
        joined.push_str(first);
        for part in std::iter::once(second).chain(said) {
            joined.push(' ');
            joined.push_str(part);
        }
        Text::from(joined)
    }

    /// The field's text where something is said.
    pub(crate) fn some(&self, cells: &[Cow<'_, str>]) -> Option<Text> {
        Some(self.text(cells)).filter(|text| !text.is_empty())
    }

    /// The alternatives, each with its use; one where the field has no alternatives.
    pub(crate) fn alternatives(&self, cells: &[Cow<'_, str>]) -> SmallVec<[(Text, ContactUse); 2]> {
        if self.alternatives {
            let mut all: SmallVec<_> = self
                .each(cells)
                .map(|(text, usage)| (Text::new(text), usage))
                .collect();
            if all.is_empty() && !self.constant.is_empty() {
                all.push((self.constant.clone(), ContactUse::Home));
            }
            return all;
        }
        let usage = self
            .columns
            .first()
            .map_or(ContactUse::Home, |column| column.usage);
        self.some(cells).map(|text| (text, usage)).into_iter().collect()
    }

    /// The first column's name, for the location of an issue.
    pub(crate) fn location(&self) -> String {
        format!(
            "column {}",
            self.columns.first().map_or("", |column| column.name.as_str())
        )
    }

    fn each<'c>(&'c self, cells: &'c [Cow<'_, str>]) -> impl Iterator<Item = (&'c str, ContactUse)> + 'c {
        self.columns.iter().filter_map(|column| {
            let text = cells.get(column.position)?.trim();
            (!text.is_empty()).then_some((text, column.usage))
        })
    }
}

/// What a column's name tells of the use of a phone number or e-mail address.
fn usage(name: &str) -> ContactUse {
    let name = name.to_ascii_lowercase();
    if name.contains("mobile") || name.contains("cell") {
        ContactUse::Mobile
    } else if name.contains("work") || name.contains("office") || name.contains("business") {
        ContactUse::Work
    } else {
        ContactUse::Home
    }
}

macro_rules! person_fields {
    ($($field:ident),* $(,)?) => {
        /// The canonical fields of every record.
        pub const PERSON_FIELDS: &[&str] = &[$(stringify!($field)),*];

        /// Where the canonical fields stand.
        #[derive(Debug)]
        pub(crate) struct Plan {
            $(pub(crate) $field: Place,)*
            pub(crate) event_id: Place,
            /// The columns of `interactions` that are mapped or constant.
            pub(crate) event: Vec<(Column, Place)>,
        }

        impl Plan {
            /// Finds every mapped column with `position`.
            pub(crate) fn compile<E>(
                mapping: &PersonMapping,
                mut position: impl FnMut(&str) -> Result<usize, E>,
            ) -> Result<Self, E> {
                let mut place = |field: &str| place_of(mapping, field, &mut position);
                let mut event = Vec::new();
                if mapping.record == RecordShape::Event {
                    for column in interactions::SCHEMA.columns {
                        if mapping.columns.contains_key(column.name) || mapping.constants.contains_key(column.name) {
                            event.push((*column, place(column.name)?));
                        }
                    }
                }
                Ok(Self { $($field: place(stringify!($field))?,)* event_id: place("event_id")?, event })
            }
        }
    };
}

person_fields! {
    source_record_id, given_name, middle_name, family_name, previous_family_name, name_suffix, birth_date, sex, ssn, phone,
    email, address_line, address_line2, city, state, postal_code, country, mrn, mrn_authority, member_id, updated_at,
}

fn place_of<E>(
    mapping: &PersonMapping,
    field: &str,
    position: &mut impl FnMut(&str) -> Result<usize, E>,
) -> Result<Place, E> {
    let mut place = Place {
        columns: SmallVec::new(),
        alternatives: mapping.multiple.iter().any(|name| name == field),
        constant: mapping
            .constants
            .get(field)
            .map(|text| Text::new(text.trim()))
            .unwrap_or_default(),
    };
    for name in mapping
        .columns
        .get(field)
        .map_or(&[][..], |columns| columns.names())
    {
        place.columns.push(ColumnAt {
            position: position(name)?,
            name: name.into(),
            usage: usage(name),
        });
    }
    Ok(place)
}
