//! PgBouncer between the tests and the database, in transaction mode.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::{ACCOUNT, Cluster, is_root, quietly};
use crate::shell::Run;

/// The time limit for the pooler to listen.
const START: Duration = Duration::from_secs(20);
/// The program of Debian's package.
const DEBIAN: &str = "/usr/sbin/pgbouncer";
/// The connections to the database, fewer than those of the stores. So they are shared.
const CONNECTIONS: usize = 4;

/// A pooler that ends with this value.
pub(super) struct Pooler {
    process: Child,
    port: u16,
    url: String,
}

impl Pooler {
    pub(super) fn start(cluster: &Cluster) -> Result<Self> {
        let dir = cluster.dir.join("pooler");
        fs::create_dir(&dir)?;
        let (account, place) = cluster.url.split_once('@').context("the URL has an account")?;
        let (_, password) = account.rsplit_once(':').context("the URL has a password")?;
        let (address, name) = place.split_once('/').context("the URL has a database")?;
        let (_, database) = address.rsplit_once(':').context("the URL has a port")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let users = dir.join("users.txt");
        fs::write(&users, format!("\"sso\" \"{password}\"\n"))?;
        let settings = format!(
            "[databases]\n{name} = host=127.0.0.1 port={database}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nlogfile = {}\n",
            users.display(),
            dir.join("log").display()
        );
        let file = dir.join("pgbouncer.ini");
        fs::write(&file, settings)?;
        if is_root()? {
            quietly(Run::new("chown").args(["-R", ACCOUNT]).arg(&dir))?;
        }
        let process = command(&cluster.dir)?.arg("--quiet").arg(&file).spawn();
        let process = process.context("PgBouncer cannot be started (Debian: apt-get install pgbouncer)")?;
        let url = cluster.url.replace(&format!(":{database}/"), &format!(":{port}/"));
        let mut pooler = Self { process, port, url };
        pooler.wait()?;
        Ok(pooler)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("PgBouncer ended at once: {status} (Debian: apt-get install pgbouncer)");
            }
            ensure!(began.elapsed() < START, "PgBouncer does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Returns the command of the pooler, which refuses to run as root.
fn command(dir: &Path) -> Result<Command> {
    // Debian's directory is in the path of root only.
    let program = if Path::new(DEBIAN).exists() { DEBIAN } else { "pgbouncer" };
    let mut command = Command::new(program);
    if is_root()? {
        // Unlike runuser, setpriv becomes the program, so it is ended by its process id.
        command = Command::new("setpriv");
        let account = format!("--reuid={ACCOUNT}");
        command.args([&account, &account.replace("uid", "gid"), "--init-groups", program]);
    }
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
