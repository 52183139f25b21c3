//! The object stores that tables may live in, told to `deltalake`: S3 and what speaks like it, Azure, Google Cloud.
//!
//! What they must have is a put that fails where an object is (`If-None-Match`, or the like): commits rest on it.

use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake::{DeltaResult, DeltaTableError, Path};
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, Once, PoisonError};
use url::Url;

/// One kind of object store.
struct Kind {
    schemes: &'static [&'static str],
    /// What environment variables with its settings begin with.
    environment: &'static str,
    knows: fn(&str) -> bool,
    /// The setting that names the server, where it is not the cloud's own.
    endpoint: &'static str,
    allow_http: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        schemes: &["s3", "s3a"],
        environment: "AWS_",
        knows: |key| key.parse::<AmazonS3ConfigKey>().is_ok(),
        endpoint: "aws_endpoint",
        allow_http: "aws_allow_http",
    },
    Kind {
        schemes: &["az", "abfs", "abfss"],
        environment: "AZURE_",
        knows: |key| key.parse::<AzureConfigKey>().is_ok(),
        endpoint: "azure_endpoint",
        allow_http: "allow_http",
    },
    Kind {
        schemes: &["gs"],
        environment: "GOOGLE_",
        knows: |key| key.parse::<GoogleConfigKey>().is_ok(),
        endpoint: "google_base_url",
        allow_http: "allow_http",
    },
];

/// Settings of a store, by name in lower case.
type Options = BTreeMap<String, String>;

/// Opens stores, each once: its connections and credentials are shared by all tables.
#[derive(Default)]
struct Stores {
    open: Mutex<HashMap<(String, Options), ObjectStoreRef>>,
}

/// Makes the stores known to `deltalake`, once per process.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let stores = Arc::new(Stores::default());
        for scheme in KINDS.iter().flat_map(|kind| kind.schemes) {
            if let Ok(url) = Url::parse(&format!("{scheme}://")) {
                object_store_factories().insert(url.clone(), Arc::clone(&stores) as _);
                logstore_factories().insert(url, Arc::clone(&stores) as _);
            }
        }
    });
}

/// Why a location cannot be a table's, as far as its text says.
pub(crate) fn check(location: &str, options: &HashMap<String, String>) -> Result<(), String> {
    let Some((scheme, rest)) = location.split_once("://") else {
        return Ok(());
    };
    if scheme == "file" {
        return Ok(());
    }
    let kind = KINDS.iter().find(|kind| kind.schemes.contains(&scheme));
    let kind = kind.ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().flat_map(|kind| kind.schemes).copied().collect();
        format!("`{scheme}://` is no object store; known are {}", known.join(", "))
    })?;
    if rest.split('/').next().is_none_or(str::is_empty) {
        return Err(format!("no bucket is named; write {scheme}://BUCKET/PATH"));
    }
    match options.keys().find(|key| !(kind.knows)(&key.to_lowercase())) {
        // The name only: a value may be a secret.
        Some(key) => Err(format!("tables.options: a {scheme} store has no setting `{key}`")),
        None => Ok(()),
    }
}

impl Kind {
    /// All settings: the environment's, and over them those given.
    fn options(&self, given: &HashMap<String, String>) -> Options {
        let environment = std::env::vars()
            .filter(|(name, _)| name.starts_with(self.environment))
            .map(|(name, value)| (name.to_lowercase(), value));
        let given = given
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()));
        let mut options: Options = environment
            .chain(given)
            .filter(|(name, _)| (self.knows)(name))
            .collect();
        // A server on this very machine needs no TLS. Any other is asked for without it only where that was said.
        let is_here = |url: &String| {
            ["http://127.0.0.1", "http://localhost", "http://[::1]"]
                .iter()
                .any(|here| url.starts_with(here))
        };
        let endpoint = options.get(self.endpoint).or_else(|| options.get("endpoint"));
        if endpoint.is_some_and(is_here) {
            options
                .entry(self.allow_http.to_owned())
                .or_insert_with(|| "true".into());
        }
        options
    }
}

impl ObjectStoreFactory for Stores {
    fn parse_url_opts(&self, url: &Url, config: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        let kind = KINDS.iter().find(|kind| kind.schemes.contains(&url.scheme()));
        let kind = kind.ok_or_else(|| DeltaTableError::InvalidTableLocation(url.to_string()))?;
        let options = kind.options(&config.raw);
        let bucket = url[..url::Position::BeforePath].to_owned();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&(bucket.clone(), options.clone())) {
            return Ok((Arc::clone(store), Path::from_url_path(url.path())?));
        }
        let (store, path) = object_store::parse_url_opts(url, &options)?;
        let store: ObjectStoreRef = Arc::from(store);
        open.insert((bucket, options), Arc::clone(&store));
        Ok((store, path))
    }
}

impl LogStoreFactory for Stores {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}
