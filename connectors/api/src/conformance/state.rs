//! The rules of [`StateStore`]: atomic commits that last, snapshots that stand still, scans in order.

use super::{OpenState, Outcome, Rule, Violation};
use crate::{Space, StateBatch, StateRead, StateStore};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

const LEFT: Space = Space("conformance-left");
const RIGHT: Space = Space("conformance-right");

/// The spaces the suite uses.
pub const STATE_SPACES: [Space; 2] = [LEFT, RIGHT];

/// Checks all rules of the state store. Blocks.
///
/// # Errors
/// The first rule that is broken.
pub fn state(open: OpenState<'_>) -> Outcome {
    points(open)?;
    batch_order(open)?;
    unknown_space(open)?;
    scans(open)?;
    snapshot_isolation(open)?;
    atomicity(open)
}

fn commit(rule: Rule, store: &dyn StateStore, fill: impl FnOnce(&mut StateBatch)) -> Outcome {
    let mut batch = StateBatch::default();
    fill(&mut batch);
    rule.ok(store.commit(batch))
}

fn text(rule: Rule, store: &dyn StateRead, space: Space, key: &str) -> Result<Option<String>, Violation> {
    let value = rule.ok(store.get(space, key.as_bytes()))?;
    Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
}

fn points(open: OpenState<'_>) -> Outcome {
    let rule = Rule("puts and deletes last");
    let store = rule.ok(open())?;
    commit(rule, &*store, |_| {})?;
    commit(rule, &*store, |batch| {
        batch.put(LEFT, "points.a", "1");
        batch.put(LEFT, "points.b", "2");
        batch.put(LEFT, "points.empty", "");
        batch.put(RIGHT, "points.a", "3");
        batch.put(LEFT, "points.big", vec![b'x'; 3 * 1024 * 1024]);
    })?;
    commit(rule, &*store, |batch| {
        batch.delete(LEFT, "points.b");
        batch.delete(LEFT, "points.never");
    })?;
    drop(store);
    let store = rule.ok(open())?;
    let expected = [
        (LEFT, "points.a", Some("1")),
        (LEFT, "points.b", None),
        (LEFT, "points.empty", Some("")),
        (RIGHT, "points.a", Some("3")),
        (RIGHT, "points.b", None),
        (LEFT, "points.never", None),
    ];
    for (space, key, value) in expected {
        rule.equal(key, text(rule, &*store, space, key)?, value.map(str::to_owned))?;
    }
    let big = rule.ok(store.get(LEFT, b"points.big"))?;
    rule.equal(
        "bytes of a big value",
        big.map(|b| b.len()),
        Some(3 * 1024 * 1024),
    )?;
    rule.that(store.bytes() > 0, || "no bytes on disk".into())
}

fn batch_order(open: OpenState<'_>) -> Outcome {
    let rule = Rule("a later change of a key outranks an earlier one of the same batch");
    let store = rule.ok(open())?;
    commit(rule, &*store, |batch| {
        batch.put(LEFT, "order.a", "1");
        batch.delete(LEFT, "order.a");
        batch.put(LEFT, "order.b", "1");
        batch.put(RIGHT, "order.b", "other");
        batch.put(LEFT, "order.b", "2");
        batch.delete(LEFT, "order.c");
        batch.put(LEFT, "order.c", "3");
    })?;
    ordered(rule, &*store)?;
    drop(store);
    ordered(rule, &*rule.ok(open())?)
}

fn ordered(rule: Rule, store: &dyn StateStore) -> Outcome {
    rule.equal("put, delete", text(rule, store, LEFT, "order.a")?, None)?;
    rule.equal("put, put", text(rule, store, LEFT, "order.b")?, Some("2".into()))?;
    let other = text(rule, store, RIGHT, "order.b")?;
    rule.equal("the same key in another space", other, Some("other".into()))?;
    rule.equal(
        "delete, put",
        text(rule, store, LEFT, "order.c")?,
        Some("3".into()),
    )
}

fn unknown_space(open: OpenState<'_>) -> Outcome {
    let rule = Rule("a space that was not named is an error, and nothing of the batch is kept");
    let store = rule.ok(open())?;
    let mut batch = StateBatch::default();
    batch.put(LEFT, "unknown.a", "1");
    batch.put(Space("conformance-unknown"), "unknown.a", "1");
    rule.fails("a commit", store.commit(batch))?;
    rule.fails("a get", store.get(Space("conformance-unknown"), b"a"))?;
    rule.equal("the other change", text(rule, &*store, LEFT, "unknown.a")?, None)
}

fn keys(
    rule: Rule,
    scan: impl FnOnce(&mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>) -> crate::Result<()>,
) -> Result<Vec<Vec<u8>>, Violation> {
    let mut keys = Vec::new();
    rule.ok(scan(&mut |key, _| {
        keys.push(key.to_vec());
        ControlFlow::Continue(())
    }))?;
    Ok(keys)
}

fn scans(open: OpenState<'_>) -> Outcome {
    let rule = Rule("scans visit exactly the range, ascending");
    let store = rule.ok(open())?;
    let all: Vec<Vec<u8>> = vec![
        b"s".to_vec(),
        b"s\x00".to_vec(),
        b"s\x7f".to_vec(),
        b"s\xfe".to_vec(),
        b"s\xfe\xff".to_vec(),
        b"s\xff".to_vec(),
        b"s\xff\x00".to_vec(),
        b"s\xff\xff".to_vec(),
        b"s\xff\xff\x01".to_vec(),
        b"t".to_vec(),
        b"\xff".to_vec(),
        b"\xff\xff".to_vec(),
        b"\xff\xff\xff".to_vec(),
    ];
    commit(rule, &*store, |batch| {
        for key in all.iter().rev() {
            batch.put(RIGHT, key.clone(), "v");
        }
        batch.put(RIGHT, "s\x01", "deleted");
    })?;
    commit(rule, &*store, |batch| batch.delete(RIGHT, "s\x01"))?;
    let prefixes: [&[u8]; 8] = [
        b"s",
        b"s\xff",
        b"s\xff\xff",
        b"\xff",
        b"\xff\xff",
        b"\xff\xff\xff",
        b"s\xfe",
        b"u",
    ];
    for prefix in prefixes {
        let seen = keys(rule, |visit| store.scan_prefix(RIGHT, prefix, visit))?;
        let expected: Vec<_> = all
            .iter()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect();
        rule.that(seen == expected, || {
            format!("prefix {prefix:?} visited {seen:?}, not {expected:?}")
        })?;
    }
    let ranges: [(&[u8], Option<&[u8]>); 7] = [
        (b"s", None),
        (b"s", Some(b"t")),
        (b"s\x00", Some(b"s\xfe")),
        (b"s\x01", Some(b"s\x02")),
        (b"t", Some(b"t")),
        (b"t", Some(b"s")),
        (b"\xff", None),
    ];
    for (from, to) in ranges {
        let seen = keys(rule, |visit| store.scan(RIGHT, from, to, visit))?;
        let inside = |key: &Vec<u8>| key.as_slice() >= from && to.is_none_or(|to| key.as_slice() < to);
        let expected: Vec<_> = all.iter().filter(|key| inside(key)).cloned().collect();
        rule.that(seen == expected, || {
            format!("range {from:?}..{to:?} visited {seen:?}, not {expected:?}")
        })?;
    }
    let everything = keys(rule, |visit| store.scan_prefix(RIGHT, b"", visit))?;
    rule.that(all.iter().all(|key| everything.contains(key)), || {
        "the empty prefix left keys out".into()
    })?;
    rule.that(everything.is_sorted(), || "a whole scan is not in order".into())?;
    early_end(rule, &*store)
}

fn early_end(rule: Rule, store: &dyn StateStore) -> Outcome {
    let mut visited = 0;
    let stopped = store.scan_prefix(RIGHT, b"s", &mut |_, _| {
        visited += 1;
        if visited == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    rule.ok(stopped)?;
    rule.equal("visits of a scan that ends early", visited, 2)
}

fn snapshot_isolation(open: OpenState<'_>) -> Outcome {
    let rule = Rule("a snapshot is unmoved by later commits");
    let store = rule.ok(open())?;
    commit(rule, &*store, |batch| {
        batch.put(LEFT, "snap.a", "1");
        batch.put(LEFT, "snap.b", "1");
    })?;
    let snapshot = rule.ok(store.snapshot())?;
    commit(rule, &*store, |batch| {
        batch.put(LEFT, "snap.a", "2");
        batch.delete(LEFT, "snap.b");
        batch.put(LEFT, "snap.c", "2");
    })?;
    rule.equal(
        "a changed key",
        text(rule, &*snapshot, LEFT, "snap.a")?,
        Some("1".into()),
    )?;
    rule.equal(
        "a deleted key",
        text(rule, &*snapshot, LEFT, "snap.b")?,
        Some("1".into()),
    )?;
    rule.equal("a new key", text(rule, &*snapshot, LEFT, "snap.c")?, None)?;
    let seen = keys(rule, |visit| snapshot.scan_prefix(LEFT, b"snap.", visit))?;
    rule.equal("a scan", seen, vec![b"snap.a".to_vec(), b"snap.b".to_vec()])?;
    rule.equal(
        "the store",
        text(rule, &*store, LEFT, "snap.a")?,
        Some("2".into()),
    )
}

/// Commits write one number to many keys of two spaces; every snapshot must see one number only.
fn atomicity(open: OpenState<'_>) -> Outcome {
    let rule = Rule("a commit is seen whole or not at all");
    let store = rule.ok(open())?;
    let write = |store: &dyn StateStore, number: u32| {
        commit(rule, store, |batch| {
            for key in 0..40u8 {
                batch.put(LEFT, vec![b'w', key], number.to_be_bytes());
                batch.put(RIGHT, vec![b'w', key], number.to_be_bytes());
            }
        })
    };
    write(&*store, 0)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                whole(rule, &*rule.ok(store.snapshot())?)?;
            }
            Ok(())
        });
        let written = (1..200).try_for_each(|number| write(&*store, number));
        done.store(true, Ordering::Release);
        written?;
        match reader.join() {
            Ok(outcome) => outcome,
            Err(_) => rule.that(false, || "the reader panicked".into()),
        }
    })?;
    drop(store);
    whole(rule, &*rule.ok(rule.ok(open())?.snapshot())?)
}

fn whole(rule: Rule, view: &dyn StateRead) -> Outcome {
    let mut numbers = std::collections::BTreeSet::new();
    let mut count = 0;
    for space in STATE_SPACES {
        let scan = view.scan_prefix(space, b"w", &mut |_, value| {
            numbers.insert(value.to_vec());
            count += 1;
            ControlFlow::Continue(())
        });
        rule.ok(scan)?;
    }
    rule.equal("keys", count, 80)?;
    rule.equal("different numbers in one snapshot", numbers.len(), 1)
}
