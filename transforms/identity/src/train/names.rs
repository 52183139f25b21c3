//! How common each name is among the records.

use super::count;
use crate::frequency::FrequencyTable;
use std::collections::BTreeMap;

/// Records by which the first table speaks: small lists keep general experience, large ones their own.
const IMAGINED_RECORDS: f64 = 1_000.0;
/// A name borne by fewer records keeps the share of an unlisted one: its count is mostly chance.
const TERM_RECORDS_MIN: usize = 3;

/// Blends the shares of a table with those of the records.
pub(super) fn learn<'a>(table: &mut FrequencyTable, names: impl Iterator<Item = &'a str>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut records = 0;
    for name in names.filter(|name| name.len() > 1) {
        *counts.entry(name).or_default() += 1;
        records += 1;
    }
    let all = count(records) + IMAGINED_RECORDS;
    let start = table.clone();
    let known = |name: &str| f64::from(start.terms.get(name).copied().unwrap_or(start.unlisted));
    let blend = |name: &str, n: usize| super::probability((count(n) + IMAGINED_RECORDS * known(name)) / all);
    for name in start.terms.keys() {
        let n = counts.get(name.as_str()).copied().unwrap_or(0);
        table.terms.insert(name.clone(), blend(name, n));
    }
    for (name, n) in counts.iter().filter(|(_, n)| **n >= TERM_RECORDS_MIN) {
        table.terms.insert((*name).to_owned(), blend(name, *n));
    }
    // What an unlisted name has on average: a record or two of all.
    let unlisted = (1.5 + IMAGINED_RECORDS * f64::from(start.unlisted)) / all;
    table.unlisted = super::probability(unlisted.min(f64::from(start.unlisted)));
}
