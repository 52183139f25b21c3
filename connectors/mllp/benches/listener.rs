//! How many messages a listener takes, without the cost of a log: `cargo bench -p panorama-mllp`.

use async_trait::async_trait;
use bytes::Bytes;
use panorama_api::{
    Appended, Bus, ErrorClass, LogRecord, NewMessage, Observer, Offset, Partitions, ReadLimits, Result,
    Shutdown, Source, SourceContext, SourcePosition,
};
use panorama_mllp::{
    Acknowledge, Admission, Answer, ClientOptions, MllpClient, MllpParams, MllpSource, Outcome,
};
use panorama_model::{Text, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[derive(Default)]
struct Sink(AtomicU64);

#[async_trait]
impl Bus for Sink {
    async fn ensure_topic(&self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }
    async fn append(
        &self,
        _: &str,
        _: u32,
        new: Vec<NewMessage>,
        _: Option<SourcePosition>,
    ) -> Result<Vec<Appended>> {
        let first = self.0.fetch_add(new.len() as u64, Ordering::Relaxed);
        Ok((first..first + new.len() as u64).map(Appended::At).collect())
    }
    fn read(&self, _: &str, _: u32, _: Offset, _: ReadLimits) -> Result<Vec<LogRecord>> {
        Ok(Vec::new())
    }
    fn bounds(&self, _: &str, _: u32) -> Result<(Offset, Offset)> {
        Ok((0, 0))
    }
    fn topics(&self) -> Result<Vec<(Text, u32)>> {
        Ok(Vec::new())
    }
    fn source_position(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    async fn appended(&self) {}
    fn trim(&self, _: &str, _: u32, _: Offset) -> Result<()> {
        Ok(())
    }
}

struct Quiet;

impl Observer for Quiet {
    fn received(&self, _: &str, _: u64) {}
    fn acknowledged(&self, _: &str, _: &str, _: std::time::Duration) {}
    fn duplicate(&self, _: &str) {}
    fn failed(&self, _: &str, _: ErrorClass) {}
    fn buffered(&self, _: &str, _: u64) {}
    fn lag(&self, _: &str, _: u32, _: Option<u64>) {}
}

struct Accept;

impl Acknowledge for Accept {
    fn admit(&self, _: &[u8]) -> Admission {
        Admission::default()
    }
    fn answer(&self, frame: &[u8], _: Outcome, _: Timestamp) -> Vec<Answer> {
        vec![Answer {
            frame: frame.get(..100).unwrap_or(frame).to_vec(),
            code: "AA",
        }]
    }
}

#[expect(clippy::print_stdout, reason = "a bench reports to the terminal")]
async fn measure(connections: u64, window: usize, count: u64) -> std::io::Result<()> {
    let source = MllpSource::new(MllpParams::on("127.0.0.1:0"), Arc::new(Accept));
    let address = source.bind().await.map_err(std::io::Error::other)?;
    let (stop, shutdown) = Shutdown::new();
    let context = SourceContext {
        source: "bench".into(),
        topic: "raw.bench".into(),
        partitions: Partitions::all("raw.bench".into(), 1),
        bus: Arc::new(Sink::default()),
        finite: false,
        shutdown,
        observer: Arc::new(Quiet),
        now: || Timestamp(0),
    };
    let server = tokio::spawn(async move { source.run(context).await });
    let message = Bytes::from(format!("MSH|{}\r", "x".repeat(2000)));
    let start = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let frames = vec![message.clone(); usize::try_from(count).unwrap_or(0)];
            tokio::spawn(async move {
                let options = ClientOptions {
                    window,
                    ..ClientOptions::default()
                };
                MllpClient::new(address, options)
                    .send_all(frames, |_, _| {})
                    .await
            })
        })
        .collect();
    for client in clients {
        client.await.map_err(std::io::Error::other)??;
    }
    let rate = (connections * count) as f64 / start.elapsed().as_secs_f64();
    println!("{connections:3} connections, window {window:4}: {rate:8.0} messages/s of 2 KB");
    stop.send_replace(true);
    server
        .await
        .map_err(std::io::Error::other)?
        .map_err(std::io::Error::other)
}

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        measure(1, 1, 10_000).await?;
        measure(1, 256, 100_000).await?;
        measure(8, 64, 20_000).await?;
        measure(64, 1, 1_000).await
    })
}
