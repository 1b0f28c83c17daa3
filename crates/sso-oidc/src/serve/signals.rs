//! The signals that end `serve`, and those that it passes on to its command.

use crate::exit::Failure;

/// A signal that asks for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C, or a SIGINT.
    Interrupt,
    /// A SIGTERM.
    #[cfg(unix)]
    Terminate,
}

/// The handlers of these signals.
pub(crate) struct Signals {
    came: bool,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Installs the handlers, before the server prints its URL.
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind)
                    .map_err(|error| Failure::other(format_args!("cannot listen for signals: {error}")))
            };
            Ok(Self {
                came: false,
                terminate: listen(SignalKind::terminate())?,
                interrupt: listen(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self { came: false })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        let signal = tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        };
        #[cfg(not(unix))]
        let signal = {
            drop(tokio::signal::ctrl_c().await);
            Signal::Interrupt
        };
        self.came = true;
        signal
    }

    /// Returns whether a signal came.
    pub(crate) const fn came(&self) -> bool {
        self.came
    }
}

impl Signal {
    /// Passes the signal on to a child process. A terminal has sent its Ctrl-C to the child, too, and a second one
    /// would be another order.
    #[cfg(unix)]
    pub(crate) fn pass_on(self, child: u32) {
        use rustix::process::{Pid, Signal as Number, kill_process};
        let number = match self {
            Self::Interrupt if is_in_foreground() => return,
            Self::Interrupt => Number::INT,
            Self::Terminate => Number::TERM,
        };
        if let Some(child) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            // Fails only if the child has ended.
            let _ = kill_process(child, number);
        }
    }

    /// Does nothing: the console has sent Ctrl-C to the child, too.
    #[cfg(not(unix))]
    pub(crate) fn pass_on(self, _: u32) {}
}

/// Returns whether this process is in the foreground of a terminal, whatever its standard streams are.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| {
        rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
    })
}
