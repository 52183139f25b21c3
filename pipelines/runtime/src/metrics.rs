//! Prometheus metrics under the names of the contract. Labels are configured names and fixed words (INV-8).

use panorama_api::{BrokerFigures, ClientFigures, ErrorClass, Observer};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

type Label1 = [(&'static str, String); 1];
type Label2 = [(&'static str, String); 2];
type Label3 = [(&'static str, String); 3];
type FloatGauge = Gauge<f64, AtomicU64>;

macro_rules! metrics {
    ($($(#[$doc:meta])* $field:ident: $ty:ty = $make:expr, $name:literal, $help:literal;)*) => {
        /// Every metric of the process.
        pub struct Metrics {
            registry: Registry,
            steps: StepTimes,
            $($(#[$doc])* #[doc = $help] pub $field: $ty,)*
        }

        impl Default for Metrics {
            fn default() -> Self {
                let mut registry = Registry::with_prefix("panorama");
                $(let $field: $ty = $make; registry.register($name, $help, $field.clone());)*
                Self { registry, steps: StepTimes::default(), $($field,)* }
            }
        }
    };
}

/// Seconds by step, to be told at the end of a run.
#[derive(Default)]
struct StepTimes(Mutex<BTreeMap<&'static str, f64>>);

impl StepTimes {
    fn add(&self, step: &'static str, seconds: f64) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(step)
            .or_default() += seconds;
    }

    fn longest_first(&self) -> Vec<(&'static str, f64)> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steps: Vec<_> = steps.iter().map(|(step, seconds)| (*step, *seconds)).collect();
        steps.sort_by(|a, b| b.1.total_cmp(&a.1));
        steps
    }
}

/// Buckets of waiting times, seconds: from a group commit to a stuck table.
const SECONDS: [f64; 20] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 11.0, 12.5, 15.0,
    30.0, 60.0, 300.0,
];

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

metrics! {
    received: Family<Label1, Counter> = Family::default(), "messages_received", "Messages received, by source";
    acknowledged: Family<Label2, Counter> = Family::default(), "messages_acknowledged", "Messages answered, by source and code";
    read_total: Counter = Counter::default(), "messages_read", "Messages read from the log, decoded or not";
    decoded: Family<Label2, Counter> = Family::default(), "records_decoded", "Messages decoded, by source and format";
    issues: Family<Label2, Counter> = Family::default(), "issues", "Located complaints about messages, by source and code";
    quarantined: Family<Label2, Counter> = Family::default(), "quarantined", "Messages that could not be read, by source and reason";
    duplicates: Family<Label1, Counter> = Family::default(), "duplicates", "Copies of messages or events, by source";
    decisions: Family<Label1, Counter> = Family::default(), "identity_decisions", "Identity decisions, by decision";
    persons: Gauge = Gauge::default(), "persons", "Persons known";
    source_records: Gauge = Gauge::default(), "source_records", "Source records known";
    oversize_blocks: Gauge = Gauge::default(), "identity_oversize_blocks", "Blocks of candidates over the limit, left out";
    largest_cluster: Gauge = Gauge::default(), "identity_largest_cluster_records", "Records of the largest person";
    consolidation: FloatGauge = FloatGauge::default(), "identity_consolidation_ratio", "1 - persons / records";
    estimated_precision: FloatGauge = FloatGauge::default(), "identity_estimated_precision_ratio", "Expected share of linked pairs that are one person, by the model";
    estimated_recall: FloatGauge = FloatGauge::default(), "identity_estimated_recall_ratio", "Expected share of the pairs of one person that are linked, among pairs that reach review";
    reviews_open: Gauge = Gauge::default(), "identity_reviews_open", "Doubtful pairs that wait for a steward";
    shared_contacts: Gauge = Gauge::default(), "identity_shared_contacts", "Phone numbers and e-mail addresses of more than five of the records looked at";
    completeness: Family<Label2, FloatGauge> = Family::default(), "field_completeness_ratio", "Share of a source's records looked at that say a field, by source and field";
    epoch: Gauge = Gauge::default(), "epoch", "Number of the last durable epoch";
    epoch_duration: Histogram = histogram(), "epoch_duration_seconds", "Time to process and commit an epoch";
    checkpoint_age: FloatGauge = FloatGauge::default(), "checkpoint_age_seconds", "Time since the last durable epoch";
    lag_records: Family<Label2, Gauge> = Family::default(), "source_lag_records", "Messages stored and not yet processed, by topic and partition";
    lag_seconds: Family<Label1, FloatGauge> = Family::default(), "source_lag_seconds", "Age of the oldest message not yet processed, by source";
    freshness: Histogram = histogram(), "freshness_seconds", "Time from receipt of a message to its row in a table";
    acknowledgement: Family<Label1, Histogram> = Family::new_with_constructor(histogram), "acknowledgement_seconds", "Time from receipt of a message to its answer, by source";
    table_commit: Family<Label1, Histogram> = Family::new_with_constructor(histogram), "table_commit_duration_seconds", "Time of a table commit, by table";
    table_version: Family<Label1, Gauge> = Family::default(), "table_version", "Version of a table";
    table_committed_at: Family<Label1, FloatGauge> = Family::default(), "table_last_commit_timestamp_seconds", "When a table was last committed, seconds since 1970";
    table_files: Family<Label1, Gauge> = Family::default(), "table_files", "Live data files of a table";
    table_rows: Family<Label1, Counter> = Family::default(), "table_rows_written", "Rows written, by table";
    announced: Family<Label1, Counter> = Family::default(), "changes_announced", "Changes told to other systems, by topic";
    owner_generation: Gauge = Gauge::default(), "owner_generation", "How many times the pipeline was taken over, with this process; 0 where it stands by, or no other could";
    ingest_partitions: Gauge = Gauge::default(), "ingest_partitions", "Partitions that this process appends to, where several bring in messages of the same sources";
    buffer_bytes: Family<Label1, Gauge> = Family::default(), "buffer_bytes", "Bytes held in a buffer";
    state_bytes: Gauge = Gauge::default(), "state_bytes", "Bytes of log and state on disk";
    step_seconds: Family<Label1, Counter<f64, AtomicU64>> = Family::default(), "step_seconds", "Time spent in a step of the pipeline";
    errors: Family<Label2, Counter> = Family::default(), "errors", "Errors, by component and class";
    kafka_requests: Family<Label2, Counter> = Family::default(), "kafka_requests", "Requests to a broker, by client and broker";
    kafka_failures: Family<Label3, Counter> = Family::default(), "kafka_request_failures", "Requests that failed, by client, broker and reason: error, timeout, or retry where it was sent again";
    kafka_sent: Family<Label2, Counter> = Family::default(), "kafka_sent_bytes", "Bytes sent to a broker, by client and broker";
    kafka_received: Family<Label2, Counter> = Family::default(), "kafka_received_bytes", "Bytes received of a broker, by client and broker";
    kafka_connects: Family<Label2, Counter> = Family::default(), "kafka_connects", "Connections to a broker that were tried, by client and broker";
    kafka_disconnects: Family<Label2, Counter> = Family::default(), "kafka_disconnects", "Connections to a broker that ended, by client and broker";
    kafka_round_trip: Family<Label2, FloatGauge> = Family::default(), "kafka_round_trip_p99_seconds", "How long 99 of 100 answers of a broker took at most of late, by client and broker";
    kafka_waiting_messages: Family<Label1, Gauge> = Family::default(), "kafka_waiting_messages", "Messages in a client: not sent yet, or fetched and not read yet";
    kafka_waiting: Family<Label1, Gauge> = Family::default(), "kafka_waiting_bytes", "Bytes of the messages in a client: not sent yet, or fetched and not read yet";
    kafka_rebalances: Counter = Counter::default(), "kafka_rebalances", "Times that the group gave this process partitions, or took some away";
}

impl Metrics {
    /// The Prometheus text exposition (OpenMetrics 1.0).
    pub fn expose(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        encode(&mut text, &self.registry).unwrap_or_default();
        text
    }

    /// Messages decoded or quarantined by this process.
    pub fn messages_read(&self) -> u64 {
        self.read_total.get()
    }

    /// One label.
    pub fn label(name: &'static str, value: &str) -> Label1 {
        [(name, value.to_owned())]
    }

    /// Two labels.
    pub fn labels(name: &'static str, value: &str, second: &'static str, second_value: &str) -> Label2 {
        [(name, value.to_owned()), (second, second_value.to_owned())]
    }

    /// Adds time spent in a step, of one thread.
    pub fn spent(&self, step: &'static str, since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        self.step_seconds
            .get_or_create(&Self::label("step", step))
            .inc_by(seconds);
        self.steps.add(step, seconds);
    }

    /// Seconds spent in each step so far, the longest first. Steps of different threads overlap.
    pub fn steps(&self) -> Vec<(&'static str, f64)> {
        self.steps.longest_first()
    }
}

impl Observer for Metrics {
    fn received(&self, source: &str, count: u64) {
        self.received
            .get_or_create(&Self::label("source", source))
            .inc_by(count);
    }

    fn acknowledged(&self, source: &str, code: &str, after: Duration) {
        self.acknowledgement
            .get_or_create(&Self::label("source", source))
            .observe(after.as_secs_f64());
        self.acknowledged
            .get_or_create(&Self::labels("source", source, "code", code))
            .inc();
    }

    fn duplicate(&self, source: &str) {
        self.duplicates
            .get_or_create(&Self::label("source", source))
            .inc();
    }

    fn failed(&self, component: &str, class: ErrorClass) {
        self.errors
            .get_or_create(&Self::labels("component", component, "class", class.name()))
            .inc();
    }

    fn buffered(&self, buffer: &str, bytes: u64) {
        self.buffer_bytes
            .get_or_create(&Self::label("buffer", buffer))
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn lag(&self, topic: &str, partition: u32, messages: Option<u64>) {
        let label = Self::labels("topic", topic, "partition", &partition.to_string());
        let Some(messages) = messages else {
            self.lag_records.remove(&label);
            return;
        };
        self.lag_records
            .get_or_create(&label)
            .set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    fn client(&self, client: &str, figures: &ClientFigures) {
        let label = Self::label("client", client);
        let waiting = figures.waiting;
        for (gauge, now) in [
            (&self.kafka_waiting_messages, waiting.messages),
            (&self.kafka_waiting, waiting.bytes),
        ] {
            match now {
                Some(now) => drop(
                    gauge
                        .get_or_create(&label)
                        .set(i64::try_from(now).unwrap_or(i64::MAX)),
                ),
                None => drop(gauge.remove(&label)),
            }
        }
        self.kafka_rebalances.inc_by(figures.rebalances);
        for (broker, figures) in &figures.brokers {
            self.broker(client, broker, figures);
        }
        for broker in &figures.left {
            self.broker_left(client, broker);
        }
    }
}

/// Why requests fail, as a label has it.
const FAILURES: [&str; 3] = ["error", "timeout", "retry"];

impl Metrics {
    fn broker(&self, client: &str, broker: &str, figures: &BrokerFigures) {
        let label = Self::labels("client", client, "broker", broker);
        for (counter, more) in [
            (&self.kafka_requests, figures.requests),
            (&self.kafka_sent, figures.sent_bytes),
            (&self.kafka_received, figures.received_bytes),
            (&self.kafka_connects, figures.connects),
            (&self.kafka_disconnects, figures.disconnects),
        ] {
            counter.get_or_create(&label).inc_by(more);
        }
        let failures = [figures.errors, figures.timeouts, figures.retries];
        for (reason, more) in FAILURES.into_iter().zip(failures) {
            let label = Self::failure(client, broker, reason);
            self.kafka_failures.get_or_create(&label).inc_by(more);
        }
        match figures.round_trip {
            Some(took) => drop(
                self.kafka_round_trip
                    .get_or_create(&label)
                    .set(took.as_secs_f64()),
            ),
            None => drop(self.kafka_round_trip.remove(&label)),
        }
    }

    fn broker_left(&self, client: &str, broker: &str) {
        let label = Self::labels("client", client, "broker", broker);
        for counter in [
            &self.kafka_requests,
            &self.kafka_sent,
            &self.kafka_received,
            &self.kafka_connects,
            &self.kafka_disconnects,
        ] {
            counter.remove(&label);
        }
        for reason in FAILURES {
            self.kafka_failures.remove(&Self::failure(client, broker, reason));
        }
        self.kafka_round_trip.remove(&label);
    }

    fn failure(client: &str, broker: &str, reason: &str) -> Label3 {
        [("client", client), ("broker", broker), ("reason", reason)]
            .map(|(name, value)| (name, value.to_owned()))
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
