//! The handler of Ctrl-C, which exits with 130, and of SIGTERM or Ctrl-Break.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use crate::exit::Exit;

/// Makes Ctrl-C, SIGTERM and Ctrl-Break exit with 130 and no message, as Ctrl-C does in the AWS CLI. By default a
/// signal would end the program, which only shells show as 130.
///
/// Commands that must clean up (a lock, a server) use [`on_ctrl_c`] instead.
pub(crate) fn exit_on_ctrl_c() {
    on_ctrl_c(exit);
}

/// Makes them call this function before they exit with 130.
pub(crate) fn exit_on_ctrl_c_after(last: impl Fn() + Send + 'static) {
    on_ctrl_c(move || {
        last();
        exit();
    });
}

/// Calls `first` on the first Ctrl-C or SIGTERM, from a separate thread, and exits with 130 on the second.
pub(crate) fn on_ctrl_c(mut first: impl FnMut() + Send + 'static) {
    let (ready, registered) = mpsc::channel();
    // Without a thread or a handler, the signal keeps its default effect, which is good enough.
    let thread = std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        let signal = runtime.block_on(async {
            let mut signal = pin!(interrupted());
            // The first poll registers the handlers.
            let early = poll_fn(|context| Poll::Ready(signal.as_mut().poll(context))).await;
            let _ = ready.send(());
            match early {
                Poll::Ready(result) => result,
                Poll::Pending => signal.await,
            }
        });
        if signal.is_ok() {
            first();
            if runtime.block_on(interrupted()).is_ok() {
                exit();
            }
        }
    });
    if thread.is_ok() {
        // An error means that the thread has ended.
        let _ = registered.recv();
    }
}

/// Waits for Ctrl-C or SIGTERM, with which `timeout`, service managers and containers end a program.
#[cfg(unix)]
async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Waits for Ctrl-C or Ctrl-Break. A supervisor sends the latter, because a process group of its own ignores Ctrl-C.
#[cfg(windows)]
async fn interrupted() -> io::Result<()> {
    use tokio::signal::windows::{ctrl_break, ctrl_c};

    let (mut interrupt, mut ctrl_break) = (ctrl_c()?, ctrl_break()?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = ctrl_break.recv() => {}
    }
    Ok(())
}

fn exit() {
    std::process::exit(i32::from(Exit::Interrupted as u8));
}
