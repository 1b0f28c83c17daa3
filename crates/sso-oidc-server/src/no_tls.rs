//! What stands where TLS would, without the feature `tls`: nothing that could exist.

use core::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use crate::connection::Peer;
use crate::seat::Seat;
use crate::shared::Shared;
use crate::{Config, FaultRule, InjectedFault, ServeError};

/// No server has one.
pub(crate) enum Acceptor {}

impl Acceptor {
    pub(crate) fn of(config: &Config, _: IpAddr, _: Option<&str>) -> Result<Option<Self>, ServeError> {
        match config.faults.iter().map(FaultRule::fault).find(|fault| fault.needs_tls()) {
            Some(fault) => Err(ServeError::FaultNeedsTls { fault }),
            None => Ok(None),
        }
    }

    pub(crate) async fn shake_hands<T, S>(
        &self,
        _: &Shared,
        _: T,
        _: Peer,
        _: Option<InjectedFault>,
        _: impl FnOnce(T) -> S,
    ) -> Option<S> {
        match *self {}
    }
}

pub(crate) async fn serve(shared: Arc<Shared>, _: TcpStream, _: Peer, _: Arc<Seat>) {
    if let Some(never) = &shared.tls {
        match *never {}
    }
}
