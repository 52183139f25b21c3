//! Several processes of one pipeline on a real Kafka: one works, the others stand by. Whatever is done to them, to the broker
//! and to the network, the tables are right to the message, others were told what they say, and somebody works on soon.
//!
//! `PANORAMA_FAILOVER_WINDOWS`, `_PERSONS` and `_SEED` size the run.

pub(crate) mod cluster;
pub(crate) mod machine;
mod trickle;

use crate::broker::Broker;
use crate::essence::{config, differences, essence, run, run_role, with_feeds};
use crate::kafka::{
    follow, from_environment, on_kafka, places_are_unique, service_saying,
    what_others_were_told_is_in_the_tables,
};
use crate::network::Network;
use crate::object_store::on_store;
use crate::rows::Chance;
use crate::server::{Proxy, Server};
use crate::support::{Scratch, panorama, said};
use cluster::{Cluster, Fault, Incoming};
use machine::{Machine, last_words};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use trickle::Trickle;

/// Where a pipeline keeps its tables, and the journal beside them.
enum Lake {
    Directory,
    /// Behind a network that loses requests and answers.
    Store(Server, Proxy),
}

impl Lake {
    /// The configuration of a directory with its tables here.
    fn keeps(&self, shared: &Path, file: PathBuf) -> PathBuf {
        match self {
            Self::Directory => file,
            Self::Store(server, proxy) => on_store(file, shared, server, Some(proxy.port)),
        }
    }

    /// The files of the tables.
    fn files(&self, shared: &Path) -> PathBuf {
        match self {
            Self::Directory => shared.join("tables"),
            Self::Store(server, _) => server.files(),
        }
    }

    /// How long the working process may be silent: longer than a client waits for an answer of the store.
    const fn silence(&self) -> Duration {
        match self {
            Self::Directory => Duration::from_millis(1_500),
            Self::Store(..) => Duration::from_secs(5),
        }
    }
}

/// One process that reads files, which come by and by.
struct Files {
    ingest: Child,
    trickle: Trickle,
    file: PathBuf,
    log: PathBuf,
}

/// Starts the process that reads files; it says all into one log.
fn ingest(file: &Path, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log);
    service_saying("ingest", file, log.expect("a log"))
}

impl Files {
    fn kill(&mut self) {
        self.ingest.kill().expect("killed");
        self.ingest.wait().expect("ended");
    }
}

impl Incoming for Files {
    fn pour_some(&mut self) -> bool {
        self.trickle.pour_one()
    }

    fn kill_one(&mut self) {
        self.kill();
        self.ingest = ingest(&self.file, &self.log);
    }

    fn is_there(&mut self) -> bool {
        self.ingest.try_wait().expect("a process").is_none()
    }

    fn say_last_words(&self) {
        println!("{}", last_words(&self.log));
    }
}

#[test]
fn whoever_is_lost_another_goes_on() {
    another_goes_on("failover.", &Lake::Directory);
}

/// Machines that share nothing but Kafka and an object store.
#[test]
fn whoever_is_lost_another_goes_on_from_an_object_store() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(&server, 100, 13);
    let lake = Lake::Store(server, proxy);
    another_goes_on("store.", &lake);
    if let Lake::Store(_, proxy) = lake {
        println!("failover: of the store's requests {:?}", proxy.faults());
    }
}

fn another_goes_on(prefix: &str, lake: &Lake) {
    let network = Network::new();
    let Some(broker) = network.broker() else { return };
    let windows = from_environment("PANORAMA_FAILOVER_WINDOWS", 10);
    let persons = from_environment("PANORAMA_FAILOVER_PERSONS", 400).to_string();
    let made = Scratch::new(prefix);
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", &persons, "--seed", "21", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));

    let shared = Scratch::new(&format!("{prefix}shared"));
    let trickle = Trickle::begin(&made.path().join("feeds"), &shared.path().join("feeds"), windows);
    let file = on_kafka(shared.path(), &network.address(), prefix);
    let file = lake.keeps(shared.path(), file);
    follow(&file);
    let log = shared.path().join("ingest.log");
    let machines =
        ["one", "two", "three"].map(|name| Machine::new(shared.path(), name, "process", lake.silence()));
    let mut cluster = Cluster {
        incoming: Files {
            ingest: ingest(&file, &log),
            log,
            trickle,
            file: file.clone(),
        },
        machines: machines.into(),
        network,
        broker,
        chance: Chance::new(from_environment("PANORAMA_FAILOVER_SEED", 5)),
        file: file.clone(),
        generation: 0,
    };
    cluster.keep();
    let mut in_the_middle = 0;
    let mut longest: BTreeMap<String, (u32, Duration)> = BTreeMap::new();
    for fault in Fault::ALL
        .into_iter()
        .cycle()
        .take(usize::try_from(windows).expect("a number"))
    {
        let owner = cluster.owner();
        // Messages come while it works, and things happen at any moment of that.
        let time = 1_000 + cluster.chance.below(2_000) as u64;
        cluster.incoming.trickle.pour(Duration::from_millis(time));
        in_the_middle += u64::from(cluster.machines[owner].read() > 0);
        let began = cluster.strike(fault);
        cluster.goes_on();
        let (times, most) = longest.entry(format!("{fault:?}")).or_default();
        (*times, *most) = (*times + 1, began.elapsed().max(*most));
        cluster.keep();
    }
    assert!(
        in_the_middle * 2 >= windows,
        "few things happened in the middle of work: {in_the_middle}"
    );
    let mut ended = 0;
    for machine in &mut cluster.machines {
        machine.signal("-TERM");
        machine.end();
        ended += machine.ended;
    }
    cluster.incoming.kill();
    cluster.incoming.trickle.pour_all();
    run_role("ingest", &file, &[]);
    // The last one has what all the others left behind.
    run_role("process", &file, &cluster.machines[0].settings()[..1]);
    if let Lake::Store(_, proxy) = lake {
        proxy.be_kind();
    }
    // Only now: journeys and counts of ninety days go on by themselves, as time goes by.
    let embedded = with_feeds(&made, &format!("{prefix}embedded"));
    run(&config(embedded.path()), &[]);
    let expected = essence(&embedded.path().join("tables"));
    let location = lake.files(shared.path());
    assert_eq!(differences(&expected, &essence(&location)), None);
    assert_eq!(places_are_unique(&location), expected["raw_messages"].len());
    what_others_were_told_is_in_the_tables(&cluster.broker, prefix, &location);
    println!(
        "failover, {prefix}: {windows} windows, {in_the_middle} of them in the middle of work, {} messages; processes that ended by \
         themselves: {ended}; somebody worked again after at most:",
        expected["raw_messages"].len(),
    );
    for (fault, (times, most)) in longest {
        println!("  {fault:<20}{times:>4} times{:>8.1} s", most.as_secs_f64());
    }
}

/// A machine whose disk is lost begins again from what the others left beside the tables.
#[test]
fn a_lost_disk_is_restored() {
    let Some(broker) = Broker::start("") else { return };
    let made = Scratch::new("failover-disk");
    let out = made.text("feeds");
    let output = panorama(&["synth", "--persons", "60", "--seed", "22", "--out", &out]);
    assert!(output.status.success(), "{}", said(&output));
    let shared = with_feeds(&made, "failover-disk-shared");
    let file = on_kafka(shared.path(), &broker.address(), "disk.");
    run(&file, &[]);
    let location = shared.path().join("tables");
    let before = crate::rows::tables(&location, &["patient_360", "patient_identity"]);
    std::fs::remove_dir_all(shared.path().join("data")).expect("a disk");
    run(&file, &[]);
    // Not like the ones before: these very persons.
    assert_eq!(
        crate::rows::tables(&location, &["patient_360", "patient_identity"]),
        before
    );
    places_are_unique(&location);
}
