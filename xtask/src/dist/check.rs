//! `cargo xtask dist --check`: two clones in different directories make the same archives, and the program in them runs
//! where nothing else is, or under an emulator.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::checkout::Checkout;
use super::{Made, chroot, emulated, image, make};

/// The places of the clones. Their lengths differ, because a path in a file would move what follows.
const PLACES: [&str; 2] = ["one", "another/which/is/deeper"];

/// Builds everything twice, compares, and runs the programs.
pub(super) fn all(checkout: &Checkout, targets: &[String]) -> Result<()> {
    let scratch = tempfile::Builder::new().prefix("dist-check-").tempdir()?;
    let mut twice = Vec::new();
    for place in PLACES {
        let root = scratch.path().join(place);
        fs::create_dir_all(&root)?;
        let clone = checkout.clone_to(&root.join("checkout"))?;
        twice.push(make(&clone, targets)?);
        // What the build left takes a gigabyte for each target.
        for target in targets {
            fs::remove_dir_all(clone.target_dir().join(target))?;
        }
    }
    let [one, other] = <[Vec<Made>; 2]>::try_from(twice).ok().context("there are two clones")?;
    for (one, other) in one.iter().zip(&other) {
        let differing: Vec<&str> =
            one.files.symmetric_difference(&other.files).map(|(path, _)| path.as_str()).collect();
        ensure!(differing.is_empty(), "{}: these files differ: {}", one.target, differing.join(", "));
        ensure!(one.sum == other.sum, "{}: the archives differ, and their files are equal", one.target);
        println!("   {}: {} files, twice the same archive: {}", one.target, one.files.len(), one.sum);
    }
    for made in &one {
        chroot::check(made)?;
        emulated::check(made)?;
        image::check(made)?;
    }
    Ok(())
}
