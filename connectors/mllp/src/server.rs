//! The listener: accepts connections within their limits, and lets them finish when it is asked to stop.

use crate::budget::Budget;
use crate::connection::{Shared, serve};
use crate::{Acknowledge, MllpParams, tls};
use async_trait::async_trait;
use panorama_api::{ConnectorError, ErrorClass, Problem, Result, Source, SourceContext};
use panorama_model::{Headers, Text};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

/// How long open connections may take to finish once asked to stop. Longer delays the exit of the whole process beyond
/// what service managers wait for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Rest after the system refused to accept (no file descriptors left). Shorter spins; longer keeps good senders waiting.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// An MLLP listener.
pub struct MllpSource {
    params: MllpParams,
    acknowledge: Arc<dyn Acknowledge>,
    bound: Mutex<Option<TcpListener>>,
}

impl MllpSource {
    /// A listener with these parameters; `acknowledge` says what frames mean.
    pub fn new(params: MllpParams, acknowledge: Arc<dyn Acknowledge>) -> Self {
        Self {
            params,
            acknowledge,
            bound: Mutex::new(None),
        }
    }

    /// Opens the port ahead of [`Source::run`], and says which it is.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn bind(&self) -> Result<SocketAddr> {
        let listener = self.open().await?;
        let address = listener.local_addr().map_err(|e| self.cannot_listen(e))?;
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        Ok(address)
    }

    async fn open(&self) -> Result<TcpListener> {
        let addresses = self.addresses().await.map_err(|e| self.cannot_listen(e))?;
        if addresses.iter().any(|a| self.params.is_exposed(a.ip())) {
            return Err(self.cannot_listen(std::io::Error::other(EXPOSED)));
        }
        TcpListener::bind(addresses.as_slice())
            .await
            .map_err(|e| self.cannot_listen(e))
    }

    async fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        Ok(lookup_host(self.params.listen.as_str()).await?.collect())
    }

    fn cannot_listen(&self, cause: std::io::Error) -> ConnectorError {
        ConnectorError::fatal("listen on", self.params.listen.clone(), cause)
    }

    fn acceptor(&self) -> Result<Option<TlsAcceptor>> {
        let Some(params) = &self.params.tls else {
            return Ok(None);
        };
        let acceptor = tls::acceptor(params);
        acceptor
            .map(Some)
            .map_err(|e| ConnectorError::fatal("set up TLS for", self.params.listen.clone(), e))
    }
}

const EXPOSED: &str = "patient data would cross the network unencrypted";

fn problem(key: &'static str, message: String, hint: &str) -> Problem {
    Problem {
        key,
        message,
        hint: hint.to_owned(),
    }
}

#[async_trait]
impl Source for MllpSource {
    fn is_finite(&self) -> bool {
        false
    }

    async fn check(&self) -> Vec<Problem> {
        let listen = &self.params.listen;
        let mut problems = Vec::new();
        match self.addresses().await {
            Err(e) => problems.push(problem(
                "listen",
                format!("`{listen}` is no address: {e}"),
                "write host:port, such as 127.0.0.1:2575",
            )),
            Ok(addresses) if addresses.iter().any(|a| self.params.is_exposed(a.ip())) => problems.push(problem(
                "listen",
                format!("`{listen}` is open to the network without TLS: {EXPOSED}"),
                "add `tls: {certificate, key}`, listen on 127.0.0.1, or say `plaintext: true` for a private network",
            )),
            Ok(addresses) => {
                if let Err(e) = TcpListener::bind(addresses.as_slice()).await {
                    let hint = match e.kind() {
                        std::io::ErrorKind::AddrInUse => "another process, or another source, listens there: choose another port",
                        std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose a higher one",
                        _ => "choose an address of this machine and a free port",
                    };
                    problems.push(problem("listen", format!("cannot listen on `{listen}`: {e}"), hint));
                }
            }
        }
        if let Some(Err(e)) = self.params.tls.as_ref().map(tls::acceptor) {
            let hint = "both files are PEM; the key must belong to the first certificate";
            problems.push(problem("tls", format!("cannot set up TLS: {e}"), hint));
        }
        problems
    }

    async fn run(&self, context: SourceContext) -> Result<()> {
        // Senders are to find a process that can store what they send: one that cannot does not listen.
        context
            .with_partitions(
                |mine| (!mine.is_empty()).then_some(()),
                |context, ()| self.serve(context),
            )
            .await
    }
}

impl MllpSource {
    async fn serve(&self, context: SourceContext) -> Result<()> {
        let acceptor = self.acceptor()?;
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner).take();
        let listener = match bound {
            Some(listener) => listener,
            None => self.open().await?,
        };
        info!(source = %context.source, listen = %self.params.listen, tls = acceptor.is_some(), "listening for MLLP");
        let shared = Arc::new(Shared {
            params: self.params.clone(),
            acknowledge: self.acknowledge.clone(),
            buffer_name: format!("mllp/{}", context.source),
            budget: Budget::new(self.params.in_flight_bytes_max.0),
            context,
        });
        let mut connections = accept(&listener, &shared, acceptor).await;
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            warn!(source = %shared.context.source, open = connections.len(), "closing connections that did not finish");
            connections.shutdown().await;
        }
        Ok(())
    }
}

/// Accepts until asked to stop; returns what is still open.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>, acceptor: Option<TlsAcceptor>) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let mut shutdown = shared.context.shutdown.clone();
    let addresses = Arc::new(Addresses::default());
    let mut number = 0u64;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => return connections,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                warn!(source = %shared.context.source, error = %e, "cannot accept a connection");
                shared.context.observer.failed("mllp", ErrorClass::Retry);
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        let place = Addresses::enter(&addresses, peer.ip(), shared.params.connections_per_address_max);
        let Some(place) = place.filter(|_| connections.len() < shared.params.connections_max) else {
            warn!(source = %shared.context.source, %peer, "closing a connection beyond the limit");
            shared.context.observer.failed("mllp", ErrorClass::Retry);
            continue;
        };
        number += 1;
        let (shared, acceptor, id) = (shared.clone(), acceptor.clone(), number);
        connections.spawn(async move {
            let _place = place;
            handle(&shared, stream, peer, id, acceptor).await;
        });
    }
}

async fn handle(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    id: u64,
    acceptor: Option<TlsAcceptor>,
) {
    let headers: Headers = vec![
        (Text::new_static("peer"), peer.to_string().into_bytes()),
        (Text::new_static("connection"), id.to_string().into_bytes()),
    ];
    if let Err(e) = stream.set_nodelay(true) {
        debug!(%peer, error = %e, "cannot set TCP_NODELAY");
    }
    let headers = Arc::new(headers);
    let ending = match acceptor {
        None => serve(shared, peer.ip(), headers, stream).await,
        Some(acceptor) => {
            let handshake =
                tokio::time::timeout(shared.params.first_frame_timeout.0, acceptor.accept(stream));
            match handshake.await {
                Ok(Ok(stream)) => serve(shared, peer.ip(), headers, stream).await,
                Ok(Err(e)) => Err(e),
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            }
        }
    };
    match ending {
        Ok(ending) => {
            debug!(source = %shared.context.source, %peer, connection = id, ?ending, "connection closed")
        }
        Err(e) => {
            debug!(source = %shared.context.source, %peer, connection = id, error = %e, "connection lost")
        }
    }
}

/// How many connections each address has.
#[derive(Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// A connection's place among those of its address. Given up when dropped.
struct Place(Arc<Addresses>, IpAddr);

impl Addresses {
    fn enter(this: &Arc<Self>, address: IpAddr, max: usize) -> Option<Place> {
        let mut counts = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        (*count < max).then(|| {
            *count += 1;
            Place(this.clone(), address)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}
