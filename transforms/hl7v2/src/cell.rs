//! Cells of a fact's row as parts of the message say them: most of a message's values go from its text to a row's.

use crate::syntax::Subcomponent;
use panorama_model::{Column, Row, Value};

/// Sets cells to what parts of a message say.
pub(crate) trait SetPart {
    /// Sets a column to a part's text, where it has any.
    fn set_part<'m>(&mut self, column: Column, part: impl Into<Subcomponent<'m>>);

    /// Sets a column as the source speaks of it: text, none, or nothing.
    fn set_said<'m>(&mut self, column: Column, part: impl Into<Subcomponent<'m>>);

    /// Sets a column to the texts of several parts, with something between, where they have any.
    fn set_parts<'m>(
        &mut self,
        column: Column,
        parts: impl IntoIterator<Item = Subcomponent<'m>>,
        between: &str,
    );
}

impl SetPart for Row {
    #[inline]
    fn set_part<'m>(&mut self, column: Column, part: impl Into<Subcomponent<'m>>) {
        set(self, column.index, part.into());
    }

    #[inline]
    fn set_said<'m>(&mut self, column: Column, part: impl Into<Subcomponent<'m>>) {
        let part = part.into();
        if part.is_null() {
            self.set(column, Value::Null);
        } else {
            self.set_part(column, part);
        }
    }

    fn set_parts<'m>(
        &mut self,
        column: Column,
        parts: impl IntoIterator<Item = Subcomponent<'m>>,
        between: &str,
    ) {
        let texts = parts.into_iter().filter_map(Subcomponent::value);
        self.set_joined(column, texts, between);
    }
}

/// Apart, since each reader of a segment calls it many times over.
#[inline(never)]
fn set(row: &mut Row, index: u8, part: Subcomponent<'_>) {
    part.take(|text| row.set_index(index, Value::Text(text)));
}
