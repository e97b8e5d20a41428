//! Names to addresses by the system's resolver, with an error type that can be told from a refused connection, and without
//! our own networks where only the internet may be reached (so that no name can be made to point inside).

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use super::public::is_public;

#[derive(Debug)]
pub(super) struct DnsError(io::Error);

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DnsError {}

#[derive(Clone)]
pub(super) struct Resolver {
    system: GaiResolver,
    public_only: bool,
}

impl Resolver {
    pub(super) fn new(public_only: bool) -> Self {
        Self { system: GaiResolver::new(), public_only }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DnsError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DnsError>> {
        self.system.poll_ready(cx).map_err(DnsError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        let found = self.system.call(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                found.await.map_err(DnsError)?.filter(|address| !public_only || is_public(address.ip())).collect();
            if addresses.is_empty() && public_only {
                return Err(DnsError(io::Error::other("the name has no address on the public internet")));
            }
            Ok(addresses.into_iter())
        })
    }
}
