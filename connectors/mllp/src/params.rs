//! What can be set about a listener.

use panorama_model::{ByteCount, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An MLLP listener: HL7 v2 senders connect to it, each message is acknowledged once it is durable.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MllpParams {
    /// Address and port to listen on.
    #[schemars(extend("examples" = ["127.0.0.1:2575"]))]
    pub listen: String,
    /// Connections open at a time. Further ones are closed at once.
    #[serde(default = "connections_max")]
    #[schemars(range(min = 1, max = 100000))]
    pub connections_max: usize,
    /// Connections open at a time from one address. Raise it where senders come through one proxy.
    #[serde(default = "connections_per_address_max")]
    #[schemars(range(min = 1, max = 100000))]
    pub connections_per_address_max: usize,
    /// A connection that sends nothing for this long, after its first message, is closed.
    #[serde(default = "idle_timeout")]
    #[schemars(with = "String", extend("format" = "period"))]
    pub idle_timeout: Period,
    /// A connection that does not begin its first message within this is closed.
    #[serde(default = "frame_timeout")]
    #[schemars(with = "String", extend("format" = "period"))]
    pub first_frame_timeout: Period,
    /// A message that is not complete this long after its first byte, or an answer that the sender does not take for
    /// this long, closes the connection.
    #[serde(default = "frame_timeout")]
    #[schemars(with = "String", extend("format" = "period"))]
    pub frame_timeout: Period,
    /// Largest message. Larger ones are skipped and answered AR.
    #[serde(default = "frame_bytes_max")]
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub frame_bytes_max: ByteCount,
    /// Bytes that all connections together may hold unstored, besides 64 KiB each. When they are used up, one connection
    /// at a time completes its message and the others are not read.
    #[serde(default = "in_flight_bytes_max")]
    #[schemars(with = "String", extend("format" = "bytes"))]
    pub in_flight_bytes_max: ByteCount,
    /// Know messages sent again (same MSH-3, MSH-4, MSH-10 and same bytes) and store them once. A copy is answered as
    /// the original was. On Kafka each partition knows its own: one that another process has stored is stored again, and
    /// counts once in the tables.
    #[serde(default = "yes")]
    pub dedupe: bool,
    /// Accept unencrypted connections on an address other than loopback, for networks that are private by other means.
    #[serde(default)]
    pub plaintext: bool,
    /// Encrypt connections with TLS 1.2 or 1.3.
    #[serde(default)]
    pub tls: Option<TlsParams>,
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsParams {
    /// File of the certificate chain, PEM.
    pub certificate: String,
    /// File of the private key, PEM.
    pub key: String,
    /// File of the certificate authorities that senders' certificates must come from, PEM. Without it senders need no
    /// certificate.
    #[serde(default)]
    pub client_ca: Option<String>,
}

impl MllpParams {
    /// A listener on this address, the rest by default.
    pub fn on(listen: impl Into<String>) -> Self {
        Self {
            listen: listen.into(),
            connections_max: connections_max(),
            connections_per_address_max: connections_per_address_max(),
            idle_timeout: idle_timeout(),
            first_frame_timeout: frame_timeout(),
            frame_timeout: frame_timeout(),
            frame_bytes_max: frame_bytes_max(),
            in_flight_bytes_max: in_flight_bytes_max(),
            dedupe: true,
            plaintext: false,
            tls: None,
        }
    }

    /// True where messages would cross a network unencrypted without anybody having asked for it.
    pub(crate) fn is_exposed(&self, address: IpAddr) -> bool {
        self.tls.is_none() && !self.plaintext && !address.is_loopback()
    }
}

const fn connections_max() -> usize {
    512
}

const fn connections_per_address_max() -> usize {
    128
}

const fn idle_timeout() -> Period {
    Period::from_seconds(300)
}

const fn frame_timeout() -> Period {
    Period::from_seconds(30)
}

const fn frame_bytes_max() -> ByteCount {
    ByteCount::from_mebibytes(16)
}

const fn in_flight_bytes_max() -> ByteCount {
    ByteCount::from_mebibytes(256)
}

const fn yes() -> bool {
    true
}
