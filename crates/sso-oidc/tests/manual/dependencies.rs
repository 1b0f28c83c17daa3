//! The dependencies that a chapter names, for a reader who copies its Rust blocks into a package.

use std::collections::{BTreeMap, BTreeSet};

use crate::blocks::{Block, blocks};
use crate::{CHAPTERS, chapter, manual, text};

/// The tables of a manifest that have dependencies.
const TABLES: [&str; 2] = ["dependencies", "dev-dependencies"];
/// What Rust blocks use without a dependency.
const BUILT_IN: [&str; 3] = ["core", "crate", "std"];

/// The features of each dependency.
type Features = BTreeMap<String, BTreeSet<String>>;

fn features(dependencies: &toml::Table) -> Features {
    let of_one = |value: &toml::Value| {
        let features = value.get("features").and_then(toml::Value::as_array).into_iter().flatten();
        features.map(|feature| feature.as_str().unwrap().to_owned()).collect()
    };
    let tables = TABLES.iter().filter_map(|name| dependencies.get(*name)?.as_table());
    tables.flatten().map(|(name, value)| (name.clone(), of_one(value))).collect()
}

/// Returns the names before `::` that begin a path. A method such as `.parse::<u8>()` begins none.
fn crates_of(rust: &str) -> BTreeSet<String> {
    let words = rust.split(|c: char| !(c.is_alphanumeric() || "_:.".contains(c)));
    let paths = words.filter_map(|word| word.split_once("::"));
    let names = paths
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(char::is_lowercase) && !name.contains('.'));
    names.filter(|name| !BUILT_IN.contains(name)).map(|name| name.replace('_', "-")).collect()
}

// All blocks are built with the features of `manual`. So a feature that two chapters need may be missing in one.
#[test]
fn a_chapter_names_the_dependencies_of_its_rust_blocks() {
    let manifest: toml::Table = toml::from_str(&text(&manual().join("Cargo.toml"))).unwrap();
    let built = features(&manifest);
    let mut named = Features::new();
    for name in CHAPTERS {
        let blocks = blocks(&chapter(name)).unwrap();
        let of_rust =
            |block: &Block| if let Block::Rust(text) = block { crates_of(text) } else { BTreeSet::new() };
        let used: BTreeSet<String> = blocks.iter().flat_map(of_rust).collect();
        let mut shown = Features::new();
        for block in &blocks {
            let Block::Dependencies(text) = block else { continue };
            let table: toml::Table = toml::from_str(text).unwrap();
            for (dependency, features) in features(&table) {
                shown.entry(dependency).or_default().extend(features);
            }
            has_the_right_places(name, &table);
        }
        assert_eq!(shown.keys().cloned().collect::<BTreeSet<_>>(), used, "{name}.md");
        for (dependency, features) in shown {
            named.entry(dependency).or_default().extend(features);
        }
    }
    for (dependency, features) in named {
        // An explicit `default` is that of a dependency whose defaults the workspace switches off.
        let mut built = built[&dependency].clone();
        built.remove("default");
        assert_eq!(features, built, "{dependency}: the chapters together, and the manifest of `manual`");
    }
}

/// A crate has the version of the workspace. One of ours may be a folder of the checkout in its place.
fn has_the_right_places(chapter: &str, table: &toml::Table) {
    let workspace: toml::Table = toml::from_str(&text(&manual().join("../../Cargo.toml"))).unwrap();
    let workspace = workspace["workspace"]["dependencies"].as_table().unwrap();
    let tables = TABLES.iter().filter_map(|name| table.get(*name)?.as_table());
    for (name, shown) in tables.flatten() {
        let place = |value: &toml::Value, key| Some(value.get(key)?.as_str()?.to_owned());
        let version =
            |value: &toml::Value| value.as_str().map(str::to_owned).or_else(|| place(value, "version"));
        match place(&workspace[name], "path") {
            Some(path) if version(shown).is_none() => {
                assert_eq!(place(shown, "path"), Some(format!("CHECKOUT/{path}")), "{chapter}.md: {name}");
            }
            _ => assert_eq!(version(shown), version(&workspace[name]), "{chapter}.md: {name}"),
        }
    }
}

#[test]
fn the_crates_of_a_block_are_the_starts_of_its_paths() {
    let block = "use a_b::{C, D};\nuse std::f::G;\n#[tokio::main]\nfn h() { I::j(); http::K::l(); let m: Vec<n::O> = p.parse::<q>(); }\n";
    assert_eq!(crates_of(block), ["a-b", "http", "n", "tokio"].map(str::to_owned).into());
}
