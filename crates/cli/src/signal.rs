//! Ctrl-C and SIGTERM: the first asks the job to stop, the second ends the process.

use std::io::Write;

use sloth_engine::Stopper;

/// Stops the job at the first signal; a second one exits at once.
pub(crate) fn on_interrupt(stopper: Stopper) {
    let listen = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if wait().await.is_err() {
                return;
            }
            stopper.stop();
            // Nobody may be listening any more; that is no reason not to stop.
            let _ = writeln!(std::io::stderr(), "\nstopping…");
            if wait().await.is_ok() {
                std::process::exit(130);
            }
        });
    };
    // Without the thread Ctrl-C ends the process the hard way, which is safe too.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(listen);
}

async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
