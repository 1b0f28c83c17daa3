//! The handler of Ctrl-C, which exits with 130.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use crate::exit::Exit;

/// Makes Ctrl-C exit with 130 and no message, as in the AWS CLI. By default the signal would end the program, which
/// only shells show as 130.
///
/// Commands that must clean up (a lock, a server) use [`on_ctrl_c`] instead.
pub(crate) fn exit_on_ctrl_c() {
    on_ctrl_c(exit);
}

/// Calls `first` on the first Ctrl-C, from a separate thread, and exits with 130 on the second.
pub(crate) fn on_ctrl_c(mut first: impl FnMut() + Send + 'static) {
    let (ready, registered) = mpsc::channel();
    // Without a thread or a handler, the signal keeps its default effect, which is good enough.
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
        // An error means that the thread has ended.
        let _ = registered.recv();
    }
}

fn exit() {
    std::process::exit(i32::from(Exit::Interrupted as u8));
}
