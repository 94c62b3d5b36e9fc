//! Servers of a test's own, which it may kill.

use std::path::PathBuf;
use std::process::Command;

/// A broker or a database, started by its script.
pub(crate) struct OwnServer {
    script: PathBuf,
    dir: PathBuf,
    /// Where it answers.
    pub(crate) address: String,
}

impl OwnServer {
    /// `kind` is the name of its script. Tests that run without the shared server (whose address is in `variable`) run
    /// without one of their own, too.
    pub(crate) fn start(kind: &str, variable: &str) -> Option<OwnServer> {
        if std::env::var_os(variable).is_none() {
            println!("skipped: {variable} is not set; start a server with scripts/{kind} start");
            return None;
        }
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(kind);
        let dir = std::env::temp_dir().join(format!("sloth-chaos-{kind}-{}", std::process::id()));
        let mut server = OwnServer { script, dir, address: String::new() };
        server.address = server.run(&["start", "--port", "0"]).lines().last().unwrap().to_owned();
        Some(server)
    }

    /// The end without a goodbye.
    pub(crate) fn kill(&self) {
        self.run(&["kill"]);
    }

    /// A new beginning with the same data, at the same address.
    pub(crate) fn start_again(&self) {
        self.run(&["start"]);
    }

    fn run(&self, words: &[&str]) -> String {
        let done = Command::new(&self.script).args(words).arg("--dir").arg(&self.dir).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).arg("stop").arg("--dir").arg(&self.dir).output();
        // What it has logged tells why a test has failed.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
