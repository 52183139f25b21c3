//! All that can happen at once: processes that bring messages in, processes that make tables of them, the broker and the
//! network fail together, in every pairing, under both ways in which a group divides partitions. Each message is in the
//! tables once, soon, and others were told what the tables say.
//!
//! `PANORAMA_FAULTS_WINDOWS`, `_PERSONS` and `_SEED` size the run; 200 windows have each pairing four times.

use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::failover::cluster::{Cluster, Fault, Incoming, POLL, RECOVERY_MAX};
use crate::failover::machine::Machine;
use crate::kafka::{from_environment, places_are_unique, what_others_were_told_is_in_the_tables};
use crate::network::Network;
use crate::rows::{Chance, column};
use crate::sharing::group::{Group, MemberFault, POURED, from_theirs, of_hospital, once};
use crate::support::{Scratch, panorama, said};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long it may take until all that is left is there too, however much that is.
const REST_MAX: Duration = Duration::from_secs(600);
/// How long the working process may be silent.
const SILENCE: Duration = Duration::from_millis(1_500);

impl Incoming for Group {
    fn pour_some(&mut self) -> bool {
        self.pour(1)
    }

    fn kill_one(&mut self) {
        self.kill_another();
    }

    /// Some are away on purpose; who ends by itself has a complaint, which is looked for in the end.
    fn is_there(&mut self) -> bool {
        true
    }

    fn say_last_words(&self) {
        Group::say_last_words(self);
    }
}

/// The faults of a window: all pairings one after the other.
fn faults_of(window: usize) -> (Fault, MemberFault) {
    let (of_cluster, of_members) = (Fault::ALL.len(), MemberFault::ALL.len());
    let fault = Fault::ALL[window % of_cluster];
    (
        fault,
        MemberFault::ALL[(window + window / of_cluster) % of_members],
    )
}

/// Waits until all messages that came are rows, once.
fn all_are_rows(cluster: &mut Cluster<Group>, location: &Path, after: &str, within: Duration) {
    let began = Instant::now();
    loop {
        let sources = column(location, "raw_messages", "source");
        let rows = POURED.map(|source| sources.iter().filter(|of| *of == source).count() as u64);
        if cluster.incoming.are_all(rows, after) {
            return;
        }
        if began.elapsed() > within {
            cluster.say_last_words();
            panic!("{after}: {rows:?} messages are rows");
        }
        cluster.keep();
        std::thread::sleep(POLL);
    }
}

#[test]
fn whatever_fails_together_each_message_is_a_row_once() {
    let windows = from_environment("PANORAMA_FAULTS_WINDOWS", 10);
    let persons = from_environment("PANORAMA_FAULTS_PERSONS", 200).to_string();
    let seed = from_environment("PANORAMA_FAULTS_SEED", 7);
    let made = Scratch::new("faults");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "41", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let from_hospital = of_hospital(&made);
    let mut longest: BTreeMap<String, (u32, Duration)> = BTreeMap::new();
    let windows = usize::try_from(windows).expect("a number");
    let (cooperative, eager) = (0..windows / 2, windows / 2..windows);
    for (rebalance, windows) in [("cooperative", cooperative), ("eager", eager)] {
        let network = Network::new();
        let Some(broker) = network.broker() else { return };
        let prefix = format!("faults.{rebalance}.");
        let shared = with_feeds(&made, &format!("faults-{rebalance}"));
        let location = shared.path().join("tables");
        let file = from_theirs(shared.path(), &network.address(), &prefix, rebalance);
        let machines =
            ["one", "two", "three"].map(|name| Machine::new(shared.path(), name, "process", SILENCE));
        let incoming = Group::begin(
            &broker,
            (made.path(), shared.path()),
            &prefix,
            (&file, from_hospital.clone()),
            Chance::new(seed),
        );
        let mut cluster = Cluster {
            incoming,
            machines: machines.into(),
            network,
            broker,
            chance: Chance::new(seed + 1),
            file: file.clone(),
            generation: 0,
        };
        cluster.keep();
        for window in windows.clone() {
            let (fault, of_member) = faults_of(window);
            cluster.incoming.strike(of_member);
            let over = cluster.strike(fault);
            let began = cluster.incoming.strike_ends(of_member).max(over);
            all_are_rows(
                &mut cluster,
                &location,
                &format!("{rebalance}, window {window}, {fault:?} and {of_member:?}"),
                RECOVERY_MAX,
            );
            for fault in [format!("{fault:?}"), format!("member {of_member:?}")] {
                let (times, most) = longest.entry(fault).or_default();
                (*times, *most) = (*times + 1, began.elapsed().max(*most));
            }
            cluster.keep();
            cluster.incoming.keep();
        }
        cluster.incoming.pour(usize::MAX);
        all_are_rows(&mut cluster, &location, "at the end", REST_MAX);
        cluster.incoming.end();
        for machine in &mut cluster.machines {
            machine.signal("-TERM");
            machine.end();
        }
        run_role("process", &file, &cluster.machines[0].settings()[..1]);
        let embedded = with_feeds(&made, &format!("faults-{rebalance}-embedded"));
        run(&config(embedded.path()), &[]);
        let mut expected = essence(&embedded.path().join("tables"));
        let mut found = essence(&location);
        for tables in [&mut expected, &mut found] {
            once(tables.get_mut("raw_messages").expect("a table"));
        }
        assert_eq!(differences(&expected, &found), None);
        places_are_unique(&location);
        what_others_were_told_is_in_the_tables(&cluster.broker, &prefix, &location);
        println!(
            "faults, {rebalance}: {} windows, {} messages, {} of them sent again over MLLP",
            windows.len(),
            cluster.incoming.poured_in_all(),
            cluster.incoming.sent_again()
        );
    }
    for (fault, (times, most)) in longest {
        println!(
            "  {fault:<20}{times:>4} times, all are rows after at most {:.1} s",
            most.as_secs_f64()
        );
    }
}
