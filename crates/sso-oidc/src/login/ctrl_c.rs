//! Ctrl-C during a sign-in, a refresh, and the time between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use device_flow_ureq::Cancel;

use super::say;
use crate::exit::Exit;
use crate::interrupt;

/// The Ctrl-C handler. It cancels a sign-in in progress, and ends the program before one.
#[derive(Default)]
pub(super) struct CtrlC {
    pub(super) handle: Cancel,
    pub(super) signing_in: Arc<AtomicBool>,
    /// Whether a refresh is in flight. Its response would be lost, and the session with it.
    pub(super) refreshing: Arc<AtomicBool>,
    started: OnceLock<()>,
}

impl CtrlC {
    /// Starts the handler, once. Its thread costs more than a command that reads a token and prints it.
    pub(super) fn start(&self) {
        let (handle, signing_in) = (self.handle.clone(), Arc::clone(&self.signing_in));
        let refreshing = Arc::clone(&self.refreshing);
        self.started.get_or_init(|| {
            interrupt::on_ctrl_c(move || {
                handle.cancel();
                if refreshing.load(Ordering::SeqCst) {
                    say("Finishing the refresh, whose response must not be lost. Ctrl-C again ends at once.");
                } else if !signing_in.load(Ordering::SeqCst) {
                    std::process::exit(i32::from(Exit::Interrupted as u8));
                }
            });
        });
    }

    /// Notes that no sign-in is in progress, so that Ctrl-C ends the program.
    pub(super) fn end_of_one(&self) {
        self.signing_in.store(false, Ordering::SeqCst);
    }
}

/// Returns the handler, started.
pub(super) fn cancelled_by_ctrl_c() -> CtrlC {
    let ctrl_c = CtrlC::default();
    ctrl_c.start();
    ctrl_c
}
