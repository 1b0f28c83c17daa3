//! A listener that can close its port for a fault, with a second port as the redirect target.

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::port::Port;
use super::redirect_target::RedirectTarget;
use crate::ServeError;
use crate::hosts::reachable;
use crate::state::State;

/// The listener of a server with injected faults.
pub(crate) struct Listener {
    port: Mutex<Port>,
    address: SocketAddr,
    state: Arc<State>,
    /// The task of the redirect target. It ends with the listener.
    _redirect_target: JoinSet<()>,
}

impl core::fmt::Debug for Listener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Wraps a listener on this address.
    pub(crate) async fn new(
        listener: TcpListener,
        address: SocketAddr,
        state: Arc<State>,
    ) -> Result<Self, ServeError> {
        let mut tasks = JoinSet::new();
        if state.faults.redirect() {
            let bound = RedirectTarget::bind(address.ip()).await;
            let wanted = SocketAddr::new(address.ip(), 0);
            let (target, address) = bound.map_err(|source| ServeError::listen(wanted, source))?;
            let _ = state.faults.redirect_target.set(format!("http://{}", reachable(address)));
            tasks.spawn(target.count(Arc::clone(&state)));
        }
        let port = Port::Open(listener).switched(state.faults.is_port_closed(), address);
        Ok(Self { port: Mutex::new(port), address, state, _redirect_target: tasks })
    }

    /// Returns the next connection. Meanwhile it closes and opens the port.
    ///
    /// # Cancel safety
    /// No connection gets lost.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let mut port = self.port.lock().await;
        let faults = &self.state.faults;
        let mut closing = faults.watch_port();
        loop {
            tokio::select! {
                biased;
                Ok(()) = closing.changed() => {
                    let close = *closing.borrow_and_update();
                    *port = core::mem::replace(&mut *port, Port::Lost).switched(close, self.address);
                    faults.port_is(port.is_closed());
                }
                accepted = accept(&port) => return accepted,
            }
        }
    }
}

async fn accept(port: &Port) -> io::Result<(TcpStream, SocketAddr)> {
    port.listener().await.accept().await
}
