//! Declared blocking rules: values of several fields together.

use super::field::Field;
use crate::blocking::{BlockKey, BlockKeys};
use panorama_standardize::{StandardAddress, StandardPerson};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

/// Keys of one record under one rule: fields with several values multiply. More keys cost time and space for every
/// record; records with more values are mostly many people's.
const KEYS_MAX: usize = 16;

/// Seeds of declared rules lie above those of the model's own.
const DECLARED: u64 = 1 << 63;

/// One more way in which candidate pairs meet: all fields agree. Bounded as the model's own rules are
/// ([`crate::Limits::block_records_max`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredBlocking {
    /// The fields; a record that lacks one has no key under the rule.
    pub keys: Vec<Field>,
}

/// A rule ready for use.
#[derive(Debug)]
pub(super) struct ReadyBlocking {
    fields: Vec<Field>,
    seed: u64,
}

impl ReadyBlocking {
    pub(super) fn new(rule: &DeclaredBlocking) -> Self {
        let mut fields = rule.keys.clone();
        // The same fields in another order are the same rule.
        fields.sort();
        let name = serde_json::to_string(&fields).unwrap_or_default();
        Self {
            fields,
            seed: xxh3_64(name.as_bytes()) | DECLARED,
        }
    }

    /// Adds the keys of a record.
    pub(super) fn keys_of(&self, person: &StandardPerson, keys: &mut BlockKeys) {
        if self.fields.iter().any(Field::is_of_address) {
            for address in &person.addresses {
                self.keys_with(person, Some(address), keys);
            }
        } else {
            self.keys_with(person, None, keys);
        }
    }

    fn keys_with(&self, person: &StandardPerson, address: Option<&StandardAddress>, keys: &mut BlockKeys) {
        let mut product: Vec<Vec<u8>> = vec![Vec::new()];
        for field in &self.fields {
            let values = match address {
                Some(address) if field.is_of_address() => field.value_in(address).into_iter().collect(),
                _ => field.values(person),
            };
            let joined = |start: &Vec<u8>, value: &Cow<'_, str>| [start, value.as_bytes(), &[0x1f]].concat();
            product = product
                .iter()
                .flat_map(|start| values.iter().map(move |value| joined(start, value)))
                .take(KEYS_MAX)
                .collect();
        }
        keys.extend(product.iter().map(|bytes| BlockKey::of(self.seed, &[bytes])));
    }
}
