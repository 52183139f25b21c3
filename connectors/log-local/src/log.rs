//! Opening the log, and the [`Bus`] it is.

use crate::catalog::Catalog;
use crate::dedupe::Copies;
use crate::disk::DiskWatch;
use crate::headers::HeadersCache;
use crate::queue::{Append, Prepared, Queue, Request};
use crate::writer::{Writer, check_partitions};
use crate::{LocalLogOptions, LogError, keys, tuning};
use async_trait::async_trait;
use fjall::{Database, Keyspace};
use panorama_api::{Appended, Bus, LogRecord, NewMessage, Offset, ReadLimits, Result, SourcePosition, Space};
use panorama_model::{Headers, Text};
use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, oneshot, watch};

/// The embedded log and state of one data directory. Clones are handles to the same; the last one closes it.
#[derive(Clone)]
pub struct LocalLog(Arc<Open>);

/// The open log: ends the writer when the last handle goes.
struct Open {
    core: Arc<Core>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What handles and writer share.
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) options: LocalLogOptions,
    pub(crate) catalog_keyspace: Keyspace,
    pub(crate) positions: Keyspace,
    pub(crate) spaces: HashMap<Space, Keyspace>,
    pub(crate) catalog: Catalog,
    pub(crate) headers: HeadersCache,
    pub(crate) queue: Queue,
    /// Held for writing while a batch is applied.
    pub(crate) applying: RwLock<()>,
    pub(crate) appended: watch::Sender<u64>,
    bytes_permits: Arc<Semaphore>,
    message_permits: Arc<Semaphore>,
}

impl LocalLog {
    /// Opens the log in a directory, making it if it is missing, with these state spaces.
    ///
    /// - Shape: after a crash the log holds every acknowledged message and commit, whole, and nothing torn.
    ///
    /// # Errors
    /// [`LogError::InUse`] if another process has the directory open; [`LogError::Damaged`] or [`LogError::Storage`] if
    /// it cannot be read.
    pub fn open(dir: &Path, options: LocalLogOptions, spaces: &[Space]) -> Result<Self> {
        Self::try_open(dir, options, spaces).map_err(|error| error.at("open", dir.display().to_string()))
    }

    fn try_open(
        dir: &Path,
        options: LocalLogOptions,
        spaces: &[Space],
    ) -> std::result::Result<Self, LogError> {
        std::fs::create_dir_all(dir)?;
        let database = open_database(dir, &options)?;
        let plain = |name: &str| database.keyspace(name, || tuning::by_key(&options));
        let catalog_keyspace = plain("catalog")?;
        let catalog = Catalog::recover(&database, &catalog_keyspace, &options)?;
        let copies = Copies::open(&database, &options)?;
        let positions = plain("positions")?;
        let mut named = HashMap::new();
        for space in spaces {
            named.insert(*space, plain(&format!("state.{}", space.0))?);
        }
        let permits = |count: usize| Arc::new(Semaphore::new(count.clamp(1, u32::MAX as usize)));
        let disk = DiskWatch::new(dir.to_owned(), options.disk_free_bytes_min);
        let core = Arc::new(Core {
            catalog_keyspace,
            positions,
            spaces: named,
            catalog,
            headers: HeadersCache::new(options.headers_cache_bytes),
            queue: Queue::default(),
            applying: RwLock::new(()),
            appended: watch::Sender::new(0),
            bytes_permits: permits(options.queue_bytes_max),
            message_permits: permits(options.queue_messages_max),
            database,
            options,
        });
        let writer = Writer::new(Arc::clone(&core), copies, disk);
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run())?;
        Ok(Self(Arc::new(Open {
            core,
            writer: Mutex::new(Some(thread)),
        })))
    }

    /// Deletes the log and the state in a directory, and nothing else there. Nobody may have it open.
    ///
    /// # Errors
    /// Where a file cannot be deleted.
    pub fn erase(dir: &Path) -> Result<()> {
        let erase = || {
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                let (path, name) = (entry.path(), entry.file_name());
                if name == "keyspaces" {
                    std::fs::remove_dir_all(path)?;
                } else if name == "version" || path.extension().is_some_and(|end| end == "jnl") {
                    std::fs::remove_file(path)?;
                }
            }
            Ok::<_, std::io::Error>(())
        };
        erase().map_err(|error| LogError::from(error).at("erase", dir.display().to_string()))
    }

    /// All positions of sources, as of now.
    pub fn positions(&self) -> impl Iterator<Item = Result<SourcePosition>> + use<> {
        self.core().positions.iter().map(|entry| {
            let (name, value) = entry
                .into_inner()
                .map_err(|error| LogError::from(error).at("read", "source positions"))?;
            Ok(SourcePosition {
                name: name.to_vec(),
                value: value.to_vec(),
                claim: None,
            })
        })
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.core.queue.close();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer ended in a panic");
        }
    }
}

fn open_database(dir: &Path, options: &LocalLogOptions) -> std::result::Result<Database, LogError> {
    const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;
    Database::builder(dir)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes_max.max(JOURNAL_BYTES_MIN))
        .worker_threads(options.worker_threads.max(1))
        .open()
        .map_err(|error| match error {
            fjall::Error::Locked => LogError::InUse,
            error => error.into(),
        })
}

impl Core {
    /// Waits for room in the queue, at most as much as there can be.
    async fn admit(
        &self,
        bytes: usize,
        messages: usize,
    ) -> std::result::Result<
        (
            tokio::sync::OwnedSemaphorePermit,
            tokio::sync::OwnedSemaphorePermit,
        ),
        LogError,
    > {
        let share = |wanted: usize, max: usize| wanted.clamp(1, max.clamp(1, u32::MAX as usize)) as u32;
        let bytes = share(bytes, self.options.queue_bytes_max);
        let messages = share(messages, self.options.queue_messages_max);
        // Always in this order, so two callers never wait for each other.
        let messages = Arc::clone(&self.message_permits)
            .acquire_many_owned(messages)
            .await;
        let bytes = Arc::clone(&self.bytes_permits).acquire_many_owned(bytes).await;
        match (bytes, messages) {
            (Ok(bytes), Ok(messages)) => Ok((bytes, messages)),
            _ => Err(LogError::Closed),
        }
    }

    async fn append(
        &self,
        topic: &str,
        partition: u32,
        messages: Vec<NewMessage>,
        position: Option<SourcePosition>,
    ) -> std::result::Result<oneshot::Receiver<Result<Vec<Appended>>>, LogError> {
        let topic = self.catalog.get(topic)?;
        topic.partition(partition)?;
        if let Some(position) = &position {
            keys::check_key(&position.name)?;
        }
        let bytes = messages.iter().map(|message| message.payload.len() + 64).sum();
        let permits = self.admit(bytes, messages.len()).await?;
        let (messages, headers) = prepare(messages)?;
        let (reply, answer) = oneshot::channel();
        self.queue.push(Request::Append(Append {
            topic,
            partition,
            messages,
            headers,
            position,
            bytes,
            permits: Some(permits),
            reply,
        }))?;
        Ok(answer)
    }
}

type PreparedCall = (Vec<Prepared>, Vec<(u128, Arc<Headers>)>);

/// Makes the stored form of messages, on the appender's own thread. Messages in a row share their header set.
fn prepare(messages: Vec<NewMessage>) -> std::result::Result<PreparedCall, LogError> {
    let mut prepared = Vec::with_capacity(messages.len());
    let mut headers: Vec<(u128, Arc<Headers>)> = Vec::new();
    for message in messages {
        if message.payload.len() > keys::PAYLOAD_BYTES_MAX {
            return Err(LogError::MessageTooLarge {
                bytes: message.payload.len(),
                bytes_max: keys::PAYLOAD_BYTES_MAX,
            });
        }
        let hash = match headers.last() {
            Some((hash, last)) if Arc::ptr_eq(last, &message.headers) => *hash,
            _ => {
                let hash = keys::headers_hash(&message.headers);
                headers.push((hash, Arc::clone(&message.headers)));
                hash
            }
        };
        prepared.push(Prepared {
            value: keys::message_value(&message, hash),
            headers: headers.len() - 1,
            received_at: message.received_at.0,
            dedupe: message.dedupe,
        });
    }
    Ok((prepared, headers))
}

#[async_trait]
impl Bus for LocalLog {
    async fn ensure_topic(&self, topic: &str, partitions: u32) -> Result<()> {
        let at = |error: LogError| error.at("make topic", topic);
        if let Some(existing) = self.core().catalog.find(topic) {
            return check_partitions(&existing, partitions).map_err(at);
        }
        keys::check_key(topic.as_bytes()).map_err(at)?;
        let (reply, answer) = oneshot::channel();
        let name = topic.to_owned();
        let control = move |writer: &mut Writer| {
            reply.send(writer.make_topic(&name, partitions)).ok();
        };
        let pushed = self.core().queue.push(Request::Control(Box::new(control)));
        pushed.map_err(at)?;
        answer.await.unwrap_or(Err(LogError::Closed)).map_err(at)
    }

    async fn append(
        &self,
        topic: &str,
        partition: u32,
        messages: Vec<NewMessage>,
        position: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        let at = |error: LogError| error.at("append to", topic);
        let answer = self.core().append(topic, partition, messages, position).await;
        let answer = answer.map_err(at)?.await;
        answer.map_err(|_| at(LogError::Closed))?
    }

    fn read(&self, topic: &str, partition: u32, from: Offset, limits: ReadLimits) -> Result<Vec<LogRecord>> {
        let found = self.core().catalog.get(topic);
        found
            .and_then(|topic| {
                topic
                    .partition(partition)?
                    .read(from, limits, &self.core().headers)
            })
            .map_err(|error| error.at("read", format!("{topic}/{partition}@{from}")))
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<(Offset, Offset)> {
        let found = self.core().catalog.get(topic);
        found
            .and_then(|topic| Ok(topic.partition(partition)?.bounds()))
            .map_err(|error| error.at("find", format!("{topic}/{partition}")))
    }

    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        let topics = self.core().catalog.all();
        Ok(topics
            .iter()
            .map(|topic| (topic.name.clone(), topic.partitions.len() as u32))
            .collect())
    }

    fn source_position(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = self.core().positions.get(name);
        let found = found.map_err(|error| LogError::from(error).at("read", "source position"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    // Written out, because an `async fn` would begin to listen only when it is first polled, not when it is called.
    fn appended<'a, 'b>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let mut appended = self.core().appended.subscribe();
        Box::pin(async move {
            // An error means that the log is closing: nothing more will come, and the reader is not to hang.
            appended.changed().await.ok();
        })
    }

    fn trim(&self, topic: &str, partition: u32, offset: Offset) -> Result<()> {
        let at = |error: LogError| error.at("trim", format!("{topic}/{partition}"));
        let found = self.core().catalog.get(topic).map_err(at)?;
        if found
            .partition(partition)
            .map_err(at)?
            .segments_below(offset)
            .is_empty()
        {
            return Ok(());
        }
        let (reply, answer) = sync_channel(1);
        let control = move |writer: &mut Writer| {
            reply.send(writer.trim(&found, partition, offset)).ok();
        };
        let pushed = self.core().queue.push(Request::Control(Box::new(control)));
        pushed.map_err(at)?;
        answer.recv().unwrap_or(Err(LogError::Closed)).map_err(at)
    }
}
