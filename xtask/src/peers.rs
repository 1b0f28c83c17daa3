//! The peers of the interop scenarios: programs with the crates `oauth2`, `openidconnect` and `aws-config`,
//! and the adapters' examples. From npm come a provider, a client and what drives Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::server::{Profile, program};
use crate::shell::Run;
use crate::{browser, workspace};

/// The time limit of a first install on a slow network.
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// Returns all peers, each with the environment variable that the scenarios read.
pub(crate) fn all() -> Result<Vec<(&'static str, PathBuf)>> {
    let npm = npm()?;
    let mut found = crates()?;
    found.extend([
        ("INTEROP_NODE", node(&npm)),
        ("INTEROP_PROVIDER", npm.join("serve.mjs")),
        ("INTEROP_OPENID_CLIENT", npm.join("client.mjs")),
        ("INTEROP_CLICK", npm.join("click.mjs")),
        ("INTEROP_VISIT", npm.join("visit.mjs")),
        ("INTEROP_JS_TOKEN", npm.join("token.mjs")),
        ("INTEROP_CHROMIUM", chromium()?),
    ]);
    let examples = [("INTEROP_UREQ", "oauth_login"), ("INTEROP_REQWEST", "async_oauth_login")];
    let build = Run::cargo().args(["build", "--workspace"]);
    build.args(examples.iter().flat_map(|(_, example)| ["--example", example])).go()?;
    for (variable, example) in examples {
        found.push((variable, program(Profile::Debug, &format!("examples/{example}"))?));
    }
    found.extend(browser::page()?.map(|page| ("INTEROP_PAGE", page)));
    Ok(found)
}

/// Installs the packages, and builds the programs outside the workspace.
pub(crate) fn prepare() -> Result<()> {
    npm()?;
    crates()?;
    Ok(())
}

/// Returns the programs with crates of others.
fn crates() -> Result<Vec<(&'static str, PathBuf)>> {
    Ok(vec![
        ("INTEROP_OAUTH2", peer("oauth2")?),
        ("INTEROP_OPENIDCONNECT", peer("openidconnect")?),
        ("INTEROP_AWS_CONFIG", peer("aws-config")?),
    ])
}

/// Returns the browser, which no registry of packages has.
fn chromium() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let places = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    places
        .into_iter()
        .find(|place| place.exists())
        .context("Chromium is needed (Debian: apt-get install chromium)")
}

/// Returns a directory with the scripts and packages of npm. They are reinstalled when the lock file changes.
fn npm() -> Result<PathBuf> {
    const LOCK: &str = "package-lock.json";
    let source = workspace::root().join("xtask/interop/npm");
    let dir = workspace::target_dir()?.join("interop-npm");
    fs::create_dir_all(&dir)?;
    let wanted = fs::read_to_string(source.join(LOCK))?;
    // Written last, so that an interrupted install does not count as complete.
    let stamp = dir.join("installed.json");
    for name in
        ["package.json", LOCK, ".npmrc", "serve.mjs", "client.mjs", "click.mjs", "visit.mjs", "token.mjs"]
    {
        // A file that stays the same is not touched, because another process may run it.
        workspace::write(&dir.join(name), &fs::read(source.join(name)).with_context(|| name.to_owned())?)?;
    }
    if !fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        // Install scripts are off, because no package needs one.
        let run =
            Run::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        run.in_dir(&dir)
            .limit(INSTALL_LIMIT)
            .go()
            .context("node and npm are needed (Debian: apt-get install nodejs npm)")?;
        fs::write(stamp, wanted)?;
    }
    Ok(dir)
}

/// Returns the Node of the npm packages, else the system's. Distributions often have one that is too old for the
/// provider, but sufficient to install packages.
fn node(npm: &Path) -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let packed = npm.join(format!("node_modules/node-linux-{arch}/bin/node"));
    if packed.exists() { packed } else { "node".into() }
}

/// Builds a peer with the crate of this name, outside the workspace.
fn peer(name: &str) -> Result<PathBuf> {
    let manifest = workspace::root().join("xtask/peers").join(name).join("Cargo.toml");
    let target = workspace::target_dir()?.join("peers");
    let build = Run::cargo().args(["build", "--locked", "--manifest-path"]).arg(&manifest);
    build.env("CARGO_TARGET_DIR", &target).go()?;
    Ok(target.join("debug").join(format!("peer-{name}{}", std::env::consts::EXE_SUFFIX)))
}
