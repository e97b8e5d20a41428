//! The TLS client configuration: whom we trust, and ALPN for h2 and HTTP/1.1.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Trust `ca_file` alone when given; else what the machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` included); else,
/// when the machine has no roots (a distroless image), Mozilla's list as compiled in.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match ca_file {
        Some(path) => roots_from_file(path)?,
        None => roots_of_machine(),
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots_from_file(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let certs = CertificateDer::pem_file_iter(path).map_err(|e| format!("ca_file `{shown}` cannot be read: {e}"))?;
    let mut roots = RootCertStore::empty();
    for cert in certs {
        let cert = cert.map_err(|e| format!("ca_file `{shown}` is not PEM: {e}"))?;
        roots.add(cert).map_err(|e| format!("ca_file `{shown}` has a bad certificate: {e}"))?;
    }
    if roots.is_empty() { Err(format!("ca_file `{shown}` has no certificate")) } else { Ok(roots) }
}

fn roots_of_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
