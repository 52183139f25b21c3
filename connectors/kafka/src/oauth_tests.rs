//! Known to brokers by a token: fetched of an endpoint on loopback, over TLS, signed with a key made here, checked by a real broker.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test's"
)]

use crate::broker::Broker;
use crate::source_tests::Counts;
use crate::tests::{cause, message, options, position, texts};
use crate::{KafkaBus, KafkaBusError, KafkaOptions, KafkaParams, KafkaSource, OnGap, Start};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use panorama_api::{Bus as _, Partitions, Shutdown, Source as _, SourceContext};
use panorama_model::{ByteCount, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio_rustls::rustls::crypto;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a token counts: brokers ask for a new one at their own, shorter, interval.
const TOKEN_SECONDS: u64 = 8;

/// Clients of a log and a source: one that writes, two that read, one that asks, one that administers; and one that brings in.
const CLIENTS: u64 = 6;

/// A broker that takes tokens of one issuer, and hears again after two seconds who speaks.
fn settings(keys: &Path) -> String {
    let listener = "listener.name.sasl.oauthbearer";
    let handlers = "org.apache.kafka.common.security.oauthbearer";
    format!(
        "\
listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,CONTROLLER://127.0.0.1:CONTROLLER_PORT,SASL://127.0.0.1:OTHER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:BROKER_PORT,SASL://127.0.0.1:OTHER_PORT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=OAUTHBEARER
{listener}.sasl.jaas.config={handlers}.OAuthBearerLoginModule required;
{listener}.sasl.server.callback.handler.class={handlers}.OAuthBearerValidatorCallbackHandler
{listener}.connections.max.reauth.ms=2000
sasl.oauthbearer.expected.audience=kafka
sasl.oauthbearer.expected.issuer=https://issuer.test
sasl.oauthbearer.jwks.endpoint.url=file://{}",
        keys.display()
    )
}

/// A key that tokens are signed with.
struct Signer(EcdsaKeyPair, SystemRandom);

impl Signer {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap();
        Self(key, random)
    }

    /// What a broker knows the tokens by.
    fn public(&self) -> String {
        let point = self.0.public_key().as_ref();
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..33]),
            URL_SAFE_NO_PAD.encode(&point[33..]),
        );
        format!(
            "{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"1\",\"x\":\"{x}\",\"y\":\"{y}\"}}]}}"
        )
    }

    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = format!(
            "{{\"iss\":\"https://issuer.test\",\"aud\":\"kafka\",\"sub\":\"panorama\",\"scope\":\"log\",\"iat\":{now},\"exp\":{}}}",
            now + TOKEN_SECONDS
        );
        let head = "{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"JWT\"}";
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(head),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.0.sign(&self.1, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A file of the certificate that the endpoint has signed itself.
fn tls_file(name: &str) -> String {
    format!(
        "{}/../mllp/src/testdata/localhost.{name}.pem",
        env!("CARGO_MANIFEST_DIR")
    )
}

fn tls() -> Arc<ServerConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let certificate = CertificateDer::from_pem_file(tls_file("cert")).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls_file("key")).unwrap();
    let config = builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

/// An endpoint that gives tokens to who knows the secret, while it can.
struct Endpoint {
    port: u16,
    given: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    is_away: Arc<AtomicBool>,
}

impl Endpoint {
    fn start(signer: Arc<Signer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = Self {
            port: listener.local_addr().unwrap().port(),
            given: Arc::default(),
            refused: Arc::default(),
            is_away: Arc::default(),
        };
        let [given, refused] = [&endpoint.given, &endpoint.refused].map(Arc::clone);
        let (is_away, tls) = (Arc::clone(&endpoint.is_away), tls());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let stream = StreamOwned::new(connection, stream.unwrap());
                // A client that has gone wants no answer.
                match answer(stream, &signer, is_away.load(Ordering::Relaxed)) {
                    Some(true) => drop(given.fetch_add(1, Ordering::Relaxed)),
                    Some(false) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                    None => {}
                }
            }
        });
        endpoint
    }
}

/// Answers one request; whether with a token.
fn answer(stream: StreamOwned<ServerConnection, TcpStream>, signer: &Signer, is_away: bool) -> Option<bool> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut secret) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "" => break,
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => secret = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let is_known = !is_away
        && secret == format!("Basic {}", STANDARD.encode("panorama:secret"))
        && body.contains("grant_type=client_credentials")
        && body.contains("scope=log");
    let (status, text) = if is_known {
        let token = signer.token();
        let text = format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{TOKEN_SECONDS}}}"
        );
        ("200 OK", text)
    } else {
        ("401 Unauthorized", "{\"error\":\"invalid_client\"}".to_owned())
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    let stream = reader.get_mut();
    stream.write_all(answer.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    Some(is_known)
}

fn by_token(broker: &Broker, endpoint: &Endpoint, secret: &str) -> KafkaOptions {
    let url = format!("https://127.0.0.1:{}/token", endpoint.port);
    let settings = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.method", "oidc"),
        ("sasl.oauthbearer.client.id", "panorama"),
        ("sasl.oauthbearer.client.secret", secret),
        ("sasl.oauthbearer.scope", "log"),
        ("sasl.oauthbearer.token.endpoint.url", &url),
        ("https.ca.location", &tls_file("cert")),
    ];
    KafkaOptions {
        brokers: vec![broker.other_address()],
        security: settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        request_timeout: Duration::from_secs(15),
        ..options(broker)
    }
}

/// Who is told why nothing opens.
fn refused(options: &KafkaOptions) -> KafkaBusError {
    let options = KafkaOptions {
        request_timeout: Duration::from_secs(5),
        ..options.clone()
    };
    let error = KafkaBus::open(options).err().unwrap();
    assert!(!format!("{error:?}").contains("guessed"));
    cause(&error).clone()
}

/// Brings what the bus has in a topic to another one of it, as somebody else's.
fn copy(bus: &KafkaBus, options: &KafkaOptions) -> (watch::Sender<bool>, SourceContext, KafkaSource) {
    let (stop, shutdown) = Shutdown::new();
    let context = SourceContext {
        source: "adt".into(),
        topic: "copied".into(),
        partitions: Partitions::all("copied".into(), 1),
        bus: Arc::new(bus.clone()),
        finite: false,
        shutdown,
        observer: Arc::<Counts>::default(),
        now: || Timestamp(5),
    };
    let source = KafkaSource::new(KafkaParams {
        brokers: options.brokers.clone(),
        topic: "test.tokens".into(),
        start: Start::Earliest,
        on_gap: OnGap::Stop,
        read_ahead_bytes_max: ByteCount::from_mebibytes(1),
        security: options.security.clone(),
    });
    (stop, context, source)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_by_a_token_that_is_fetched() {
    let signer = Arc::new(Signer::new());
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys.json");
    std::fs::write(&keys, signer.public()).unwrap();
    let Some(broker) = Broker::start(&settings(&keys)) else {
        return;
    };
    let endpoint = Endpoint::start(Arc::clone(&signer));
    let options = by_token(&broker, &endpoint, "secret");
    let bus = KafkaBus::open(options.clone()).unwrap();
    for topic in ["tokens", "copied"] {
        bus.ensure_topic(topic, 1).await.unwrap();
    }
    let (stop, context, source) = copy(&bus, &options);
    let copying = tokio::spawn(async move { source.run(context).await });
    let mut expected = Vec::new();
    let append = async |expected: &mut Vec<String>| {
        let text = format!("message {}", expected.len());
        let at = position(&expected.len().to_string());
        bus.append("tokens", 0, vec![message(&text)], at).await.unwrap();
        expected.push(text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    // For longer than the first tokens count: the broker closes connections of those who bring no new one.
    let (began, first) = (Instant::now(), endpoint.given.load(Ordering::Relaxed));
    while began.elapsed() < Duration::from_secs(TOKEN_SECONDS + 4) {
        append(&mut expected).await;
    }
    let second = endpoint.given.load(Ordering::Relaxed);
    assert!(second > first, "no token was fetched again");
    // Who gives tokens is away, until each client has asked in vain and one of them again: nobody gives up.
    endpoint.is_away.store(true, Ordering::Relaxed);
    while endpoint.refused.load(Ordering::Relaxed) <= CLIENTS {
        assert!(!copying.is_finished(), "{:?}", copying.await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    endpoint.is_away.store(false, Ordering::Relaxed);
    append(&mut expected).await;
    assert_eq!(texts(&bus, "tokens"), expected);
    while bus.bounds("copied", 0).unwrap().1 < expected.len() as u64 {
        assert!(!copying.is_finished(), "{:?}", copying.await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(texts(&bus, "copied"), expected);
    stop.send_replace(true);
    copying.await.unwrap().unwrap();
    bus.reach().unwrap();
    drop(bus);
    each_reason_is_named(&broker, endpoint);
}

/// A token of somebody else's; and none, and why.
fn each_reason_is_named(broker: &Broker, endpoint: Endpoint) {
    let stranger = Endpoint::start(Arc::new(Signer::new()));
    let error = refused(&by_token(broker, &stranger, "secret"));
    let text = error.to_string();
    assert!(
        matches!(error, KafkaBusError::Token { .. }) && text.contains("invalid_token"),
        "{text}"
    );
    let error = refused(&by_token(broker, &endpoint, "guessed"));
    let text = error.to_string();
    assert!(matches!(error, KafkaBusError::Token { .. }), "{text}");
    for words in ["invalid_client", "sasl.oauthbearer.client.secret"] {
        assert!(text.contains(words), "{text}");
    }
    let mut without = by_token(broker, &endpoint, "secret");
    without.security.remove("https.ca.location");
    let text = refused(&without).to_string();
    assert!(
        text.contains("not known by a token")
            && text.contains("certificate")
            && text.contains("https.ca.location"),
        "{text}"
    );
    let nobody = Endpoint { port: 1, ..endpoint };
    let text = refused(&by_token(broker, &nobody, "secret")).to_string();
    assert!(
        text.contains("not known by a token") && text.contains("token.endpoint.url"),
        "{text}"
    );
}

/// Tokens that nobody has signed, for trying out: brokers take them where they are told to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_by_a_token_that_nobody_signed() {
    let settings = settings(Path::new("/none")).replace(
        "OAuthBearerValidator",
        "internals.unsecured.OAuthBearerUnsecuredValidator",
    );
    let settings = settings
        .lines()
        .filter(|line| !line.starts_with("sasl.oauthbearer."));
    let settings = settings.collect::<Vec<_>>().join("\n");
    let Some(broker) = Broker::start(&settings) else {
        return;
    };
    let mut options = options(&broker);
    options.brokers = vec![broker.other_address()];
    let security = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
        ("sasl.oauthbearer.config", "principal=panorama"),
    ];
    options.security = security.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let bus = KafkaBus::open(options).unwrap();
    bus.ensure_topic("tokens", 1).await.unwrap();
    bus.append("tokens", 0, vec![message("a")], position("1"))
        .await
        .unwrap();
    assert_eq!(texts(&bus, "tokens"), ["a"]);
}
