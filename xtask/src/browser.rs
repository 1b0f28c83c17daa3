//! The page of `examples/browser`, built for a scenario in a real browser.
//!
//! Without a toolchain or a linker for WebAssembly the page is not checked.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::Run;
use crate::toolchain::{Missing, Toolchain, wasm_linker};
use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// Returns a directory with the page, or `None` where the tools for it are missing.
pub(crate) fn page() -> Result<Option<PathBuf>> {
    let tools = Toolchain::of(TARGET, "std,panic_abort").and_then(|found| Ok((found, wasm_linker()?)));
    let (toolchain, linker) = match tools {
        Ok(tools) => tools,
        Err(error) => {
            println!("   NOT CHECKED: examples/browser: {}", error.downcast::<Missing>()?);
            return Ok(None);
        }
    };
    let target = workspace::target_dir()?.join("browser");
    let manifest = workspace::root().join("examples/browser/Cargo.toml");
    let build = toolchain.cargo("build").args(["--profile", "page", "--manifest-path"]).arg(&manifest);
    let build = build.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    build.env("CARGO_TARGET_DIR", &target).go()?;
    let wasm = target.join(TARGET).join("page/example_browser.wasm");
    let page = target.join("site");
    let bindgen = Run::cargo().args(["run", "--quiet", "--locked", "--manifest-path"]);
    let bindgen = bindgen.arg(manifest.with_file_name("bindgen").join("Cargo.toml")).arg("--").arg(wasm);
    bindgen.arg(&page).env("CARGO_TARGET_DIR", workspace::target_dir()?).go()?;
    Ok(Some(page))
}
