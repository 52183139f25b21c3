//! How well a partition of records into persons agrees with a known truth.

use std::collections::HashMap;
use std::hash::Hash;

/// Precision, recall and F1 of pairs and of whole clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Pairs of one person that were put together.
    pub true_pairs_found: u64,
    /// Pairs that were put together.
    pub pairs_found: u64,
    /// Pairs of one person.
    pub true_pairs: u64,
    /// Clusters that hold all records of one person and no others.
    pub exact_clusters: u64,
    /// Clusters found.
    pub clusters: u64,
    /// Persons.
    pub persons: u64,
}

impl Quality {
    /// Share of found pairs that are right.
    pub fn precision(&self) -> f64 {
        share(self.true_pairs_found, self.pairs_found)
    }

    /// Share of right pairs that were found.
    pub fn recall(&self) -> f64 {
        share(self.true_pairs_found, self.true_pairs)
    }

    /// Harmonic mean of precision and recall of pairs.
    pub fn f1(&self) -> f64 {
        harmonic(self.precision(), self.recall())
    }

    /// Share of found clusters that are one whole person.
    pub fn cluster_precision(&self) -> f64 {
        share(self.exact_clusters, self.clusters)
    }

    /// Share of persons that are one whole cluster.
    pub fn cluster_recall(&self) -> f64 {
        share(self.exact_clusters, self.persons)
    }

    /// Harmonic mean of precision and recall of whole clusters.
    pub fn cluster_f1(&self) -> f64 {
        harmonic(self.cluster_precision(), self.cluster_recall())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

fn harmonic(p: f64, r: f64) -> f64 {
    if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
}

/// Compares a partition with the truth, over the records of which both are known.
///
/// - Shape: one `(cluster found, true person)` per record.
pub fn evaluate<C: Hash + Eq, T: Hash + Eq>(records: impl IntoIterator<Item = (C, T)>) -> Quality {
    let mut cluster_index = HashMap::new();
    let mut person_index = HashMap::new();
    let (mut cluster_sizes, mut person_sizes) = (Vec::new(), Vec::new());
    let mut cells: HashMap<(usize, usize), u64> = HashMap::new();
    for (cluster, person) in records {
        let cluster = place(&mut cluster_index, &mut cluster_sizes, cluster);
        let person = place(&mut person_index, &mut person_sizes, person);
        *cells.entry((cluster, person)).or_default() += 1;
    }
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let size = |sizes: &[u64], at: usize| sizes.get(at).copied().unwrap_or(0);
    Quality {
        true_pairs_found: cells.values().copied().map(pairs).sum(),
        pairs_found: cluster_sizes.iter().copied().map(pairs).sum(),
        true_pairs: person_sizes.iter().copied().map(pairs).sum(),
        exact_clusters: cells
            .iter()
            .map(|((c, p), n)| u64::from(*n == size(&cluster_sizes, *c) && *n == size(&person_sizes, *p)))
            .sum(),
        clusters: cluster_sizes.len() as u64,
        persons: person_sizes.len() as u64,
    }
}

fn place<K: Hash + Eq>(index: &mut HashMap<K, usize>, sizes: &mut Vec<u64>, key: K) -> usize {
    let at = *index.entry(key).or_insert_with(|| {
        sizes.push(0);
        sizes.len() - 1
    });
    if let Some(size) = sizes.get_mut(at) {
        *size += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_clusters() {
        let quality = evaluate([(1, 'a'), (1, 'a'), (1, 'b'), (2, 'b'), (3, 'c')]);
        assert_eq!(
            (quality.true_pairs_found, quality.pairs_found, quality.true_pairs),
            (1, 3, 2)
        );
        assert_eq!(
            (quality.exact_clusters, quality.clusters, quality.persons),
            (1, 3, 3)
        );
        assert_eq!(evaluate::<u8, u8>([]).f1(), 1.0);
    }
}
