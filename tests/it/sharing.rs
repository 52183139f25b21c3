//! Several processes bring in the messages of the same topics, and come, go, die, and sleep past their time: each message
//! is read once, and soon. Both ways in which a group divides partitions.
//!
//! `PANORAMA_SHARING_WINDOWS`, `_PERSONS` and `_SEED` size the run.

pub(crate) mod feeds;
pub(crate) mod group;

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::failover::cluster::{POLL, RECOVERY_MAX};
use crate::failover::machine::Machine;
use crate::kafka::{from_environment, places_are_unique};
use crate::rows::Chance;
use crate::support::{Scratch, panorama, said};
use group::{Group, MemberFault, POURED, SESSION, from_theirs, of_hospital, once};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Waits until one process has read all that came, once. However many there are, some come all the time.
fn all_is_read(group: &Group, processes: &Machine, after: &str) {
    let (mut last, mut since) = (Default::default(), Instant::now());
    loop {
        let read = POURED.map(|source| processes.decoded(source));
        if group.are_all(read, after) {
            return;
        }
        if last != read {
            (last, since) = (read, Instant::now());
        }
        if since.elapsed() > RECOVERY_MAX {
            group.say_last_words();
            println!("{}", processes.last_words());
            panic!("{after}: {read:?} messages are read");
        }
        std::thread::sleep(POLL);
    }
}

#[test]
fn members_of_a_group_bring_in_each_message_once() {
    let Some(broker) = Broker::start("") else { return };
    let windows = from_environment("PANORAMA_SHARING_WINDOWS", 10);
    let persons = from_environment("PANORAMA_SHARING_PERSONS", 200).to_string();
    let made = Scratch::new("sharing");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "31", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let from_hospital = of_hospital(&made);
    let mut longest: BTreeMap<(&str, MemberFault), (u32, Duration)> = BTreeMap::new();
    for rebalance in ["cooperative", "eager"] {
        let prefix = format!("{rebalance}.");
        let shared = with_feeds(&made, &format!("sharing-{rebalance}"));
        let file = from_theirs(shared.path(), &broker.address(), &prefix, rebalance);
        let mut processes = Machine::new(shared.path(), "processes", "process", SESSION);
        processes.start(&file);
        let mut group = Group::begin(
            &broker,
            (made.path(), shared.path()),
            &prefix,
            (&file, from_hospital.clone()),
            Chance::new(from_environment("PANORAMA_SHARING_SEED", 3)),
        );
        let windows = windows.div_ceil(2);
        let faults = MemberFault::ALL.into_iter().cycle();
        for (window, fault) in (0..windows).zip(faults) {
            group.strike(fault);
            let began = group.strike_ends(fault);
            all_is_read(
                &group,
                &processes,
                &format!("{rebalance}, window {window}, {fault:?}"),
            );
            let took = began.elapsed();
            assert!(
                took < RECOVERY_MAX,
                "{rebalance}, window {window}, {fault:?}: {took:?}"
            );
            let (times, most) = longest.entry((rebalance, fault)).or_default();
            (*times, *most) = (*times + 1, took.max(*most));
            group.keep();
        }
        group.pour(usize::MAX);
        all_is_read(&group, &processes, "at the end");
        group.end();
        processes.signal("-TERM");
        assert!(processes.end(), "a stop fails");
        run_role("process", &file, &processes.settings()[..1]);
        let embedded = with_feeds(&made, &format!("sharing-{rebalance}-embedded"));
        run(&config(embedded.path()), &[]);
        let mut expected = essence(&embedded.path().join("tables"));
        let location = shared.path().join("tables");
        let mut found = essence(&location);
        for tables in [&mut expected, &mut found] {
            once(tables.get_mut("raw_messages").expect("a table"));
        }
        assert_eq!(differences(&expected, &found), None);
        places_are_unique(&location);
        println!(
            "sharing, {rebalance}: {windows} windows, {} messages, {} of them sent again over MLLP",
            group.poured_in_all(),
            group.sent_again()
        );
    }
    for ((rebalance, fault), (times, most)) in longest {
        println!(
            "  {rebalance:<12}{fault:<10?}{times:>4} times, all read after at most {:.1} s",
            most.as_secs_f64()
        );
    }
}
