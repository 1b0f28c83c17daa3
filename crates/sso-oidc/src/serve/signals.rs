//! The signals that end `serve`, and those that it passes on to its command.

use crate::exit::Failure;

/// A signal that asks for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C, a SIGINT, or Ctrl-Break.
    Interrupt,
    /// A SIGTERM.
    #[cfg(unix)]
    Terminate,
    /// A SIGHUP: the terminal is gone.
    #[cfg(unix)]
    HangUp,
}

/// The handlers of these signals.
pub(crate) struct Signals {
    came: bool,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    /// `None` if the signal is to be ignored, or to end the process at once.
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    ctrl_break: tokio::signal::windows::CtrlBreak,
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
                hang_up: if may_hang_up() { Some(listen(SignalKind::hangup())?) } else { None },
            })
        }
        #[cfg(windows)]
        {
            use tokio::signal::windows::{ctrl_break, ctrl_c};
            let failed = |error| Failure::other(format_args!("cannot listen for Ctrl-C: {error}"));
            Ok(Self {
                came: false,
                interrupt: ctrl_c().map_err(failed)?,
                ctrl_break: ctrl_break().map_err(failed)?,
            })
        }
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        let signal = tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = hung_up => Signal::HangUp,
        };
        #[cfg(windows)]
        let signal = tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.ctrl_break.recv() => Signal::Interrupt,
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
    /// Passes the signal on to a child process, or to its process group. A terminal has sent its Ctrl-C to a child of
    /// this group, too, and a second one would be another order.
    #[cfg(unix)]
    pub(crate) fn pass_on(self, child: u32, has_own_group: bool) {
        use rustix::process::{Pid, Signal as Number, kill_process, kill_process_group};
        let number = match self {
            Self::Interrupt if !has_own_group && is_in_foreground() => return,
            Self::Interrupt => Number::INT,
            Self::Terminate => Number::TERM,
            Self::HangUp => Number::HUP,
        };
        let send = if has_own_group { kill_process_group } else { kill_process };
        if let Some(child) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            // Fails only if the child has ended.
            let _ = send(child, number);
        }
    }

    /// Does nothing: the console has sent Ctrl-C to the child, too.
    #[cfg(not(unix))]
    pub(crate) fn pass_on(self, _: u32, _: bool) {}
}

/// Returns whether to listen for SIGHUP. `nohup` has it ignored, and a handler would undo that. Only Linux tells so
/// without unsafe code; elsewhere the signal keeps its usual effect.
#[cfg(unix)]
fn may_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hang_up(&status) == Some(false))
}

/// Reads from the status of a process whether it ignores SIGHUP, which is the first bit of a mask.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & 1 == 1)
}

/// Returns whether this process is in the foreground of a terminal, whatever its standard streams are.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| {
        rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_has_sighup_first() {
        assert_eq!(ignores_hang_up("Name:\tx\nSigIgn:\t0000000000001001\n"), Some(true));
        assert_eq!(ignores_hang_up("SigIgn:\t0000000000001000\n"), Some(false));
        assert_eq!(ignores_hang_up("SigBlk:\t0000000000000001\n"), None);
    }
}
