//! The tests that need a PostgreSQL database, against one of their own.
//!
//! The database is a new cluster in a temporary directory, on a free port of loopback. It is not the one that the
//! system may run. PostgreSQL refuses to run as root, so root starts it as the user `postgres` of Debian's package.

mod pooler;

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use self::pooler::Pooler;
use crate::shell::Run;
use crate::simulate;
use crate::test::waiting;

/// The variable with the URL of the database.
pub(crate) const URL: &str = "SSO_OIDC_TEST_POSTGRES";
/// The time limit of one run of tests, builds included.
const LIMIT: Duration = Duration::from_secs(900);
/// The lines of the log that a failure shows.
const LINES: usize = 40;
/// The directories of Debian's packages, one for each version.
const PACKAGES: &str = "/usr/lib/postgresql";
/// The account that a database runs as, where this program runs as root.
const ACCOUNT: &str = "postgres";

/// `cargo xtask test --only postgres`
pub(crate) fn step() -> Result<()> {
    let cluster = Cluster::start()?;
    tests(&cluster).inspect_err(|_| cluster.show_log())
}

fn tests(cluster: &Cluster) -> Result<()> {
    cluster.tests(&["--package", "sso-oidc-postgres", "--tests"])?;
    cluster.tests(&["--package", "sso-oidc-postgres", "--doc"])?;
    cluster.tests_behind_a_pooler()?;
    // With the features of the whole workspace, so that little is built again.
    cluster.tests(&["--workspace", "--features", "sso-oidc/postgres", "--test", "serve_postgres"])?;
    simulate::step_of_database(cluster)
}

/// A database that ends with this value.
pub(crate) struct Cluster {
    /// The programs of the server.
    programs: PathBuf,
    dir: PathBuf,
    url: String,
}

impl Cluster {
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let dir = std::env::temp_dir().join(format!("sso-oidc-postgres-{}", std::process::id()));
        let mut cluster = Self { programs, dir, url: String::new() };
        cluster.create().inspect_err(|_| cluster.show_log())?;
        Ok(cluster)
    }

    fn create(&mut self) -> Result<()> {
        quietly(Run::new("mkdir").args(["-m", "700"]).arg(&self.dir))?;
        let password = random()?;
        let file = self.dir.join("password");
        fs::write(&file, &password)?;
        if is_root()? {
            quietly(Run::new("chown").args(["-R", ACCOUNT]).arg(&self.dir))?;
        }
        let init = self.server("initdb").args(["--username=sso", "--auth=scram-sha-256", "--encoding=UTF8"]);
        let init = init.args(["--locale=C", "--no-instructions", "--pgdata"]).arg(self.data());
        quietly(init.arg(format!("--pwfile={}", file.display())))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 200\n",
            self.dir.display()
        );
        // As the account, because a root that writes here would own the file.
        let append = "printf '%s' \"$1\" >>\"$2\"";
        let append =
            self.run("sh").args(["-c", append, "sh", &settings]).arg(self.data().join("postgresql.conf"));
        quietly(append)?;
        let script = "#!/bin/sh\n# Kills the database, and starts it again.\nset -eu\nread -r pid <DATA/postmaster.pid\n\
            kill -9 \"$pid\"\nsleep 0.2\nfor attempt in 1 2 3 4 5 6 7 8 9 10; do\n  START 2>/dev/null && exit 0\n  sleep 0.5\ndone\nexit 1\n";
        let start = self.start_command();
        let script = script.replace("DATA", &self.data().display().to_string()).replace("START", &start);
        fs::write(self.crash(), script)?;
        quietly(Run::new("sh").args(["-c", &start]))?;
        self.url = format!("postgresql://sso:{password}@127.0.0.1:{port}/postgres");
        Ok(())
    }

    /// Returns the URL of its database, with the password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the number of bytes of the database on disk, after a checkpoint.
    pub(crate) fn bytes_on_disk(&self) -> Result<u64> {
        let (account, place) = self.url.split_once('@').context("the URL has an account")?;
        let (_, password) = account.rsplit_once(':').context("the URL has a password")?;
        let run = Run::new(self.programs.join("psql")).args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--quiet",
        ]);
        let run = run.args(["--command", "CHECKPOINT", "--command", "SELECT pg_database_size('postgres')"]);
        let run = run.secret_env("PGPASSWORD", password).arg(format!("postgresql://sso@{place}"));
        let output = run.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Prints the end of the database's log.
    fn show_log(&self) {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
            println!("   | {line}");
        }
    }

    /// A script that kills the database with SIGKILL and starts it again.
    fn crash(&self) -> PathBuf {
        self.dir.join("crash.sh")
    }

    fn start_command(&self) -> String {
        let run =
            if is_root().unwrap_or(false) { format!("runuser -u {ACCOUNT} -- ") } else { String::new() };
        let (program, data, log) = (self.programs.join("pg_ctl"), self.data(), self.dir.join("log"));
        format!(
            "{run}{} --wait --timeout=60 --pgdata={} --log={} start >/dev/null",
            program.display(),
            data.display(),
            log.display()
        )
    }

    /// Returns a run of a program as the account of the database.
    fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Run {
        let run = match is_root() {
            Ok(true) => Run::new("runuser").args(["-u", ACCOUNT, "--"]).arg(program),
            _ => Run::new(program),
        };
        // The account may not read the checkout.
        run.in_dir(&self.dir)
    }

    fn server(&self, program: &str) -> Run {
        self.run(self.programs.join(program))
    }

    /// Gives a program the URL of the database.
    pub(crate) fn known_to(&self, run: Run) -> Run {
        run.secret_env(URL, &self.url)
    }

    /// Runs tests with the database.
    fn tests(&self, chosen: &[&str]) -> Result<()> {
        let run = self.known_to(Run::cargo().arg("test").args(chosen));
        waiting(run.env("SSO_OIDC_TEST_POSTGRES_CRASH", self.crash())).limit(LIMIT).go()
    }

    /// Runs the tests of the contract and of a server with several stores once more, behind PgBouncer.
    fn tests_behind_a_pooler(&self) -> Result<()> {
        let pooler = Pooler::start(self)?;
        let tests = ["--package", "sso-oidc-postgres", "--test", "conformance", "--test", "service"];
        Run::cargo().arg("test").args(tests).secret_env(URL, pooler.url()).limit(LIMIT).go()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            let stop = self
                .server("pg_ctl")
                .args(["--wait", "--mode=immediate", "stop", "--pgdata"])
                .arg(self.data());
            if let Err(error) = quietly(stop) {
                println!("   the database in {} could not be stopped: {error:#}", self.dir.display());
            }
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Returns the directory of the newest server's programs.
fn programs() -> Result<PathBuf> {
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let packages = fs::read_dir(PACKAGES).into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = packages.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path));
    if let Some(newest) = newest {
        return Ok(newest.join("bin"));
    }
    if let Ok(found) = Run::new("pg_config").arg("--bindir").output()
        && found.status.success()
    {
        return Ok(String::from_utf8(found.stdout)?.trim().into());
    }
    bail!("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
}

fn is_root() -> Result<bool> {
    Ok(String::from_utf8(Run::new("id").arg("-u").output()?.stdout)?.trim() == "0")
}

/// Returns a password of 32 hexadecimal digits.
fn random() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}

/// Runs a command, and fails with what it said.
fn quietly(run: Run) -> Result<()> {
    let output = run.output()?;
    let said = [output.stderr, output.stdout].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}
