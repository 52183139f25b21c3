//! Tables on a real S3-compatible server, behind a network that loses requests and answers, delays them, and is told that
//! the server is too busy: each epoch's rows are there once, no file that is needed is missing, none stays that is not.
//!
//! `PANORAMA_S3_COMMITS` sizes the run.

use super::server::{Fault, Proxy, Server, files_below};
use super::{AT, append, definition, ids_at};
use crate::location::Location;
use crate::{DeltaTables, Settings, probe};
use panorama_api::{ErrorClass, Table, TableSink};
use panorama_model::Timestamp;
use std::collections::BTreeSet;
use std::time::Instant;

/// Opens the table, as often as that takes.
async fn open(tables: &DeltaTables) -> Box<dyn Table> {
    loop {
        match tables.open(definition()).await {
            Ok(table) => return table,
            Err(error) => assert_eq!(error.class(), ErrorClass::Retry, "{error:?}"),
        }
    }
}

/// Each version is there, and just the files that the table lives on; returns the last version, and how many files.
async fn check_files(server: &Server) -> (u64, usize) {
    let files = files_below(&server.files().join("people"));
    let versions: BTreeSet<u64> = files
        .iter()
        .filter_map(|file| {
            file.strip_prefix("_delta_log/")?
                .strip_suffix(".json")?
                .parse()
                .ok()
        })
        .collect();
    let (first, last) = (*versions.first().unwrap(), *versions.last().unwrap());
    assert_eq!(versions.len() as u64, last - first + 1, "a version is missing");
    let is_data = |file: &&str| file.ends_with(".parquet") && !file.starts_with('_');
    let on_disk: BTreeSet<&str> = files.iter().map(String::as_str).filter(is_data).collect();
    let place = Location::new(&server.location(), server.options(None))
        .unwrap()
        .table("people");
    let state = crate::read::load_existing(&place).await.unwrap();
    let live: BTreeSet<&str> = state
        .files
        .values()
        .flatten()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(on_disk, live, "files no one needs, or needed ones that are gone");
    (last, live.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_network_and_server_lose_and_double_nothing() {
    let Some(server) = Server::start() else { return };
    let commits: u64 = std::env::var("PANORAMA_S3_COMMITS").map_or(150, |text| text.parse().unwrap());
    let proxy = Proxy::before(&server, 12, 7);
    let (location, options) = (server.location(), server.options(Some(proxy.port)));
    let settings = Settings {
        retention_s: 0,
        bucket_retention_s: 0,
        orphan_age_s: -10,
        ..Settings::default()
    };
    let tables = DeltaTables::new(&location, options.clone())
        .unwrap()
        .with_settings(settings);
    let (began, mut failed) = (Instant::now(), 0);
    let mut table = open(&tables).await;
    for epoch in 1..=commits {
        loop {
            let writes = append(
                i32::try_from(epoch % 4).unwrap(),
                &[i64::try_from(epoch).unwrap()],
            );
            match table.commit("app", epoch, AT, writes).await {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.class(), ErrorClass::Retry, "{error:?}: {:?}", error.cause);
                    failed += 1;
                }
            }
        }
        if epoch % 10 == 0 {
            // Upkeep that fails is tried again with the next.
            drop(table.maintain(Timestamp(i64::MAX)).await);
        }
        if epoch % 37 == 0 {
            // A restart: what was in doubt is looked up.
            table = open(&tables).await;
        }
    }
    proxy.be_kind();
    let mut table = open(&tables).await;
    for _ in 0..20 {
        table.maintain(Timestamp(i64::MAX)).await.unwrap();
    }
    let expected: Vec<i64> = (1..=i64::try_from(commits).unwrap()).collect();
    assert_eq!(ids_at(&location, server.options(None)).await, expected);
    let (last, files) = check_files(&server).await;
    println!(
        "s3: {commits} commits in {:.0} s, {failed} tried again, version {last}, {} files, {:?}",
        began.elapsed().as_secs_f64(),
        files,
        proxy.faults()
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_place_is_said_before_it_is_used() {
    let Some(server) = Server::start() else { return };
    let cause = async |location: &str, change: (&str, &str)| {
        let mut options = server.options(None);
        options.insert(change.0.to_owned(), change.1.to_owned());
        probe(location, options)
            .await
            .err()
            .map(|error| error.cause.to_string())
    };
    let fine = ("aws_region", "us-east-1");
    assert_eq!(cause(&server.location(), fine).await, None);
    assert_eq!(
        files_below(&server.files()),
        Vec::<String>::new(),
        "nothing stays there"
    );
    for (location, change, words) in [
        (
            "s3://tables/run",
            ("aws_secret_access_key", "wrong"),
            "SignatureDoesNotMatch",
        ),
        (
            "s3://tables/run",
            ("aws_regoin", "us-east-1"),
            "no setting `aws_regoin`",
        ),
        (
            "s4://tables/run",
            fine,
            "no object store; known are s3, s3a, az, abfs, abfss, gs",
        ),
        ("s3:///run", fine, "no bucket is named"),
    ] {
        let said = cause(location, change).await.unwrap_or_default();
        assert!(said.contains(words), "{location} {change:?}: {said}");
        assert!(!said.contains("wrong\""), "a secret is told: {said}");
    }
}

#[tokio::test]
async fn a_place_is_found_fine_whichever_answer_is_lost() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(&server, 0, 7);
    for nth in 1..=3 {
        proxy.lose_answer(nth);
        let found = probe(&server.location(), server.options(Some(proxy.port))).await;
        assert!(found.is_ok(), "answer {nth}: {found:?}");
        assert_eq!(proxy.faults()[1], (Fault::ResponseLost, nth));
        assert!(files_below(&server.files()).is_empty());
    }
}
