//! Several processes append to the topics of one pipeline: each partition has one at a time, and what another one sends
//! counts for nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test's"
)]

use crate::broker::Broker;
use crate::ownership;
use crate::positions::{Entry, Home};
use crate::tests::{WITH_USERS, as_user, message, options, position};
use crate::{KafkaBus, KafkaOptions};
use panorama_api::{Appended, Bus, ErrorClass, Held, ReadLimits, Shares, Sharing, SourcePosition};
use panorama_model::Text;
use std::collections::BTreeMap;
use std::slice;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const ALL: ReadLimits = ReadLimits {
    records_max: usize::MAX,
    bytes_max: usize::MAX,
};

/// What the group would do if it gave the partition to this process.
fn claim(bus: &KafkaBus, topic: &str) {
    let core = bus.core();
    core.shared_topics().insert(topic.to_owned());
    let topic = core.get(topic).unwrap();
    ownership::claim(core, &topic.partitions).unwrap();
}

fn read(bus: &KafkaBus, topic: &str, from: u64) -> Vec<String> {
    let records = bus.read(topic, 0, from, ALL).unwrap();
    let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
    records.iter().map(|record| text(&record.payload)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_that_lost_its_partition_appends_is_void() {
    let Some(broker) = Broker::start("") else { return };
    let open = || KafkaBus::open(options(&broker)).unwrap();
    let (one, two) = (open(), open());
    one.ensure_topic("lost", 1).await.unwrap();
    claim(&one, "lost");
    let append = async |bus: &KafkaBus, text: &str, at: &str| {
        let appended = bus.append("lost", 0, vec![message(text)], position(at)).await;
        appended.map_err(|error| error.class())
    };
    // A claim has an offset of its own.
    assert_eq!(append(&one, "a", "1").await, Ok(vec![Appended::At(1)]));
    // One that follows while others come and go, and one that knows of nothing yet.
    let follower = open();
    assert_eq!(read(&follower, "lost", 0), ["a"]);

    claim(&two, "lost");
    assert_eq!(append(&two, "b", "2").await, Ok(vec![Appended::At(3)]));
    // The first does not know: it is told of no success, and from then on does not even try.
    assert_eq!(append(&one, "x", "2").await, Err(ErrorClass::Retry));
    assert_eq!(append(&one, "y", "2").await, Err(ErrorClass::Retry));
    assert!(
        one.source_position(b"file").is_err(),
        "it is another one's to know"
    );
    // Nor does what it sent confuse the second, whose next message lies elsewhere than it thought, once.
    let mut appended = append(&two, "c", "3").await;
    if appended == Err(ErrorClass::Retry) {
        assert_eq!(two.source_position(b"file").unwrap().as_deref(), Some(&b"3"[..]));
        appended = Ok(vec![Appended::At(5)]);
    }
    assert_eq!(appended, Ok(vec![Appended::At(5)]));
    for (bus, from) in [(&follower, 0), (&follower, 2), (&open(), 0), (&two, 0)] {
        let expected: &[&str] = if from == 0 { &["a", "b", "c"] } else { &["b", "c"] };
        let deadline = Instant::now() + Duration::from_secs(20);
        while bus.bounds("lost", 0).unwrap().1 < 6 {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(read(bus, "lost", from), expected);
    }

    // Given back, it goes on where the other one was; a claim at the end is no message that waits to be read.
    claim(&one, "lost");
    // Not so a source that learned where to go on before: the other one has gone on meanwhile.
    let before = position("2").map(|position| SourcePosition {
        claim: Some(0),
        ..position
    });
    let late = one.append("lost", 0, vec![message("b")], before).await;
    assert_eq!(late.map_err(|error| error.class()), Err(ErrorClass::Retry));
    assert_eq!(one.source_position(b"file").unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(one.bounds("lost", 0).unwrap(), (0, 6));
    assert_eq!(append(&one, "d", "4").await, Ok(vec![Appended::At(7)]));
    drop((one, two, follower));
    let after = open();
    assert_eq!(read(&after, "lost", 0), ["a", "b", "c", "d"]);
    assert_eq!(
        read(&after, "lost", 4),
        ["c", "d"],
        "from behind a message that is void"
    );
    // One alone keeps out those who shared it before.
    assert_eq!(append(&after, "e", "5").await, Ok(vec![Appended::At(9)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_that_was_thought_dead_writes_of_positions_replaces_nothing() {
    let Some(broker) = Broker::start("") else { return };
    let quick = || KafkaOptions {
        flush_interval: Duration::from_millis(50),
        ..options(&broker)
    };
    let open = || KafkaBus::open(quick()).unwrap();
    let one = open();
    one.ensure_topic("late", 1).await.unwrap();
    claim(&one, "late");
    one.append("late", 0, vec![message("a")], position("1"))
        .await
        .unwrap();
    let home = Home {
        topic: "late".into(),
        partition: 0,
    };
    let written = |bus: &KafkaBus, until: u64| {
        let covered = || bus.core().marks().get(&home).map_or(0, |mark| mark.covered);
        let deadline = Instant::now() + Duration::from_secs(20);
        while covered() < until {
            assert!(Instant::now() < deadline, "nothing is written");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    written(&one, 2);
    let feed = crate::envelope::feed("test.", b"file");
    let old = one.core().shared.positions().get(feed).unwrap().clone();
    let old_claim = one.core().get("late").unwrap().partitions[0]
        .log()
        .claimed
        .unwrap()
        .1;

    let two = open();
    claim(&two, "late");
    two.append("late", 0, vec![message("b")], position("2"))
        .await
        .unwrap();
    written(&two, 4);
    // The first one's keys go: who comes next reads the second's alone.
    let keys = || open().core().old_keys().remove(&home).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !keys().iter().all(|key| key.ends_with("@2")) {
        assert!(Instant::now() < deadline, "{:?}", keys());
    }
    assert!(!keys().is_empty());
    // Nor does it delete what its successor has written, though it has read of it.
    one.core().load_positions().unwrap();
    let late = one.core().get("late").unwrap();
    // With the second time it writes, all that the first one did is done.
    for _ in 0..2 {
        late.partitions[0].log().marked = None;
        let deadline = Instant::now() + Duration::from_secs(20);
        while late.partitions[0].log().marked.is_none() {
            assert!(Instant::now() < deadline, "nothing is written");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let keys = keys();
    for kind in ["feed:", "mark:", "claims:"] {
        let kept = |key: &String| key.starts_with(kind) && key.ends_with("@2");
        assert!(keys.iter().any(kept), "{kind} {keys:?}");
    }

    let (answer, sent) = tokio::sync::oneshot::channel();
    one.core()
        .send_entry(&Entry::Position(feed, old), Some(old_claim), answer)
        .unwrap();
    sent.await.unwrap().unwrap();
    let four = open();
    claim(&four, "late");
    assert_eq!(four.source_position(b"file").unwrap().as_deref(), Some(&b"2"[..]));
}

fn own(broker: &Broker, eager_rebalance: bool) -> KafkaOptions {
    KafkaOptions {
        topic_prefix: format!("shared.{eager_rebalance}."),
        session_timeout: Duration::from_secs(6),
        eager_rebalance,
        ..options(broker)
    }
}

/// A replay from quarantine, say: it appends in the middle of a member's work, and does not take part in sharing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_outside_the_group_may_append_and_the_member_goes_on() {
    let Some(broker) = Broker::start("") else { return };
    let quick = || KafkaOptions {
        flush_interval: Duration::from_millis(50),
        ..options(&broker)
    };
    let open = || KafkaBus::open(quick()).unwrap();
    let (member, other) = (open(), open());
    member.ensure_topic("raw.a", 1).await.unwrap();
    member.ensure_topic("raw.b", 1).await.unwrap();
    let topics: [Text; 2] = ["raw.a".into(), "raw.b".into()];
    let told = [member.share(&topics, None).unwrap()];
    settled(&told, 2, 2).await;
    let append = async |bus: &KafkaBus, topic: &str, text: &str, at: Option<&str>| {
        let position = at.and_then(position);
        let began = Instant::now();
        loop {
            match bus.append(topic, 0, vec![message(text)], position.clone()).await {
                Ok(_) => return,
                // As a source does: it is looked up first whether it was stored after all.
                Err(_) if at.is_some_and(|at| saved(bus).as_deref() == Some(at.as_bytes())) => return,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(20), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    append(&member, "raw.a", "1", Some("1")).await;
    // Several at once, on topics that are shared: each claims its own.
    tokio::join!(
        append(&other, "raw.a", "replay", None),
        append(&other, "raw.b", "replay", None)
    );
    append(&member, "raw.a", "2", Some("2")).await;
    append(&member, "raw.b", "3", None).await;
    append(&other, "raw.a", "again", None).await;
    append(&member, "raw.a", "4", Some("4")).await;
    // The other follows what the member appends, though it appended itself.
    let deadline = Instant::now() + Duration::from_secs(20);
    let expected = ["1", "replay", "2", "again", "4"];
    while read(&other, "raw.a", 0) != expected {
        assert!(Instant::now() < deadline, "{:?}", read(&other, "raw.a", 0));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(read(&open(), "raw.a", 0), expected);
    assert_eq!(read(&open(), "raw.b", 0), ["replay", "3"]);
    // Killed: what was written of positions is enough to go on, and none of it is another's.
    let after = open();
    claim(&after, "raw.a");
    assert_eq!(saved(&after).as_deref(), Some(&b"4"[..]));
    drop((member, told));
}

fn saved(bus: &KafkaBus) -> Option<Vec<u8>> {
    bus.source_position(b"file").ok().flatten()
}

/// A claim that is overtaken by another one before its look-up has begun is none: all that was appended behind it would be
/// void, and nothing would tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_claims_the_later_one_holds() {
    let Some(broker) = Broker::start("") else { return };
    let open = || KafkaBus::open(options(&broker)).unwrap();
    let (slow, quick) = (open(), open());
    slow.ensure_topic("both", 1).await.unwrap();
    let topic = slow.core().get("both").unwrap();
    slow.core().shared_topics().insert("both".to_owned());
    let (partition, writer, stored) =
        ownership::send_claim(slow.core(), topic.partition(0).unwrap()).unwrap();
    let claimed = (writer, ownership::stored_at(slow.core(), stored).unwrap());
    claim(&quick, "both");
    quick.append("both", 0, vec![message("a")], None).await.unwrap();
    assert!(ownership::begin(slow.core(), partition, claimed).is_err());
    assert!(slow.append("both", 0, vec![message("x")], None).await.is_err());
    assert_eq!(read(&open(), "both", 0), ["a"]);
}

/// Waits until these hold all of the topics, each so many at least, and no partition twice.
async fn settled(members: &[watch::Receiver<Shares>], all: usize, least: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let known = members.iter().all(|shares| shares.borrow().held.is_some());
        let held: Vec<_> = members.iter().map(held).collect();
        let counts: Vec<usize> = held
            .iter()
            .map(|held| held.values().map(Vec::len).sum())
            .collect();
        if known && counts.iter().sum::<usize>() == all && counts.iter().all(|count| *count >= least) {
            let mut places: Vec<_> = held
                .iter()
                .flatten()
                .flat_map(|(topic, partitions)| {
                    partitions.iter().map(move |held| (topic.clone(), held.partition))
                })
                .collect();
            places.sort();
            places.dedup();
            assert_eq!(places.len(), all, "one partition is two processes'");
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?} of {all}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn held(shares: &watch::Receiver<Shares>) -> BTreeMap<Text, Vec<Held>> {
    shares.borrow().held.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_divide_the_partitions_and_take_over_from_each_other() {
    let Some(broker) = Broker::start("") else { return };
    for eager_rebalance in [false, true] {
        let open = || KafkaBus::open(own(&broker, eager_rebalance)).unwrap();
        let topics: [Text; 2] = ["raw.one".into(), "raw.two".into()];
        let first = open();
        for topic in &topics {
            first.ensure_topic(topic, 2).await.unwrap();
        }
        let mut members = vec![first.share(&topics, None).unwrap()];
        settled(&members, 4, 4).await;
        let second = open();
        members.push(second.share(&topics, None).unwrap());
        settled(&members, 4, 2).await;
        // Each can append where it is to, and nowhere else.
        for (bus, shares) in [(&first, &members[0]), (&second, &members[1])] {
            let mine = held(shares);
            for topic in &topics {
                for partition in 0..2 {
                    let is_mine = mine
                        .get(topic)
                        .is_some_and(|mine| mine.iter().any(|held| held.partition == partition));
                    let appended = bus.append(topic, partition, vec![message("m")], None).await;
                    assert_eq!(appended.is_ok(), is_mine, "{topic}/{partition}");
                }
            }
        }
        // More than there are partitions: one holds none, and knows it.
        let more: Vec<KafkaBus> = (0..3).map(|_| open()).collect();
        let mut idle: Vec<_> = more.iter().map(|bus| bus.share(&topics, None).unwrap()).collect();
        let all: Vec<_> = members.iter().chain(&idle).cloned().collect();
        settled(&all, 4, 0).await;
        let none = all
            .iter()
            .filter(|shares| shares.borrow().held.as_ref().is_some_and(BTreeMap::is_empty));
        assert_eq!(none.count(), if eager_rebalance { 3 } else { 1 });
        drop((more, all));
        idle.clear();
        settled(&members, 4, 2).await;
        // One that divides them otherwise is not taken, and says so.
        let other = KafkaOptions {
            eager_rebalance: !eager_rebalance,
            ..own(&broker, eager_rebalance)
        };
        let stranger = KafkaBus::open(other).unwrap();
        let mut told = stranger.share(&topics, None).unwrap();
        let trouble = told.wait_for(|shares| shares.trouble.is_some()).await.unwrap();
        assert!(
            trouble
                .trouble
                .as_ref()
                .unwrap()
                .contains("the same bus.rebalance"),
            "{trouble:?}"
        );
        drop((trouble, stranger));
        drop(first);
        members.remove(0);
        settled(&members, 4, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_may_not_join_the_group_says_why_and_joins_once_it_may() {
    let Some(broker) = Broker::start(WITH_USERS) else {
        return;
    };
    broker.allow("carol", &["--operation", "All", "--topic", "*", "--cluster"]);
    let carol = as_user(&broker, "carol", "secret");
    let group = format!("{}ingest", carol.topic_prefix);
    let bus = KafkaBus::open(carol).unwrap();
    bus.ensure_topic("raw.one", 2).await.unwrap();
    let mut shares = bus.share(&["raw.one".into()], Some("carol")).unwrap();
    let says = |shares: &Shares| {
        let trouble = shares.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.contains("not allowed: GroupAuthorizationFailed"))
    };
    tokio::time::timeout(Duration::from_secs(30), shares.wait_for(says))
        .await
        .expect("it says why")
        .unwrap();
    assert_eq!(held(&shares), BTreeMap::new());
    broker.allow("carol", &["--operation", "Read", "--group", &group]);
    let has_all = |shares: &Shares| {
        let held = shares.held.as_ref().and_then(|held| held.get("raw.one"));
        shares.trouble.is_none() && held.is_some_and(|held| held.len() == 2)
    };
    tokio::time::timeout(Duration::from_secs(60), shares.wait_for(has_all))
        .await
        .expect("it joins")
        .unwrap();
}

/// Brokers that were away for longer than a session may keep out a process under its own name: nobody but it could mend that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_kept_out_comes_back_and_leaves_the_group_to_a_namesake() {
    // The broker is away for the group only, not for its cluster.
    let Some(broker) = Broker::start("broker.session.timeout.ms=60000") else {
        return;
    };
    let open = || KafkaBus::open(own(&broker, false)).unwrap();
    let topics: [Text; 1] = ["raw.one".into()];
    let share = |bus: &KafkaBus| bus.share(&topics, Some("one")).unwrap();
    let is_out = |shares: &Shares| {
        let trouble = shares.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.contains("does not take this process"))
    };
    let first = open();
    first.ensure_topic("raw.one", 2).await.unwrap();
    let mut told = share(&first);
    settled(slice::from_ref(&told), 2, 2).await;
    first
        .append("raw.one", 0, vec![message("a")], None)
        .await
        .unwrap();

    broker.signal("-STOP");
    tokio::time::sleep(Duration::from_secs(8)).await;
    broker.signal("-CONT");
    settled(slice::from_ref(&told), 2, 2).await;

    let passing = open();
    let passing_told = share(&passing);
    tokio::time::timeout(Duration::from_secs(30), told.wait_for(is_out))
        .await
        .expect("it is kept out")
        .unwrap();
    drop((passing, passing_told));
    settled(slice::from_ref(&told), 2, 2).await;
    assert_eq!(told.borrow().trouble, None);
    first
        .append("raw.one", 0, vec![message("b")], None)
        .await
        .unwrap();
    assert_eq!(read(&first, "raw.one", 0), ["a", "b"]);

    let namesake = open();
    let namesake_told = share(&namesake);
    settled(slice::from_ref(&namesake_told), 2, 2).await;
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(namesake_told.borrow().trouble, None);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_out(&told.borrow()), "{:?}", told.borrow());
    assert_eq!(held(&told), BTreeMap::new());
}
