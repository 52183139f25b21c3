//! Connected components: found from the records an operation touched, clustered from scratch.

use super::changes::Counters;
use super::session::Session;
use crate::cluster::{ClusterInput, ConstraintKind, MergeRule, cluster_component};
use crate::decision::{Statement, Verdict};
use crate::known_scores::{Known, KnownScores, RECORDS_MIN};
use crate::parallel::in_parallel;
use crate::score::{MatchWeight, Scorer};
use crate::store::{Edge, IdentityStore, Membership, RecordEntry, RecordNumber};
use hashbrown::HashSet;
use panorama_model::PersonId;
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was found from one record on.
struct Found {
    members: Vec<Member>,
    /// All that were come across; ascending.
    seen: SmallVec<[RecordNumber; 16]>,
    /// Whether none of it is to be matched again later.
    is_whole: bool,
}

/// One member of a component.
pub(super) struct Member {
    pub(super) number: RecordNumber,
    pub(super) held: Membership,
    /// Its content, where it takes part in scores.
    entry: Option<Arc<RecordEntry>>,
    /// Seen and not deleted.
    pub(super) active: bool,
    edges: Vec<Edge>,
    statements: Vec<(RecordNumber, Statement)>,
}

impl<S: IdentityStore> Session<'_, S> {
    /// Clusters every component a seed lies in.
    pub(super) fn recompute_components(&mut self) {
        let mut seeds = std::mem::take(&mut self.seeds);
        seeds.sort_unstable();
        seeds.dedup();
        let mut done = HashSet::new();
        let mut components = Vec::new();
        for seed in seeds {
            if !done.contains(&seed) && !is_from(seed, self.later_from) && !self.is_alone(seed) {
                let Found {
                    members,
                    seen,
                    is_whole,
                } = self.find_component(seed, self.later_from);
                done.extend(seen);
                if !is_whole {
                    continue;
                }
                let said = members.iter().flat_map(|m| &m.statements);
                let apart = said.filter(|(_, s)| s.verdict == Verdict::NoMatch);
                self.apart.extend(apart.map(|(other, _)| *other));
                components.push(members);
            }
        }
        // No component has a part in another: nothing that is said of one changes before all are told.
        let (scorer, known) = (self.scorer, self.known);
        let told = in_parallel(&components, self.workers, |members| {
            clusters(scorer, known, members)
        });
        for (persons, counters) in told {
            self.counters += counters;
            for cluster in persons {
                self.assign_cluster(&cluster);
            }
        }
    }

    /// True where nothing links a record to others, and it belongs to the person that it founds: as clustering would have it.
    fn is_alone(&mut self, record: RecordNumber) -> bool {
        let Some(held) = self.store.membership(record) else {
            return true;
        };
        if held.attached || held.person != PersonId::of_founder_hash(held.key_hash) {
            return false;
        }
        let mut edges = Vec::new();
        self.store.edges(record, &mut edges);
        let strong = self.scorer.auto_link_weight();
        edges.iter().all(|edge| edge.weight < strong) && self.store.statements(record).is_empty()
    }

    /// All records that edges strong enough to link, or statements, connect with this one, in the order of their keys.
    pub(super) fn component_of(&mut self, seed: RecordNumber) -> Vec<Member> {
        self.find_component(seed, None).members
    }

    /// The component of a record, as far as it takes to know that it reaches one that is to be matched again later.
    fn find_component(&mut self, seed: RecordNumber, later_from: Option<RecordNumber>) -> Found {
        let mut members = Vec::new();
        // Ascending; mostly as few as need no tree.
        let mut seen: SmallVec<[RecordNumber; 16]> = SmallVec::from_slice(&[seed]);
        let mut todo = vec![seed];
        let mut is_whole = true;
        while let Some(number) = todo.pop().filter(|_| is_whole) {
            let Some(member) = self.member(number) else {
                continue;
            };
            let linked = member
                .edges
                .iter()
                .filter(|e| e.weight >= self.scorer.auto_link_weight());
            let stated = member
                .statements
                .iter()
                .filter(|(_, s)| s.verdict == Verdict::Match);
            for other in linked.map(|e| e.other).chain(stated.map(|(other, _)| *other)) {
                if let Err(at) = seen.binary_search(&other) {
                    seen.insert(at, other);
                    todo.push(other);
                    is_whole &= !is_from(other, later_from);
                }
            }
            members.push(member);
        }
        members.sort_unstable_by_key(|m| m.held.key_hash);
        Found {
            members,
            seen,
            is_whole,
        }
    }

    fn member(&mut self, number: RecordNumber) -> Option<Member> {
        let held = self.store.membership(number)?;
        let entry = self.store.record(number)?;
        let active = entry.is_active();
        let mut edges = Vec::new();
        self.store.edges(number, &mut edges);
        let statements = self.store.statements(number);
        Some(Member {
            number,
            held,
            entry: (active && !held.attached).then_some(entry),
            active,
            edges,
            statements: statements
                .iter()
                .filter_map(|pair| pair.in_force().map(|statement| (pair.other, statement)))
                .collect(),
        })
    }

    /// Gives each active record of a cluster the person of the one seen first; a deleted one its own.
    fn assign_cluster(&mut self, cluster: &[&Member]) {
        let own = |member: &Member| PersonId::of_founder_hash(member.held.key_hash);
        let full = cluster.iter().filter(|m| m.active && !m.held.attached);
        let founder = full.min_by_key(|m| m.held.first_seen).map(|m| own(m));
        for member in cluster {
            match founder {
                Some(person) if member.active => self.assign(member.number, member.held, person),
                // Contact points without a full record among them: their anchors decide.
                None if member.active => drop(self.endpoints.insert(member.number)),
                _ => self.assign(member.number, member.held, own(member)),
            }
        }
    }
}

fn is_from(record: RecordNumber, from: Option<RecordNumber>) -> bool {
    from.is_some_and(|from| record >= from)
}

/// The persons of a component, and what it cost to tell them.
pub(super) fn clusters<'m>(
    scorer: &Scorer,
    known: &KnownScores,
    members: &'m [Member],
) -> (Vec<Vec<&'m Member>>, Counters) {
    let mut counters = Counters::default();
    if let [only] = members {
        return (vec![vec![only]], counters);
    }
    let limits = scorer.model().limits;
    let parts = if members.len() > limits.component_records_max {
        counters.components_cut += 1;
        cut(members, limits.component_records_max)
    } else {
        vec![members.iter().collect()]
    };
    let mut out = Vec::new();
    for part in parts {
        let labels = labels(scorer, known, &part, &mut counters);
        if labels.iter().all(|label| *label == 0) {
            out.push(part);
            continue;
        }
        let mut clusters: BTreeMap<usize, Vec<&Member>> = BTreeMap::new();
        for (member, label) in part.iter().zip(labels) {
            clusters.entry(label).or_default().push(member);
        }
        out.extend(clusters.into_values());
    }
    (out, counters)
}

fn labels(scorer: &Scorer, known: &KnownScores, members: &[&Member], counters: &mut Counters) -> Vec<usize> {
    let model = scorer.model();
    let rule = MergeRule {
        best_min: scorer.auto_link_weight(),
        mean_min: scorer.calibrated(model.mean_bits_min),
        pair_min: scorer.calibrated(-model.pair_bits_max),
        pair_max: scorer.calibrated(model.pair_bits_max),
    };
    let absent = scorer.calibrated(model.absent_pair_bits);
    let score_all = members.len() <= model.limits.component_scored_max;
    let is_large = score_all && members.len() >= RECORDS_MIN;
    let mut clustering =
        is_large.then(|| known.clustering(members.iter().map(|m| (m.number, m.entry.as_ref()))));
    let mut input = ClusterInput::new(members.len());
    for (a, member) in members.iter().enumerate() {
        for (b, other) in members.iter().enumerate().skip(a + 1) {
            let (Some(x), Some(y)) = (&member.entry, &other.entry) else {
                continue;
            };
            let edge = member.edges.binary_search_by_key(&other.number, |e| e.other);
            let weight = match edge.ok().and_then(|at| member.edges.get(at)) {
                Some(edge) => edge.weight,
                None if score_all => {
                    counters.pairs_scored += 1;
                    let compute = || Known::of(scorer, x, y);
                    let score = match &mut clustering {
                        Some(clustering) => clustering.score(a, b, compute),
                        None => compute(),
                    };
                    if score.is_forbidden {
                        input.constrain(a, b, ConstraintKind::Contradiction);
                    }
                    score.weight
                }
                None => absent,
            };
            input.set_weight(a, b, weight);
        }
    }
    if let Some(clustering) = clustering {
        clustering.keep();
    }
    constrain_by_statements(&mut input, members);
    cluster_component(&input, rule)
}

/// What sources and stewards said of pairs within the component; the strongest word first.
fn constrain_by_statements(input: &mut ClusterInput, members: &[&Member]) {
    let mut together = Vec::new();
    for (a, member) in members.iter().enumerate() {
        for (other, statement) in &member.statements {
            let Some(b) = members.iter().position(|m| m.number == *other).filter(|b| *b > a) else {
                continue;
            };
            match statement.verdict {
                Verdict::NoMatch => input.constrain(a, b, ConstraintKind::Apart),
                Verdict::Match => together.push((Reverse(*statement), a, b)),
                Verdict::Withdrawn => {}
            }
        }
    }
    together.sort_unstable_by_key(|(Reverse(s), a, b)| (Reverse((s.kind, s.version)), *a, *b));
    for (_, a, b) in together {
        input.constrain(a, b, ConstraintKind::Together);
    }
}

/// Cuts an oversized component at its weakest edges: grows parts by descending weight, none past the limit.
fn cut(members: &[Member], records_max: usize) -> Vec<Vec<&Member>> {
    let place: BTreeMap<_, _> = members.iter().enumerate().map(|(at, m)| (m.number, at)).collect();
    let mut links = Vec::new();
    for (a, member) in members.iter().enumerate() {
        let stated = member
            .statements
            .iter()
            .filter(|(_, s)| s.verdict == Verdict::Match);
        let stated = stated.map(|(other, _)| (MatchWeight(i32::MAX), *other));
        for (weight, other) in member.edges.iter().map(|e| (e.weight, e.other)).chain(stated) {
            if let Some(b) = place.get(&other).filter(|b| **b > a) {
                links.push((Reverse(weight), a, *b));
            }
        }
    }
    links.sort_unstable();
    let mut part: Vec<usize> = (0..members.len()).collect();
    let mut size = vec![1; members.len()];
    for (_, a, b) in links {
        let (x, y) = (root(&part, a), root(&part, b));
        let joined = size.get(x).copied().unwrap_or(0) + size.get(y).copied().unwrap_or(0);
        if x != y && joined <= records_max {
            if let Some(slot) = part.get_mut(x.max(y)) {
                *slot = x.min(y);
            }
            if let Some(slot) = size.get_mut(x.min(y)) {
                *slot = joined;
            }
        }
    }
    let mut parts: BTreeMap<usize, Vec<&Member>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        parts.entry(root(&part, at)).or_default().push(member);
    }
    parts.into_values().collect()
}

fn root(part: &[usize], mut at: usize) -> usize {
    while let Some(up) = part.get(at).copied().filter(|up| *up != at) {
        at = up;
    }
    at
}
