//! Field-level last-writer-wins that any arrival order leads to (INV-6).
//!
//! A source states a thing in parts, each statement with its [`Version`]. The layers keep, for each field, the newest
//! statement that spoke of it, and resolve to the sum. Adding is commutative, associative and idempotent.

use crate::{Row, Value, Version};
use serde::{Deserialize, Serialize};

/// Something made of at most 64 fields, each of which a statement speaks of or not.
pub trait Overlay: Clone + PartialEq {
    /// A bit for each field spoken of.
    fn spoken(&self) -> u64;
    /// Forgets the fields whose bits are set.
    fn forget(&mut self, fields: u64);
    /// Takes from `older` the fields this one does not speak of.
    fn fill_from(&mut self, older: &Self);
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer<T> {
    /// When it was said.
    pub version: Version,
    /// Says everything: a field it does not speak of is none. (A snapshot, as FHIR resources and CSV rows are.)
    pub complete: bool,
    /// What was said.
    pub content: T,
}

/// All that is still in force of the statements about one thing, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layers<T>(Vec<Layer<T>>);

impl<T> Default for Layers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Overlay> Layers<T> {
    /// Adds a statement. True if anything in force changed.
    pub fn add(&mut self, layer: Layer<T>) -> bool {
        let at = self.0.partition_point(|l| l.version > layer.version);
        if self.0.get(at).is_some_and(|l| {
            l.version == layer.version && l.complete == layer.complete && l.content == layer.content
        }) {
            return false;
        }
        let covered = self
            .0
            .iter()
            .take(at)
            .fold(0, |fields, l| fields | l.content.spoken());
        let buried = self.0.iter().take(at).any(|l| l.complete);
        if buried || (!layer.complete && layer.content.spoken() & !covered == 0) {
            return false;
        }
        self.0.insert(at, layer);
        self.normalize();
        true
    }

    /// Raises the version of the newest statement, which was repeated then.
    pub fn renew(&mut self, version: Version) {
        if let Some(newest) = self.0.first_mut().filter(|newest| newest.version < version) {
            newest.version = version;
        }
    }

    /// Everything in force, as one.
    pub fn resolve(&self) -> Option<T> {
        let (newest, older) = self.0.split_first()?;
        let mut whole = newest.content.clone();
        for layer in older {
            whole.fill_from(&layer.content);
        }
        Some(whole)
    }

    /// The newest statement's version.
    pub fn version(&self) -> Option<Version> {
        self.0.first().map(|l| l.version)
    }

    /// The statements in force, newest first.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.0
    }

    /// The statements in force, newest first, taken out.
    pub fn into_layers(self) -> Vec<Layer<T>> {
        self.0
    }

    fn normalize(&mut self) {
        let mut covered = 0;
        let mut buried = false;
        self.0.retain_mut(|layer| {
            if buried {
                return false;
            }
            layer.content.forget(covered);
            let spoken = layer.content.spoken();
            covered |= spoken;
            buried = layer.complete;
            spoken != 0 || layer.complete
        });
    }
}

impl Overlay for Row {
    fn spoken(&self) -> u64 {
        self.cells().fold(0, |bits, (index, _)| bits | bit(index))
    }

    fn forget(&mut self, fields: u64) {
        self.retain(|index, _| fields & bit(index) == 0);
    }

    fn fill_from(&mut self, older: &Self) {
        // Mostly the newer layer speaks of all that the older one does.
        if older.spoken() & !self.spoken() != 0 {
            *self = self.over(older);
        }
    }
}

/// The bit of a column.
fn bit(index: u8) -> u64 {
    1u64.checked_shl(u32::from(index)).unwrap_or(0)
}

impl Row {
    /// The row without the cells that were said to be none.
    #[must_use]
    pub fn without_nulls(mut self) -> Self {
        self.retain(|_, value| value != Value::Null);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    fn layer(at: i64, complete: bool, cells: &[(u8, i64)]) -> Layer<Row> {
        let mut row = Row::new();
        for (index, value) in cells {
            row.set_index(*index, Value::Int(*value));
        }
        Layer {
            version: Version {
                at: Timestamp(at),
                sequence: 0,
                content: at.unsigned_abs(),
            },
            complete,
            content: row,
        }
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_resolve_to_the_same(
            statements in prop::collection::vec((any::<bool>(), prop::collection::vec((0u8..5, any::<i64>()), 0..4)), 1..8),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let statements: Vec<_> = statements.iter().enumerate()
                .map(|(at, (complete, cells))| layer(at as i64, *complete, cells)).collect();
            let mut ordered = Layers::default();
            for statement in &statements { ordered.add(statement.clone()); }
            let mut shuffled = Layers::default();
            for index in &order { shuffled.add(statements[index.index(statements.len())].clone()); }
            for statement in statements.iter().rev() { shuffled.add(statement.clone()); }
            prop_assert_eq!(ordered, shuffled);
        }
    }
}
