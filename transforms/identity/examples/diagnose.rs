//! Where a person list's errors come from: pairs lost by blocking, by score, by clustering, and wrong links by pattern.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool for people: reads files and prints"
)]

#[expect(unreachable_pub, reason = "shared with the tests")]
#[path = "../tests/lists/mod.rs"]
mod lists;

use panorama_identity::{IdentityEngine, MemoryStore, Model, PreparedPerson, Scorer, evaluate, train};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "us_20k".to_owned());
    let trained = args.next().as_deref() != Some("default");
    let examples: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let Some(list) = lists::load(&name) else {
        println!("skipped: no such list");
        return;
    };
    let records: Vec<_> = list.persons.iter().map(panorama_standardize::standardize).collect();
    let model = if trained {
        let training = train(&records, &Model::default(), 1);
        println!("{}", serde_json::to_string(&training.report.thresholds).unwrap());
        println!("prior {:e} kinds {:?} rounds {} pairs {}", training.report.match_probability, training.report.pairs_per_match, training.report.rounds, training.report.blocked_pairs);
        if std::env::var("LEVELS").is_ok() {
            for c in &training.model.comparisons {
                for l in &c.levels {
                    println!("{:<14} {:<14} {:?}", c.name, l.name, l.probabilities);
                }
            }
        }
        training.model
    } else {
        Model::default()
    };
    let scorer = Arc::new(Scorer::new(model).unwrap());
    let engine = IdentityEngine::new(Arc::clone(&scorer));
    let prepared: Vec<PreparedPerson> = records.iter().cloned().map(|p| engine.prepare(p)).collect();
    let mut store = MemoryStore::new();
    for (key, prepared) in list.keys.iter().zip(&prepared) {
        engine.upsert(&mut store, key, prepared.clone(), lists::VERSION);
    }
    let mut cluster = vec![String::new(); records.len()];
    for (number, _, membership) in store.memberships() {
        cluster[usize::try_from(number.0).unwrap()] = membership.person.to_string();
    }
    let quality = evaluate(cluster.iter().zip(&list.truth));
    println!("{name} P {:.4} R {:.4} F1 {:.4}", quality.precision(), quality.recall(), quality.f1());
    let mut sizes: HashMap<u64, usize> = HashMap::new();
    for p in &prepared {
        for b in &p.blocks {
            *sizes.entry(b.0).or_default() += 1;
        }
    }
    let max = scorer.model().limits.block_records_max;
    let blocks: Vec<HashSet<u64>> = prepared.iter().map(|p| p.blocks.iter().map(|b| b.0).filter(|b| sizes[b] <= max).collect()).collect();
    let groups = |keys: &[String]| {
        let mut by: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            by.entry(key.clone()).or_default().push(at);
        }
        by
    };
    let names: Vec<_> = scorer.model().comparisons.iter().map(|c| c.name.clone()).collect();
    let pattern = |a: usize, b: usize| {
        let score = scorer.score(&records[a], &records[b]);
        let text: Vec<String> = score.levels.iter().enumerate().filter(|(_, l)| **l != 255).map(|(at, l)| format!("{}={}", &names[at][..names[at].len().min(6)], scorer.model().comparisons[at].levels[usize::from(*l)].name)).collect();
        (score, text.join(" "))
    };
    let show = |at: usize| {
        let r = &records[at];
        let p = &list.persons[at];
        format!("   {:?} {} {} {} {:?} {:?} {:?} {:?} {:?} {:?} | src {} ssn {:?}", r.given.as_str(), r.middle, r.family, r.other_families.join(","), r.generation, r.birth_date.map(|d| (d.date.year, d.date.month, d.date.day)), r.sex, r.phones, r.emails, r.addresses.iter().map(|a| format!("{} {} {} {} {}", a.number, a.street, a.unit, a.city, a.postal_code)).collect::<Vec<_>>(), list.keys[at].source, p.ssn.value())
    };
    let mut buckets: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lost: BTreeMap<(&str, String), Vec<(usize, usize, f32)>> = BTreeMap::new();
    for members in groups(&list.truth).values() {
        for (i, a) in members.iter().enumerate() {
            for b in &members[i + 1..] {
                let (score, text) = pattern(*a, *b);
                let met = blocks[*a].intersection(&blocks[*b]).next().is_some();
                let same = cluster[*a] == cluster[*b];
                let p = score.probability();
                let class = match (met, same) {
                    (false, true) => "ok unmet",
                    (false, false) => if p >= 0.9 { "lost unmet, would link" } else { "lost unmet" },
                    (true, true) => "ok",
                    (true, false) if score.veto.is_some() => "lost veto",
                    (true, false) if score.twins_suspected => "lost twins guard",
                    (true, false) if p < 0.5 => "lost p<.5",
                    (true, false) if p < 0.8 => "lost p<.8",
                    (true, false) if p < 0.99 => "lost p<.99",
                    _ => "lost by cluster",
                };
                *buckets.entry(class).or_default() += 1;
                if class.starts_with("lost") {
                    lost.entry((class, text)).or_default().push((*a, *b, score.weight.bits()));
                }
            }
        }
    }
    println!("true pairs: {buckets:?}");
    let print = |title: &str, found: BTreeMap<(&str, String), Vec<(usize, usize, f32)>>| {
        println!("--- {title}");
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(_, v)| std::cmp::Reverse(v.len()));
        for ((class, text), pairs) in found.iter().take(examples * 4) {
            println!("{:>5} {class}: {text} ({:.1} bits)", pairs.len(), pairs[0].2);
        }
        for (n, ((class, text), pairs)) in found.iter().enumerate() {
            if n % (found.len() / (examples + 1) + 1) == 0 {
                let (a, b, bits) = pairs[0];
                println!(" {class}: {text} {bits:.1}\n{}\n{}", show(a), show(b));
            }
        }
    };
    print("lost", lost);
    let mut wrong: BTreeMap<(&str, String), Vec<(usize, usize, f32)>> = BTreeMap::new();
    let mut total = 0;
    for members in groups(&cluster).values() {
        // The strongest wrong pair of a cluster is what joined it.
        let mut strongest: Option<(usize, usize, f32)> = None;
        for (i, a) in members.iter().enumerate() {
            for b in &members[i + 1..] {
                if list.truth[*a] != list.truth[*b] {
                    total += 1;
                    let bits = scorer.score(&records[*a], &records[*b]).weight.bits();
                    if strongest.is_none_or(|held| bits > held.2) {
                        strongest = Some((*a, *b, bits));
                    }
                }
            }
        }
        if let Some((a, b, bits)) = strongest {
            wrong.entry(("wrong", pattern(a, b).1)).or_default().push((a, b, bits));
        }
    }
    let clusters: usize = wrong.values().map(Vec::len).sum();
    println!("wrong pairs {total} in {clusters} clusters");
    print("wrong", wrong);
}
