//! Makes the image of `examples/deploy/Dockerfile` from the static program of an archive, and runs it.
//!
//! The first stage of the Dockerfile needs a registry of images, so only the last one is built. Buildah needs no
//! service and no network for that.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Made, PROGRAM, build};
use crate::shell::{Run, has_program};
use crate::workspace;

const BUILDAH: &str = "buildah";
/// The line that begins the last stage.
const STAGE: &str = "FROM scratch";
/// The name of the image.
const NAME: &str = "sso-oidc-dist-check";
/// The time limit of one command.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes the image, and runs its program, its server, and `ready` beside it.
///
/// # Errors
///
/// A command fails. A machine that cannot do it is no error, and is said.
pub(super) fn check(made: &Made) -> Result<()> {
    if !made.target.ends_with("-musl") {
        return Ok(());
    }
    if let Some(why) = impossible(made)? {
        println!("   NOT CHECKED: the image of {}: {why}", made.target);
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let container = scratch.container(made)?;
    let version = container.run(&[], &["--version"]).output()?;
    let said = String::from_utf8_lossy(&version.stdout);
    ensure!(said.starts_with(PROGRAM), "--version said `{said}` and {:?}", version.stderr);
    // As the health check does it, but on a port that the system chooses.
    let port = ["--env", "SSO_OIDC_SERVE_LISTEN=127.0.0.1:0"];
    let (file, program) = (["--ready-file", "/data/url"], format!("/{PROGRAM}"));
    let ready = [&["serve", "--keep-home"][..], &file, &["--", &program, "ready"], &file, &["--wait", "10s"]];
    container.run(&port, &ready.concat()).limit(LIMIT).go()?;
    container.run(&[], &["demo", "--approve", "--no-browser"]).limit(LIMIT).go()?;
    println!(
        "   {}: an image from scratch has it, and its server is ready: {}",
        made.target,
        said.trim_end()
    );
    Ok(())
}

/// Returns why it cannot be done on this machine.
fn impossible(made: &Made) -> Result<Option<String>> {
    if !build::runs_here(&made.target) {
        return Ok(Some("this machine cannot run it".to_owned()));
    }
    if !has_program(BUILDAH) {
        return Ok(Some(format!("no {BUILDAH} (Debian: apt-get install {BUILDAH})")));
    }
    let user = Run::new("id").arg("-u").output()?;
    Ok((user.stdout != b"0\n").then(|| "its chroot needs root".to_owned()))
}

/// Buildah's storage, and the files of the image. It is removed at the end.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::Builder::new().prefix("dist-image-").tempdir()?))
    }

    fn buildah(&self) -> Run {
        let run = Run::new(BUILDAH).arg("--root").arg(self.0.path().join("storage"));
        run.arg("--runroot").arg(self.0.path().join("run")).args(["--storage-driver", "vfs"])
    }

    /// Makes the image, and a container of it.
    fn container(&self, made: &Made) -> Result<Container<'_>> {
        let dockerfile = fs::read_to_string(workspace::root().join("examples/deploy/Dockerfile"))?;
        let stage = self.0.path().join("Dockerfile");
        fs::write(&stage, last_stage(&dockerfile)?)?;
        // What the first stage leaves for the last one.
        let built = self.0.path().join("build");
        fs::create_dir_all(built.join("image/data"))?;
        let unpacked = ["--strip-components=1", "--wildcards"];
        let program = format!("*/{PROGRAM}");
        let unpack = Run::new("tar").arg("-xzf").arg(&made.path).args(unpacked).arg("-C");
        unpack.arg(built.join("image")).arg(program).go()?;
        let build = self.buildah().args(["bud", "--quiet", "--isolation", "chroot", "--format", "docker"]);
        let build = build.arg("--build-context").arg(format!("build={}", built.display()));
        build.args(["--tag", NAME, "--file"]).arg(&stage).arg(&built).limit(LIMIT).go()?;
        let made = self.buildah().arg("from").arg(format!("localhost/{NAME}")).output()?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let name = String::from_utf8(made.stdout)?.trim().to_owned();
        Ok(Container { scratch: self, name })
    }
}

struct Container<'a> {
    scratch: &'a Scratch,
    name: String,
}

impl Container<'_> {
    /// Runs the program in the container, as its user and with its variables.
    fn run(&self, flags: &[&str], args: &[&str]) -> Run {
        let run = self.scratch.buildah().args(["run", "--isolation", "chroot"]).args(flags);
        run.arg(&self.name).arg("--").arg(Path::new("/").join(PROGRAM)).args(args)
    }
}

/// Returns the lines of the last stage.
fn last_stage(dockerfile: &str) -> Result<&str> {
    let at = dockerfile.find(STAGE).with_context(|| format!("the Dockerfile has no `{STAGE}`"))?;
    Ok(dockerfile.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_takes_the_program_of_the_first_and_no_other_image() {
        let stage = last_stage(include_str!("../../../examples/deploy/Dockerfile")).unwrap();
        assert_eq!(stage.lines().filter(|line| line.starts_with("FROM")).count(), 1);
        assert!(stage.contains("COPY --from=build"), "{stage}");
        assert!(last_stage("FROM alpine\n").is_err());
    }
}
