//! The programs in `examples/`: separate packages, like those of a user.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::server::{self, Profile, Server};
use crate::shell::Run;
use crate::workspace;

/// The command-line example with the blocking adapter, and the one with AWS's SDK.
const OURS: &str = "cli";
const THEIRS: &str = "cli-aws-sdk";

/// The examples over AWS's SDK.
const OVER_SDK: [&str; 2] = [THEIRS, "aws-sdk-sign-in"];

/// The tool inside of the example that is a page.
const TOOL: &str = "bindgen";

const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// The line limit of the command-line example with these crates.
const MOST_LINES: usize = 110;

/// `cargo xtask test --only embedding`
pub(crate) fn step() -> Result<()> {
    for example in all()? {
        let manifest = example.join("Cargo.toml");
        Run::cargo().args(["fmt", "--check", "--manifest-path"]).arg(&manifest).go()?;
        // Alone, so that an example names each feature that its code needs. The SDK would take a minute each time.
        if !OVER_SDK.iter().any(|name| example.ends_with(name)) {
            cargo(&manifest, &["clippy", "--all-targets"])?.args(["--", "-D", "warnings"]).go()?;
        }
    }
    // Together, so that each dependency is built once; features are those of all. With the SDK, rustls would have two
    // kinds of cryptography.
    let mut chosen = vec!["--workspace".to_owned()];
    chosen.extend(OVER_SDK.map(|name| format!("--exclude=example-{name}")));
    test(&examples().join("Cargo.toml"), &chosen)?;
    for name in OVER_SDK {
        test(&examples().join(name).join("Cargo.toml"), &[])?;
    }
    lines()?;
    programs()
}

/// Builds programs and their tests, and runs the tests.
fn test(manifest: &Path, packages: &[String]) -> Result<()> {
    cargo(manifest, &["build", "--quiet", "--bins", "--tests"])?.args(packages).go()?;
    cargo(manifest, &["test", "--quiet"])?.args(packages).go()
}

fn examples() -> PathBuf {
    workspace::root().join("examples")
}

/// Returns every package there, also those inside of another: fuzz targets, and the tool that makes a page.
fn all() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(examples())? {
        let example = entry?.path();
        found.extend(
            [example.join("fuzz"), example.join(TOOL), example]
                .into_iter()
                .filter(|path| path.join("Cargo.toml").exists()),
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the directory of the programs' files.
fn files() -> Result<PathBuf> {
    let files = workspace::target_dir()?.join("embedding");
    fs::create_dir_all(&files)?;
    Ok(files)
}

fn cargo(manifest: &Path, command: &[&str]) -> Result<Run> {
    let run = Run::cargo().args(command).args(["--locked", "--manifest-path"]).arg(manifest);
    // Most dependencies are those of the libraries.
    Ok(run.env("CARGO_TARGET_DIR", workspace::target_dir()?))
}

/// Prints the lines of a program with these crates and with AWS's SDK.
fn lines() -> Result<()> {
    let (ours, theirs) = (lines_of(OURS)?, lines_of(THEIRS)?);
    println!("   a command line that stays signed in: {ours} lines, {theirs} over the AWS SDK");
    ensure!(ours <= MOST_LINES, "examples/{OURS} has grown to {ours} lines; {MOST_LINES} are allowed");
    Ok(())
}

fn lines_of(example: &str) -> Result<usize> {
    let source = examples().join(example).join("src");
    let mut lines = 0;
    for entry in fs::read_dir(&source).with_context(|| source.display().to_string())? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "tests.rs") {
            lines += written(&fs::read_to_string(path)?);
        }
    }
    Ok(lines)
}

/// Counts the lines that are not blank, comments included.
fn written(text: &str) -> usize {
    text.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Runs each program against the server.
fn programs() -> Result<()> {
    Run::cargo().args(["build", "--package", "sso-oidc"]).go()?;
    let server = Server::start(Profile::Debug, &["--approve", "after-polls=1"])?;
    for example in [OURS, THEIRS] {
        stays_signed_in(&server, example)?;
    }
    let run = program("runtime")?.args([server.endpoint(), START_URL]).output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success() && run.stdout.len() > 40, "runtime: no sign-in: {said}");
    println!("   runtime signed in");
    #[cfg(unix)]
    web::survives_a_restart(&server)?;
    Ok(())
}

/// Returns a run of an example's program.
fn program(example: &str) -> Result<Run> {
    Ok(Run::new(built(example)?))
}

/// Returns an example's program.
fn built(example: &str) -> Result<PathBuf> {
    server::program(Profile::Debug, &format!("example-{example}"))
}

/// Signs in with a command-line example, and runs it again with the stored session.
fn stays_signed_in(server: &Server, example: &str) -> Result<()> {
    let file = files()?.join(format!("{example}.json"));
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let run = || {
        let run = program(example)?.env("ENDPOINT", server.endpoint()).env("SESSION_FILE", &file);
        run.env("START_URL", START_URL).output()
    };
    let (first, second) = (run()?, run()?);
    let said = String::from_utf8_lossy(&first.stderr);
    ensure!(first.status.success() && said.contains("user_code="), "no sign-in: {said}");
    ensure!(first.stdout == second.stdout && first.stdout.len() > 40, "the second run has another token");
    ensure!(
        second.stderr.is_empty(),
        "the second run asks again: {}",
        String::from_utf8_lossy(&second.stderr)
    );
    fs::remove_file(file)?;
    println!("   {example} signed in, and found the session again");
    Ok(())
}

/// Stops the web server during a sign-in, and checks that its next process goes on.
#[cfg(unix)]
mod web {
    use std::fs;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpStream;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use anyhow::{Context as _, Result, bail, ensure};

    use super::{START_URL, built, files};
    use crate::server::Server;

    /// The time limit: a sign-in takes two seconds, a shutdown up to half a minute.
    const LIMIT: Duration = Duration::from_secs(30);

    pub(super) fn survives_a_restart(server: &Server) -> Result<()> {
        let directory = files()?.join("sign-ins");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        let id = during(server, &directory, |address| {
            let started = ask(address, "POST", "/sign-in")?;
            let id = started.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
            ensure!(started.contains("user_code"), "POST /sign-in gave {started}");
            Ok(id.context("no id")?.to_owned())
        })?;
        during(server, &directory, |address| {
            let began = Instant::now();
            loop {
                let stands = ask(address, "GET", &format!("/sign-in/{id}"))?;
                if stands.contains("signed_in") {
                    return Ok(());
                }
                ensure!(began.elapsed() < LIMIT, "the sign-in did not go on: {stands}");
                thread::sleep(Duration::from_millis(100));
            }
        })?;
        fs::remove_dir_all(directory)?;
        println!("   web was told to end in the middle of a sign-in, and went on with it");
        Ok(())
    }

    /// Runs the program during this closure, and then stops it.
    fn during<T>(server: &Server, directory: &Path, run: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let mut command = Command::new(built("web")?);
        command.env("ENDPOINT", server.endpoint()).env("START_URL", START_URL).env("DIRECTORY", directory);
        command.env("LISTEN", "127.0.0.1:0").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start `web`")?;
        let result = address_of(&mut child).and_then(|address| run(&address));
        let ended = end(&mut child);
        // An ended process is not affected.
        _ = child.kill();
        _ = child.wait();
        ended.and(result)
    }

    fn address_of(child: &mut Child) -> Result<String> {
        let mut line = String::new();
        BufReader::new(child.stderr.take().context("no stderr")?).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("Listening on http://");
        Ok(address.with_context(|| format!("`web` said {line}"))?.trim_end_matches('.').to_owned())
    }

    fn end(child: &mut Child) -> Result<()> {
        let told = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status()?;
        ensure!(told.success(), "kill -TERM");
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "`web` ended with {status}");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("`web` did not end within {LIMIT:?}")
    }

    fn ask(address: &str, method: &str, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_do_not_count_and_comments_do() {
        assert_eq!(written("//! Doc.\n\nfn main() {\n    // why\n\n    go();\n}\n"), 5);
    }
}
