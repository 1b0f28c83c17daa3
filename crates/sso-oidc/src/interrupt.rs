//! Ctrl-C, as exit 130.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use crate::exit::Exit;

/// From now on Ctrl-C ends the program with 130 and no message, as with the AWS CLI. Without this the signal itself
/// would end it, which shells also show as 130, but other callers do not.
///
/// Commands that must clean up (a lock, a server) use [`on_ctrl_c`] instead.
pub(crate) fn exit_on_ctrl_c() {
    on_ctrl_c(exit);
}

/// From now on the first Ctrl-C calls this, from a thread of its own, and a second one ends the program with 130
/// whatever it is doing.
pub(crate) fn on_ctrl_c(mut first: impl FnMut() + Send + 'static) {
    let (ready, registered) = mpsc::channel();
    // If no thread or handler can be had, the signal's own effect stays, which is good enough.
    let thread = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        let signal = runtime.block_on(async {
            let mut signal = pin!(tokio::signal::ctrl_c());
            // The first poll registers the handler.
            let early = poll_fn(|context| Poll::Ready(signal.as_mut().poll(context))).await;
            let _ = ready.send(());
            match early {
                Poll::Ready(result) => result,
                Poll::Pending => signal.await,
            }
        });
        if signal.is_ok() {
            first();
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                exit();
            }
        }
    });
    if thread.is_ok() {
        // An error means that the thread has given up.
        let _ = registered.recv();
    }
}

fn exit() {
    std::process::exit(i32::from(Exit::Interrupted as u8));
}
