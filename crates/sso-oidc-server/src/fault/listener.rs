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
use crate::state::State;

/// The listener of a server with injected faults.
pub(crate) struct Listener {
    /// The port, and the task of the redirect target. The task ends with the listener.
    port: Mutex<(Port, JoinSet<()>)>,
    address: SocketAddr,
    state: Arc<State>,
}

impl core::fmt::Debug for Listener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Wraps a listener on this address.
    pub(crate) fn new(
        listener: TcpListener,
        address: SocketAddr,
        state: Arc<State>,
    ) -> Result<Self, ServeError> {
        state.faults.listen(address.ip())?;
        let port = Port::Open(listener).switched(state.faults.is_port_closed(), address);
        Ok(Self { port: Mutex::new((port, JoinSet::new())), address, state })
    }

    /// Returns the next connection. Meanwhile it closes and opens the port.
    ///
    /// # Cancel safety
    /// No connection gets lost.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let mut guard = self.port.lock().await;
        let (port, redirect_target) = &mut *guard;
        let faults = &self.state.faults;
        let mut closing = faults.watch_port();
        loop {
            tokio::select! {
                biased;
                Ok(()) = closing.changed() => {
                    let close = *closing.borrow_and_update();
                    if let Some(target) = faults.take_new_target() {
                        let target = RedirectTarget::new(target)?;
                        redirect_target.spawn(target.count(Arc::clone(&self.state)));
                    }
                    *port = core::mem::replace(port, Port::Lost).switched(close, self.address);
                    faults.port_is(port.is_closed());
                }
                accepted = accept(port) => return accepted,
            }
        }
    }
}

async fn accept(port: &Port) -> io::Result<(TcpStream, SocketAddr)> {
    port.listener().await.accept().await
}
