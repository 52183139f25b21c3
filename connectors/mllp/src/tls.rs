//! TLS of a listener: rustls, certificates from PEM files.

use crate::TlsParams;
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Reads the files and makes the acceptor. Blocks on the disk; done once, before the listener opens.
///
/// # Errors
/// A sentence that names the file at fault.
pub(crate) fn acceptor(params: &TlsParams) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &params.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| about(file, e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| about(file, e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&params.key).map_err(|e| about(&params.key, e))?;
    let config = builder
        .with_single_cert(certificates(&params.certificate)?, key)
        .map_err(|e| about(&params.certificate, e))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|e| about(file, e))?
        .collect();
    match found.map_err(|e| about(file, e))? {
        none if none.is_empty() => Err(about(file, "holds no certificate")),
        some => Ok(some),
    }
}

fn about(file: &str, cause: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("file {file}: {cause}"))
}
