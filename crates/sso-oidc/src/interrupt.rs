//! Ctrl-C, for commands that have nothing to clean up.

use crate::exit::Exit;

/// From now on Ctrl-C ends the program with 130 and no message, as with the AWS CLI. Without this the signal itself
/// would end it, which shells also show as 130, but other callers do not.
///
/// Commands that must clean up (a lock, a server) do not call this and handle the signal themselves.
pub(crate) fn exit_on_ctrl_c() {
    // If no thread or handler can be had, the signal's own effect stays, which is good enough.
    let _ = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    });
}
