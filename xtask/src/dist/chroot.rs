//! Runs the program of an archive where nothing else is: an empty root directory, as in an image from scratch.
//!
//! A static program gets nothing but its archive. Another one also gets the shared libraries that `ldd` names. The
//! settings and the user are those of `examples/deploy/Dockerfile`, and `chroot` needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::archive::Format;
use super::{Made, PROGRAM, build};
use crate::server::Server;
use crate::shell::Run;
use crate::workspace;

/// The user of the image, who has no name.
const USER: &str = "65532:65532";
/// The time limit of one command.
const LIMIT: Duration = Duration::from_secs(60);
/// A name that only `/etc/hosts` of the new root knows.
const HOST: &str = "sso.test";

/// Unpacks an archive as the root directory, and runs its program there.
///
/// # Errors
///
/// A command fails there. A machine that cannot do it is no error, and is said.
pub(super) fn check(made: &Made) -> Result<()> {
    if let Some(why) = impossible(made)? {
        println!("   NOT CHECKED: {} in an empty root: {why}", made.target);
        return Ok(());
    }
    let root = Root::new(made)?;
    let version = root.said(&["--version"])?;
    ensure!(version.trim_end().starts_with(PROGRAM), "--version said `{version}`");
    root.run(&["demo", "--approve"]).limit(LIMIT).go()?;
    {
        let server = root.serve(&[])?;
        root.run(&["ready", server.endpoint(), "--wait", "10s"]).limit(LIMIT).go()?;
        // A name is found without a service for names and without its settings.
        fs::create_dir_all(root.dir.path().join("etc"))?;
        fs::write(root.dir.path().join("etc/hosts"), format!("127.0.0.1 {HOST}\n"))?;
        root.run(&["ready", &server.endpoint().replace("127.0.0.1", HOST)]).limit(LIMIT).go()?;
    }
    let server = root.serve(&["--tls", "--tls-ca-file", "/data/ca.pem"])?;
    let ready = root.run(&["ready", server.endpoint(), "--wait", "10s"]);
    ready.env("SSL_CERT_FILE", "/data/ca.pem").limit(LIMIT).go()?;
    let refused = root.run(&["ready", server.endpoint()]).output()?;
    ensure!(!refused.status.success(), "a certificate of an authority that is unknown there was trusted");
    let libraries = root.libraries.len();
    println!(
        "   {}: runs in an empty root with {libraries} shared libraries: {}",
        made.target,
        version.trim_end()
    );
    Ok(())
}

/// Returns why it cannot be done on this machine.
fn impossible(made: &Made) -> Result<Option<String>> {
    if Format::of(&made.target) != Format::TarGz || !cfg!(target_os = "linux") {
        return Ok(Some("that is for Linux".to_owned()));
    }
    if !build::runs_here(&made.target) {
        return Ok(Some("this machine cannot run it".to_owned()));
    }
    let user = Run::new("id").arg("-u").output()?;
    Ok((user.stdout != b"0\n").then(|| "chroot needs root".to_owned()))
}

/// A root directory with an archive.
struct Root {
    dir: TempDir,
    /// The path of the program inside.
    program: String,
    libraries: Vec<PathBuf>,
    /// The variables of the image.
    variables: Vec<(String, String)>,
}

impl Root {
    fn new(made: &Made) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("dist-root-").tempdir()?;
        // The user inside may enter it.
        Run::new("chmod").arg("755").arg(dir.path()).go()?;
        let program = format!("/{}/{PROGRAM}", made.folder);
        let image = fs::read_to_string(workspace::root().join("examples/deploy/Dockerfile"))?;
        let mut root = Self { dir, program, libraries: Vec::new(), variables: variables(&image) };
        Run::new("tar").arg("-xzf").arg(&made.path).arg("-C").arg(root.dir.path()).go()?;
        root.libraries = libraries(&root.dir.path().join(&root.program[1..]))?;
        for library in &root.libraries {
            let copy = root.dir.path().join(library.strip_prefix("/")?);
            fs::create_dir_all(copy.parent().context("a library lies in a directory")?)?;
            fs::copy(library, copy).with_context(|| library.display().to_string())?;
        }
        fs::create_dir(root.dir.path().join("data"))?;
        Run::new("chown").arg(USER).arg(root.dir.path().join("data")).go()?;
        Ok(root)
    }

    /// Returns the arguments of `chroot` that run the program inside.
    fn arguments(&self, args: &[&str]) -> Vec<String> {
        let place = self.dir.path().to_string_lossy();
        let before = [&format!("--userspec={USER}"), place.as_ref(), &self.program];
        before.into_iter().chain(args.iter().copied()).map(str::to_owned).collect()
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::new("chroot").args(self.arguments(args)).without(|name| name != "PATH")
    }

    fn said(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args).output()?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(output.status.success(), "{args:?}: {}", said(&output.stderr));
        Ok(said(&output.stdout))
    }

    /// Starts the server as the image does, on a port that the system chooses.
    fn serve(&self, flags: &[&str]) -> Result<Server> {
        let mut serve = Command::new("chroot");
        serve.args(self.arguments(&["serve", "--listen", "127.0.0.1:0", "--allow-host", HOST])).args(flags);
        let path = std::env::var_os("PATH").unwrap_or_default();
        serve.env_clear().env("PATH", path).envs(self.variables.iter().cloned());
        Server::of(serve)
    }
}

/// Returns the variables that a Dockerfile sets.
fn variables(image: &str) -> Vec<(String, String)> {
    let settings = image.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Returns the shared libraries that a program needs, by `ldd`.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Run::new("ldd").arg(program).output().context("ldd names the shared libraries")?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let is_static = said.contains("statically linked") || said.contains("not a dynamic executable");
    ensure!(is_static || output.status.success(), "ldd: {said}");
    Ok(if is_static { Vec::new() } else { named(&said) })
}

/// Reads lines such as `libc.so.6 => /lib/libc.so.6 (0x0000)`.
fn named(said: &str) -> Vec<PathBuf> {
    let words = said.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_paths_and_the_kernels_own_has_none() {
        let said = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x0000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x0000)\n";
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(named(said), expected);
    }

    #[test]
    fn the_settings_of_the_image_are_read() {
        let image = include_str!("../../../examples/deploy/Dockerfile");
        let variables = variables(image);
        assert!(
            variables.contains(&("SSO_OIDC_SERVE_STORE".to_owned(), "/data/records".to_owned())),
            "{variables:?}"
        );
        assert!(image.contains(&format!("USER {USER}\n")), "the user is that of the image");
    }
}
