//! macOS: a type check. Linking needs Apple's libraries.

use anyhow::Result;

use super::build;
use super::report::Checked;
use crate::toolchain::Toolchain;

pub(crate) const TARGET: &str = "aarch64-apple-darwin";

/// All that is published, except the store in PostgreSQL.
const CRATES: [&str; 10] = [
    "oidc-proto",
    "device-flow",
    "device-authority",
    "sso-cache",
    "device-flow-ureq",
    "device-flow-reqwest",
    "sso-oidc-server",
    "device-conform",
    "sso-oidc-credentials",
    "sso-oidc",
];

pub(crate) fn check() -> Result<Checked> {
    let toolchain = Toolchain::of(TARGET, "std,panic_unwind")?;
    // A type check needs no object of the C code that ring has. So a program that does nothing stands in for Apple's
    // compiler and archiver, which only macOS has.
    let check = build::cargo(&toolchain, "check", &CRATES)?;
    let check = check.env("CC_aarch64_apple_darwin", "true").env("AR_aarch64_apple_darwin", "true");
    check.env("SDKROOT", "/").go()?;
    let built = format!("type check only: {} by {}", CRATES.join(", "), toolchain.name());
    Ok(Checked::default().built(built))
}
