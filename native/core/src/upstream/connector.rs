//! Reaching an upstream in three steps, each with its own failure code: name and TCP (maybe by way of a proxy), the
//! proxy's tunnel, TLS. One timeout spans all three.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::connection::{Stream, UpstreamConnection};
use super::failure::{Failure, FailureCode};
use super::public::is_public;
use super::resolver::{DnsError, Resolver};

/// Probes on idle connections find peers that vanished without a word (NAT timeouts); below common NAT limits of 5 min.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    proxies: Option<Arc<Matcher>>,
    timeout: Option<Duration>,
    public_only: bool,
}

impl Connector {
    pub(super) fn new(
        tls: Arc<ClientConfig>,
        proxies: Option<Arc<Matcher>>,
        timeout: Option<Duration>,
        public_only: bool,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(public_only));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        Self { tcp, tls: TlsConnector::from(tls), proxies, timeout, public_only }
    }

    async fn connect(self, target: Uri) -> Result<UpstreamConnection, Failure> {
        let timeout = self.timeout;
        let connected = self.connect_steps(target);
        match timeout {
            None => connected.await,
            Some(limit) => tokio::time::timeout(limit, connected).await.unwrap_or_else(|_| {
                let message = format!("no connection within {} ms", limit.as_millis());
                Err(Failure::new(FailureCode::TimeoutConnect, message))
            }),
        }
    }

    async fn connect_steps(mut self, target: Uri) -> Result<UpstreamConnection, Failure> {
        if self.public_only && !may_be_public(&target) {
            let message = format!("`{}` is not on the public internet", target.host().unwrap_or_default());
            return Err(Failure::new(FailureCode::Connect, message));
        }
        let proxy = self.proxies.as_ref().and_then(|matcher| matcher.intercept(&target));
        if target.scheme() != Some(&Scheme::HTTPS) {
            let address = proxy.as_ref().map_or(Ok(&target), plain_proxy)?;
            let stream = Stream::Plain(self.dial(address.clone()).await?);
            return Ok(UpstreamConnection { stream, read_by_proxy: proxy.is_some() });
        }
        let tcp = match &proxy {
            None => self.dial(target.clone()).await?,
            Some(proxy) => self.tunnel(proxy, &target).await?,
        };
        let tls = self.tls.connect(server_name(&target)?, tcp.into_inner()).await;
        let tls = tls.map_err(|e| Failure::caused_by(FailureCode::Tls, &e))?;
        Ok(UpstreamConnection { stream: Stream::Tls(Box::new(TokioIo::new(tls))), read_by_proxy: false })
    }

    async fn dial(&mut self, address: Uri) -> Result<TokioIo<TcpStream>, Failure> {
        self.tcp.call(address).await.map_err(|e| failure_of_dial(&e))
    }

    async fn tunnel(&self, proxy: &Intercept, target: &Uri) -> Result<TokioIo<TcpStream>, Failure> {
        let mut tunnel = Tunnel::new(plain_proxy(proxy)?.clone(), self.tcp.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        tunnel.call(target.clone()).await.map_err(|e| failure_of_dial(&e))
    }
}

/// Whether the host is a name, which the resolver will check, or a public address: those are never resolved.
fn may_be_public(target: &Uri) -> bool {
    let host = target.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse().map_or(true, is_public)
}

/// The proxy's address, when we can speak to it.
fn plain_proxy(proxy: &Intercept) -> Result<&Uri, Failure> {
    let uri = proxy.uri();
    if uri.scheme() == Some(&Scheme::HTTP) {
        return Ok(uri);
    }
    let scheme = uri.scheme_str().unwrap_or_default();
    let message = format!("proxies of scheme `{scheme}` are not supported; set HTTP_PROXY/HTTPS_PROXY to http://...");
    Err(Failure::new(FailureCode::Connect, message))
}

fn server_name(target: &Uri) -> Result<ServerName<'static>, Failure> {
    let host = target.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned())
        .map_err(|e| Failure::new(FailureCode::Tls, format!("`{host}` is no name a certificate can have: {e}")))
}

fn failure_of_dial(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut next = Some(error);
    while let Some(e) = next {
        if e.is::<DnsError>() {
            return Failure::caused_by(FailureCode::Dns, error);
        }
        next = e.source();
    }
    Failure::caused_by(FailureCode::Connect, error)
}

impl Service<Uri> for Connector {
    type Response = UpstreamConnection;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<UpstreamConnection, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        Box::pin(self.clone().connect(target))
    }
}
