//! Makes the page: its own files, the WebAssembly, and the JavaScript that loads it.
//!
//! ```console
//! $ cargo run -- example_browser.wasm DIRECTORY
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

/// The page's own files.
const FILES: [(&str, &str); 3] = [
    ("index.html", include_str!("../../page/index.html")),
    ("page.js", include_str!("../../page/page.js")),
    ("sign-in.js", include_str!("../../page/sign-in.js")),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [wasm, directory] = arguments.as_slice() else {
        return Err("usage: example-browser-bindgen WASM DIRECTORY".into());
    };
    fs::create_dir_all(directory)?;
    for (name, text) in FILES {
        fs::write(Path::new(directory).join(name), text)?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .web(true)?
        .omit_default_module_path(false)
        // The names of functions are a third of the file.
        .remove_name_section(true)
        .remove_producers_section(true)
        .typescript(false)
        .generate(directory)?;
    Ok(())
}
