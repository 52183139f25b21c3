//! Clustering one connected component: a pure function of its records, scores and statements (INV-6).
//!
//! Merges go by descending evidence, the evidence of two clusters being the mean score of their pairs (average link):
//! one lucky pair cannot chain two people together. Statements that two records are one person come first, statements
//! that they are not forbid a merge whatever the scores. Records that a statement joined are not averaged with each
//! other: a merge of two persons who look different must not cost either of them its other records.

use crate::score::MatchWeight;
use smallvec::SmallVec;

/// What holds between two members besides their score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConstraintKind {
    /// They are one person: a source or a steward says so.
    Together,
    /// They are two people: a source or a steward says so. Forbids merges of either kind.
    Apart,
    /// Their records contradict each other (Junior and Senior). Forbids merges by score.
    Contradiction,
}

/// One component. Members are numbered in an order that does not depend on arrival (by key hash).
#[derive(Clone, Debug)]
pub struct ClusterInput {
    size: usize,
    /// Both ways round.
    pairs: SmallVec<[Pair; 16]>,
    together: Vec<(usize, usize)>,
}

/// What is known of two members.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    weight: Option<i32>,
    apart: bool,
    contradiction: bool,
}

impl ClusterInput {
    /// A component of so many members that nothing is known of yet.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            pairs: SmallVec::from_elem(Pair::default(), size * size),
            together: Vec::new(),
        }
    }

    /// The score of two members. Pairs that never get one count for nothing.
    pub fn set_weight(&mut self, a: usize, b: usize, weight: MatchWeight) {
        self.of_pair(a, b, |pair| pair.weight = Some(weight.0));
    }

    /// What holds between two members. Of statements that contradict each other the one given first holds.
    pub fn constrain(&mut self, a: usize, b: usize, kind: ConstraintKind) {
        match kind {
            ConstraintKind::Together => self.together.push((a, b)),
            ConstraintKind::Apart => self.of_pair(a, b, |pair| pair.apart = true),
            ConstraintKind::Contradiction => self.of_pair(a, b, |pair| pair.contradiction = true),
        }
    }

    fn of_pair(&mut self, a: usize, b: usize, change: impl Fn(&mut Pair)) {
        for at in [a * self.size + b, b * self.size + a] {
            if let Some(pair) = self.pairs.get_mut(at) {
                change(pair);
            }
        }
    }

    /// Whether each pair alone would be merged, and nothing forbids it: whatever is merged first, all are in the end.
    fn is_one_person(&self, rule: MergeRule) -> bool {
        let links = |pair: &Pair| {
            let strong = pair
                .weight
                .is_some_and(|weight| weight >= rule.best_min.0 && rule.counted(weight) >= rule.mean_min.0);
            strong && !pair.apart && !pair.contradiction
        };
        let mut pairs = (0..).zip(&self.pairs);
        pairs.all(|(at, pair): (usize, _)| at / self.size == at % self.size || links(pair))
    }
}

/// The scores of one pair of clusters.
#[derive(Clone, Copy, Debug)]
struct Link {
    sum: i64,
    count: i64,
    best: i32,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            sum: 0,
            count: 0,
            best: i32::MIN,
        }
    }
}

impl Link {
    fn join(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            count: self.count + other.count,
            best: self.best.max(other.best),
        }
    }

    /// The mean score, if the two may merge by score.
    fn mean(self, rule: MergeRule) -> Option<i64> {
        if self.count == 0 || self.best < rule.best_min.0 {
            return None;
        }
        let mean = self.sum.div_euclid(self.count);
        (mean >= i64::from(rule.mean_min.0)).then_some(mean)
    }
}

/// When two clusters are one person by their scores.
#[derive(Clone, Copy, Debug)]
pub struct MergeRule {
    /// What the best of their pairs must reach.
    pub best_min: MatchWeight,
    /// What the mean of their pairs must reach: the others need not link by themselves, but must not speak against it.
    pub mean_min: MatchWeight,
    /// The least one pair counts in the mean.
    pub pair_min: MatchWeight,
    /// The most one pair counts in the mean.
    pub pair_max: MatchWeight,
}

impl MergeRule {
    /// What a pair counts in the mean.
    fn counted(self, weight: i32) -> i32 {
        weight.clamp(self.pair_min.0, self.pair_max.0)
    }
}

/// Clusters of records that look alike, and the persons they make up. A person has several clusters where a statement
/// joined records that look different: each goes on to attract its own kind, and both bring it to the person.
struct Clusters {
    size: usize,
    links: Vec<Link>,
    /// Clusters that were not merged into another. A cluster is named by its smallest member.
    alive: Vec<bool>,
    /// The person of each member: its smallest member.
    person: Vec<usize>,
    /// Pairs of persons that no statement may join.
    apart: Vec<bool>,
    /// Pairs of persons that no score may join.
    barred: Vec<bool>,
    rule: MergeRule,
}

impl Clusters {
    fn link(&self, a: usize, b: usize) -> Link {
        self.links.get(a * self.size + b).copied().unwrap_or_default()
    }

    /// Merges cluster `b` into `a`, where `a < b`, and their persons.
    fn merge(&mut self, a: usize, b: usize) {
        for other in 0..self.size {
            if other != a && other != b && self.is_alive(other) {
                let joined = self.link(a, other).join(self.link(b, other));
                for at in [a * self.size + other, other * self.size + a] {
                    if let Some(slot) = self.links.get_mut(at) {
                        *slot = joined;
                    }
                }
            }
        }
        if let Some(slot) = self.alive.get_mut(b) {
            *slot = false;
        }
        self.join_persons(a, b);
    }

    /// Makes the persons of two members one.
    fn join_persons(&mut self, a: usize, b: usize) {
        let (x, y) = (self.person(a), self.person(b));
        let (kept, gone) = (x.min(y), x.max(y));
        if kept == gone {
            return;
        }
        for list in [&mut self.apart, &mut self.barred] {
            for other in 0..self.size {
                if list.get(gone * self.size + other).copied().unwrap_or(false) {
                    for at in [kept * self.size + other, other * self.size + kept] {
                        if let Some(slot) = list.get_mut(at) {
                            *slot = true;
                        }
                    }
                }
            }
        }
        self.person
            .iter_mut()
            .filter(|p| **p == gone)
            .for_each(|p| *p = kept);
    }

    fn is_alive(&self, cluster: usize) -> bool {
        self.alive.get(cluster).copied().unwrap_or(false)
    }

    fn person(&self, member: usize) -> usize {
        self.person.get(member).copied().unwrap_or(member)
    }

    /// True where a statement, or for merges by score a contradiction, keeps the persons of two members apart.
    fn is_kept_apart(&self, list: &[bool], a: usize, b: usize) -> bool {
        let (x, y) = (self.person(a), self.person(b));
        x != y && list.get(x * self.size + y).copied().unwrap_or(false)
    }

    /// The mean score of two clusters, if they may merge by score.
    fn mean(&self, a: usize, b: usize) -> Option<i64> {
        let mean = self.link(a, b).mean(self.rule)?;
        (!self.is_kept_apart(&self.barred, a, b)).then_some(mean)
    }

    /// The partner with which `a` has the best mean, the first one of equals.
    fn best_partner(&self, a: usize) -> Option<(i64, usize)> {
        (0..self.size)
            .filter(|b| *b != a && self.is_alive(*b))
            .filter_map(|b| self.mean(a, b).map(|mean| (mean, b)))
            .max_by(|x, y| x.0.cmp(&y.0).then(y.1.cmp(&x.1)))
    }
}

/// The person of each member, named by its smallest member.
///
/// - Shape: statements join persons first; then clusters merge by descending mean while the rule lets them, and bring
///   their persons together.
pub fn cluster_component(input: &ClusterInput, rule: MergeRule) -> Vec<usize> {
    if input.is_one_person(rule) {
        return vec![0; input.size];
    }
    step_by_step(input, rule)
}

fn step_by_step(input: &ClusterInput, rule: MergeRule) -> Vec<usize> {
    let mut clusters = start(input, rule);
    for (a, b) in &input.together {
        if !clusters.is_kept_apart(&clusters.apart, *a, *b) {
            clusters.join_persons(*a, *b);
        }
    }
    let mut best: Vec<_> = (0..clusters.size).map(|a| clusters.best_partner(a)).collect();
    loop {
        let candidates = best
            .iter()
            .enumerate()
            .filter_map(|(a, b)| b.map(|(mean, b)| (mean, a.min(b), a.max(b))));
        let Some((_, a, b)) = candidates.max_by(|x, y| x.0.cmp(&y.0).then((y.1, y.2).cmp(&(x.1, x.2))))
        else {
            break;
        };
        clusters.merge(a, b);
        let person = clusters.person(a);
        for at in 0..clusters.size {
            // What holds the merged person apart from others may be more than what held its parts.
            let stale = clusters.person(at) == person
                || best
                    .get(at)
                    .copied()
                    .flatten()
                    .is_some_and(|(_, partner)| clusters.person(partner) == person);
            let fresh = if !clusters.is_alive(at) {
                None
            } else if stale {
                clusters.best_partner(at)
            } else {
                let held = best.get(at).copied().flatten();
                better(held, clusters.mean(at, a).map(|mean| (mean, a)))
            };
            if let Some(slot) = best.get_mut(at) {
                *slot = fresh;
            }
        }
    }
    clusters.person
}

fn better(held: Option<(i64, usize)>, new: Option<(i64, usize)>) -> Option<(i64, usize)> {
    match (held, new) {
        (Some(x), Some(y)) if y.0 > x.0 || y.0 == x.0 && y.1 < x.1 => Some(y),
        (None, new) => new,
        (held, _) => held,
    }
}

fn start(input: &ClusterInput, rule: MergeRule) -> Clusters {
    let links = input.pairs.iter().map(|pair| Link {
        sum: pair.weight.map_or(0, |weight| i64::from(rule.counted(weight))),
        count: i64::from(pair.weight.is_some()),
        best: pair.weight.unwrap_or(i32::MIN),
    });
    let barred = input.pairs.iter().map(|pair| pair.apart || pair.contradiction);
    Clusters {
        size: input.size,
        links: links.collect(),
        alive: vec![true; input.size],
        person: (0..input.size).collect(),
        apart: input.pairs.iter().map(|pair| pair.apart).collect(),
        barred: barred.collect(),
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: MergeRule = MergeRule {
        best_min: MatchWeight(6_000),
        mean_min: MatchWeight(1_000),
        pair_min: MatchWeight(-15_000),
        pair_max: MatchWeight(15_000),
    };

    proptest! {
        #[test]
        fn who_is_one_person_at_a_glance_is_step_by_step(
            bits in prop::collection::vec(6..20, 15),
            weak in prop::option::of((0_usize..15, -20..6)),
            statement in prop::option::of((0_usize..6, 0_usize..6, 0_usize..3)),
            pair_max in 0..20,
        ) {
            let pairs = (0..6).flat_map(|b| (0..b).map(move |a| (a, b)));
            let mut pairs: Vec<_> = pairs.zip(bits).map(|((a, b), bits)| (a, b, bits)).collect();
            if let Some((at, bits)) = weak {
                pairs[at].2 = bits;
            }
            let mut input = component(6, &pairs);
            if let Some((a, b, kind)) = statement && a != b {
                use ConstraintKind::{Apart, Contradiction, Together};
                input.constrain(a, b, [Together, Apart, Contradiction][kind]);
            }
            let rule = MergeRule { pair_max: MatchWeight(pair_max * 250), ..RULE };
            prop_assert_eq!(cluster_component(&input, rule), step_by_step(&input, rule));
        }
    }

    fn component(size: usize, pairs: &[(usize, usize, i32)]) -> ClusterInput {
        let mut input = ClusterInput::new(size);
        for (a, b, bits) in pairs {
            input.set_weight(*a, *b, MatchWeight(bits * 1000));
        }
        input
    }

    #[test]
    fn averages_break_chains() {
        let check = |pairs: &[(usize, usize, i32)], expected: &[usize]| {
            assert_eq!(
                cluster_component(&component(3, pairs), RULE),
                expected,
                "{pairs:?}"
            );
        };
        check(&[(0, 1, 12), (1, 2, 9), (0, 2, 8)], &[0, 0, 0]);
        // 0 and 2 contradict: the stronger pair stays, the chain breaks.
        check(&[(0, 1, 12), (1, 2, 9), (0, 2, -12)], &[0, 0, 2]);
        check(&[(0, 1, 9), (1, 2, 12), (0, 2, -12)], &[0, 1, 1]);
        check(&[(0, 1, 5), (1, 2, 5), (0, 2, 5)], &[0, 1, 2]);
        // Equal evidence: the first pair in key order.
        check(&[(0, 1, 9), (1, 2, 9), (0, 2, -12)], &[0, 0, 2]);
    }

    #[test]
    fn statements_outrank_scores() {
        let check = |kind: &[(usize, usize, ConstraintKind)], bits: i32, expected: &[usize]| {
            let mut input = component(3, &[(0, 1, bits), (1, 2, bits), (0, 2, bits)]);
            for (a, b, kind) in kind {
                input.constrain(*a, *b, *kind);
            }
            assert_eq!(cluster_component(&input, RULE), expected, "{kind:?}");
        };
        check(&[(0, 2, ConstraintKind::Apart)], 12, &[0, 0, 2]);
        check(&[(0, 2, ConstraintKind::Together)], -12, &[0, 1, 0]);
        check(
            &[
                (0, 1, ConstraintKind::Together),
                (0, 1, ConstraintKind::Contradiction),
            ],
            -12,
            &[0, 0, 2],
        );
        check(
            &[
                (0, 1, ConstraintKind::Together),
                (1, 2, ConstraintKind::Together),
                (0, 2, ConstraintKind::Apart),
            ],
            0,
            &[0, 0, 2],
        );
    }

    #[test]
    fn a_statement_joins_persons_with_all_their_records() {
        // 0 and 1 look alike, and 2 and 3; 0 and 2 are one person, as somebody says.
        let mut input = component(
            4,
            &[
                (0, 1, 12),
                (2, 3, 12),
                (0, 2, -12),
                (0, 3, -12),
                (1, 2, -12),
                (1, 3, -12),
            ],
        );
        assert_eq!(cluster_component(&input, RULE), [0, 0, 2, 2]);
        input.constrain(0, 2, ConstraintKind::Together);
        assert_eq!(cluster_component(&input, RULE), [0, 0, 0, 0]);
        // Of the others one is no part of the person that has the other: the first pair in key order stays.
        input.constrain(1, 3, ConstraintKind::Apart);
        assert_eq!(cluster_component(&input, RULE), [0, 0, 0, 3]);
    }
}
