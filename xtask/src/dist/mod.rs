//! `cargo xtask dist`: the archives of a release, which anyone can make again, byte for byte.
//!
//! An archive has the program in the profile `dist`, the documents, completions and manual pages. It also has the
//! licences of all that is linked in, and a bill of materials. Nothing in it depends on the machine, except the
//! compiler, which the bill of materials names. Times are that of the commit. Files have an order and no owner. Paths
//! of the checkout and of cargo are mapped to fixed ones.

mod archive;
mod build;
mod check;
mod checkout;
mod chroot;
mod documents;
mod emulated;
mod graph;
mod image;
mod licences;
pub(crate) mod sbom;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use self::archive::{Entry, Format};
use self::build::Builder;
use self::checkout::Checkout;
use self::graph::Graph;
use crate::shell::Run;
use crate::toolchain;

/// The package of the program.
const PROGRAM: &str = "sso-oidc";
/// The directory of the archives, below the target directory.
const PLACE: &str = "dist-archives";
/// The checksums of all archives, in the form that `sha256sum --check` reads.
const SUMS: &str = "SHA256SUMS";
/// The shells that have completions, and the name of the script of each.
const SHELLS: &[(&str, &str)] = &[
    ("bash", "sso-oidc.bash"),
    ("elvish", "sso-oidc.elv"),
    ("fish", "sso-oidc.fish"),
    ("powershell", "_sso-oidc.ps1"),
    ("zsh", "_sso-oidc"),
];

/// `cargo xtask dist [--target TARGET]… [--check]`
pub(crate) fn task(args: &[String]) -> Result<()> {
    let flags = Flags::of(args)?;
    let targets = if flags.targets.is_empty() { vec![toolchain::host()?] } else { flags.targets };
    let checkout = Checkout::ours()?;
    if flags.check { check::all(&checkout, &targets) } else { make(&checkout, &targets).map(|_| ()) }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Flags {
    targets: Vec<String>,
    check: bool,
}

impl Flags {
    fn of(args: &[String]) -> Result<Self> {
        let mut flags = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--check" => flags.check = true,
                "--target" => {
                    flags.targets.push(args.next().context("--target wants the name of a target")?.clone());
                }
                other => bail!("`dist` does not know `{other}`: it takes --target TARGET and --check"),
            }
        }
        Ok(flags)
    }
}

/// An archive that was made.
struct Made {
    target: String,
    /// The name of the folder inside.
    folder: String,
    path: PathBuf,
    sum: String,
    /// The path and the checksum of each file inside.
    files: BTreeSet<(String, String)>,
}

/// Makes the archives of a checkout, and the list of their checksums. What was there before is removed.
fn make(checkout: &Checkout, targets: &[String]) -> Result<Vec<Made>> {
    if checkout.is_changed()? {
        println!("   the checkout has changes, so the archives are not those of its commit");
    }
    let place = checkout.target_dir().join(PLACE);
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
    let made = targets.iter().map(|target| {
        let folder = format!("{PROGRAM}-{}-{target}", checkout.version());
        let format = Format::of(target);
        let contents = contents(checkout, target)?;
        let bytes = archive::pack(&contents, &folder, checkout.time()?, format)?;
        let path = place.join(format!("{folder}{}", format.ending()));
        fs::write(&path, &bytes).with_context(|| path.display().to_string())?;
        let sum = archive::sum(&bytes);
        println!("   {sum}  {}", path.display());
        let files = contents.iter().map(Entry::identity).collect();
        documents::name_what_is_there(&files)?;
        Ok(Made { target: target.clone(), folder, path, sum, files })
    });
    let made = made.collect::<Result<Vec<_>>>()?;
    let pairs = made.iter().map(|made| (made.sum.as_str(), made.path.as_path()));
    fs::write(place.join(SUMS), archive::sums(pairs))?;
    Ok(made)
}

/// Builds the program, and returns all files of the archive.
fn contents(checkout: &Checkout, target: &str) -> Result<Vec<Entry>> {
    let builder = Builder::of(target)?;
    let compiler = builder.compiler();
    println!("   {target}: {compiler}");
    let program = builder.build(checkout)?;
    let bytes = fs::read(&program).with_context(|| program.display().to_string())?;
    nothing_of_this_machine(&bytes, &builder.mapped(checkout))?;
    let graph = Graph::of(checkout, target)?;
    let name = program.file_name().context("the program has a name")?.to_string_lossy().into_owned();
    let mut entries = vec![Entry::program(&name, bytes)];
    entries.extend(documents::all(checkout.root())?);
    entries.push(Entry::file("THIRD-PARTY.txt", licences::list(&graph)?.into_bytes()));
    for (name, file) in builder.system_parts()? {
        entries.push(Entry::file(name, fs::read(&file).with_context(|| file.display().to_string())?));
    }
    entries.push(Entry::file(
        "sso-oidc.cdx.json",
        sbom::text(&graph, &compiler, checkout.time()?)?.into_bytes(),
    ));
    let speaks = if build::runs_here(target) { program } else { build::of_host(checkout)? };
    entries.extend(said_by(&speaks)?);
    Ok(entries)
}

/// Returns the files that the program makes itself: completions and manual pages.
fn said_by(program: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (shell, name) in SHELLS {
        let script = said(Run::new(program).args(["completions", shell]))?;
        entries.push(Entry::file(&format!("completions/{name}"), script));
    }
    let pages = tempfile::Builder::new().prefix("man-").tempdir()?;
    said(Run::new(program).args(["man", "--dir"]).arg(pages.path()))?;
    for page in fs::read_dir(pages.path())? {
        let page = page?;
        let name = page.file_name().to_string_lossy().into_owned();
        entries.push(Entry::file(&format!("man/man1/{name}"), fs::read(page.path())?));
    }
    Ok(entries)
}

fn said(run: Run) -> Result<Vec<u8>> {
    let output = run.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Checks that the program names no directory of this machine.
fn nothing_of_this_machine(program: &[u8], mapped: &[(PathBuf, &str)]) -> Result<()> {
    for (dir, _) in mapped {
        let found = find(program, dir.as_os_str().as_encoded_bytes());
        ensure!(found.is_none(), "the program has {} in it: {}", dir.display(), found.unwrap_or_default());
    }
    Ok(())
}

/// Returns the text around the first place where it is found.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<String> {
    let at = bytes.windows(wanted.len()).position(|window| window == wanted)?;
    let around = bytes.get(at.saturating_sub(20)..(at + wanted.len() + 60).min(bytes.len()))?;
    Some(String::from_utf8_lossy(around).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(args: &[&str]) -> Result<Flags> {
        Flags::of(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn targets_add_up_and_a_misspelt_flag_is_refused() {
        let both = flags(&["--target", "a", "--check", "--target", "b"]).unwrap();
        assert_eq!(both, Flags { targets: vec!["a".to_owned(), "b".to_owned()], check: true });
        assert_eq!(flags(&[]).unwrap(), Flags::default());
        assert!(flags(&["--target"]).is_err());
        assert!(flags(&["--chek"]).unwrap_err().to_string().contains("--chek"));
    }

    #[test]
    fn a_directory_in_a_program_is_found_with_what_follows() {
        let found = find(b"\0\0/home/me/source/src/main.rs\0", b"/home/me").unwrap();
        assert!(found.contains("/home/me/source/src/main.rs"), "{found}");
        assert_eq!(find(b"/source/src/main.rs", b"/home/me"), None);
    }
}
