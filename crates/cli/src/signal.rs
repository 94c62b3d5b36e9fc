//! Ctrl-C and SIGTERM: the first asks the job to stop, the second ends the process.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sloth_engine::Stopper;

/// What the user has asked for by signals.
#[derive(Clone, Default)]
pub(crate) struct Interrupts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    requested: bool,
    job: Option<Stopper>,
}

impl Interrupts {
    /// Listens from now on.
    pub(crate) fn listen() -> Interrupts {
        let interrupts = Interrupts::default();
        let heard = interrupts.clone();
        let listen = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                if wait().await.is_err() {
                    return;
                }
                heard.stop();
                // Nobody may be listening any more; that is no reason not to stop.
                let _ = writeln!(std::io::stderr(), "\nstopping…");
                if wait().await.is_ok() {
                    std::process::exit(130);
                }
            });
        };
        // Without the thread Ctrl-C ends the process the hard way, which is safe too.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(listen);
        interrupts
    }

    /// The job that a signal stops.
    pub(crate) fn attach(&self, job: Stopper) {
        let mut state = self.state();
        if state.requested {
            job.stop();
        }
        state.job = Some(job);
    }

    /// True when the user has asked to stop.
    pub(crate) fn requested(&self) -> bool {
        self.state().requested
    }

    fn stop(&self) {
        let mut state = self.state();
        state.requested = true;
        state.job.iter().for_each(Stopper::stop);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
