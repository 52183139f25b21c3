//! A topic that other systems fill, as a source. How far it has been read is saved with the messages, in our own log: the
//! topic's own offsets for groups are not used, so a message is never taken twice, nor left out, whatever was killed when.

use crate::KafkaParams;
use crate::error::{KafkaBusError, Result};
use crate::topic_reader::{Batch, TopicPosition, TopicReader};
use async_trait::async_trait;
use panorama_api::{ConnectorError, Held, Problem, Source, SourceContext, SourcePosition};
use std::time::Duration;
use tokio::sync::mpsc;

/// Batches read ahead of the log, besides what the client reads ahead.
const BATCHES_AHEAD: usize = 1;
/// How long `validate` waits for a broker: somebody sits before it.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The records of a topic.
pub struct KafkaSource {
    params: KafkaParams,
}

impl KafkaSource {
    /// The topic of these parameters.
    pub const fn new(params: KafkaParams) -> Self {
        Self { params }
    }

    fn at(&self, error: KafkaBusError) -> ConnectorError {
        error.at("read", format!("topic {}", self.params.topic))
    }
}

#[async_trait]
impl Source for KafkaSource {
    fn is_finite(&self) -> bool {
        true
    }

    async fn check(&self) -> Vec<Problem> {
        let params = self.params.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let mut options = params.options();
            options.request_timeout = CHECK_TIMEOUT;
            TopicReader::look(&params.topic, &options)
        });
        let Ok(Err(error)) = looked.await else {
            return Vec::new();
        };
        let (key, hint) = match error {
            KafkaBusError::TopicUnknown | KafkaBusError::TopicName => (
                "topic",
                "check the name; topics of other systems are not made here",
            ),
            KafkaBusError::Denied { .. } => ("topic", "this principal needs READ and DESCRIBE on it"),
            KafkaBusError::Setting { .. }
            | KafkaBusError::Credentials { .. }
            | KafkaBusError::Token { .. } => ("security", ""),
            _ => ("brokers", ""),
        };
        vec![Problem {
            key,
            message: error.to_string(),
            hint: hint.to_owned(),
        }]
    }

    fn partition_of(&self, position: &[u8], partitions: u32) -> u32 {
        TopicPosition::home(position, partitions)
    }

    async fn run(&self, context: SourceContext) -> panorama_api::Result<()> {
        context
            .with_partitions(
                |mine| (!mine.is_empty()).then(|| mine.to_vec()),
                |context, mine| self.read(context, mine),
            )
            .await
    }
}

impl KafkaSource {
    /// Reads what goes to some of our partitions.
    async fn read(&self, context: SourceContext, mine: Vec<Held>) -> panorama_api::Result<()> {
        let (sender, mut batches) = mpsc::channel::<Batch>(BATCHES_AHEAD);
        let mine: Vec<u32> = mine.iter().map(|held| held.partition).collect();
        let (params, for_reader) = (self.params.clone(), context.clone());
        let reading = tokio::task::spawn_blocking(move || -> Result<()> {
            TopicReader::open(&params, &for_reader, &mine)?.run(&sender)
        });
        while let Some(batch) = batches.recv().await {
            context
                .observer
                .received(&context.source, batch.messages.len() as u64);
            let position = SourcePosition {
                name: batch.position_name,
                value: batch.position.encode(),
                claim: None,
            };
            if !context.store("kafka", batch.to, batch.messages, position).await?
                || context.shutdown.is_requested()
            {
                batches.close();
                break;
            }
        }
        drop(batches);
        let outcome = reading.await.map_err(|_| self.at(KafkaBusError::Closed))?;
        outcome.map_err(|error| self.at(error))
    }
}
