//! Runs the program of an archive for another system: one for Windows under Wine, and one for ARM under QEMU.

use std::fs::File;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Made, PROGRAM};
use crate::portability::wine::Wine;
use crate::portability::{linux, qemu, windows};
use crate::server::Server;
use crate::shell::Run;
use crate::toolchain::Missing;

/// The time limit of one command.
const LIMIT: Duration = Duration::from_secs(120);

/// Unpacks an archive, and runs its program there: a sign-in, and `ready` beside a server.
///
/// # Errors
///
/// A command fails. A machine that cannot do it is no error, and is said.
pub(super) fn check(made: &Made) -> Result<()> {
    let checked = match made.target.as_str() {
        windows::TARGET => under_wine(made),
        linux::ARM => under_qemu(made),
        _ => return Ok(()),
    };
    match checked {
        Err(error) if error.is::<Missing>() => {
            println!("   NOT CHECKED: {} from its archive: {error:#}", made.target);
            Ok(())
        }
        checked => checked,
    }
}

/// A fresh Wine has no library of MinGW, so a program that needs one does not start.
fn under_wine(made: &Made) -> Result<()> {
    let programs = Wine::find()?;
    let wine = Wine::start(programs)?;
    let dir = tempfile::Builder::new().prefix("dist-emulated-").tempdir()?;
    zip::ZipArchive::new(File::open(&made.path)?)?.extract(dir.path())?;
    let program = dir.path().join(&made.folder).join(format!("{PROGRAM}.exe"));
    runs(made, &wine.version()?, || wine.run(&program))
}

fn under_qemu(made: &Made) -> Result<()> {
    qemu::find()?;
    let dir = tempfile::Builder::new().prefix("dist-emulated-").tempdir()?;
    let archive = flate2::read::GzDecoder::new(File::open(&made.path)?);
    tar::Archive::new(archive).unpack(dir.path())?;
    let program = dir.path().join(&made.folder).join(PROGRAM);
    runs(made, qemu::PROGRAM, || qemu::run(&program))
}

fn runs(made: &Made, place: &str, program: impl Fn() -> Run) -> Result<()> {
    let output = program().arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout);
    let version = version.trim_end();
    ensure!(version.starts_with(PROGRAM), "--version said `{version}` and {:?}", output.stderr);
    program().args(["demo", "--approve", "--no-browser"]).limit(LIMIT).go()?;
    let server = Server::of(program().args(["serve", "--listen", "127.0.0.1:0"]).into_command())?;
    program().args(["ready", server.endpoint(), "--wait", "10s"]).limit(LIMIT).go()?;
    println!("   {}: runs from its archive under {place}: {version}", made.target);
    Ok(())
}
