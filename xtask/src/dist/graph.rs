//! The packages that the program is built from, for one target.
//!
//! `cargo tree` knows which features and dependencies a build has. `cargo metadata` knows the licences and files, and
//! the lock file the checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, fs};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Package;

use super::PROGRAM;
use super::checkout::Checkout;
use crate::shell::Run;

/// The name of a package in a build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) version: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A package of a build.
pub(super) struct Node {
    pub(super) package: Package,
    /// Whether it is linked into the program. Otherwise it is used during the build only.
    pub(super) linked: bool,
    /// What it depends on.
    pub(super) below: BTreeSet<Key>,
    /// The SHA-256 of its archive; `None` for a package of the checkout.
    pub(super) checksum: Option<String>,
}

/// All packages of the program.
pub(super) struct Graph {
    pub(super) root: Key,
    pub(super) nodes: BTreeMap<Key, Node>,
    pub(super) target: String,
}

impl Graph {
    /// Returns the packages for a target.
    ///
    /// # Errors
    ///
    /// `cargo tree` fails, or names a package that is not in the lock file.
    pub(super) fn of(checkout: &Checkout, target: &str) -> Result<Self> {
        let edges = Tree::of(&tree(checkout, target, "normal,build")?)?;
        let linked = Tree::of(&tree(checkout, target, "normal,no-proc-macro")?)?;
        let root = edges.root.clone().context("`cargo tree` printed nothing")?;
        let lock = fs::read_to_string(checkout.root().join("Cargo.lock"))?;
        let checksums = checksums(&lock);
        let mut nodes = BTreeMap::new();
        for (key, below) in edges.below {
            let is_meant =
                |package: &&Package| *package.name == key.name && package.version.to_string() == key.version;
            let package = checkout.metadata().packages.iter().find(is_meant);
            let package = package.with_context(|| format!("`cargo metadata` has no {key}"))?.clone();
            let checksum = checksums.get(&key).cloned();
            ensure!(
                checksum.is_some() == package.source.is_some(),
                "{key}: its checksum is not in the lock file"
            );
            let linked = linked.below.contains_key(&key);
            nodes.insert(key, Node { package, linked, below, checksum });
        }
        Ok(Self { root, nodes, target: target.to_owned() })
    }
}

fn tree(checkout: &Checkout, target: &str, edges: &str) -> Result<String> {
    let run = Run::cargo().args(["tree", "--locked", "--package", PROGRAM, "--target", target]);
    let run = run.args(["--edges", edges, "--prefix", "depth", "--format", "{p}"]);
    let output = run.in_dir(checkout.root()).env("CARGO_HOME", checkout.cargo_home()).output()?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What `cargo tree` printed: the dependencies of each package.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    root: Option<Key>,
    below: BTreeMap<Key, BTreeSet<Key>>,
}

impl Tree {
    /// Reads lines such as `2serde v1.0.2 (proc-macro) (*)`, which begin with the depth.
    ///
    /// # Errors
    ///
    /// A line has another form.
    fn of(text: &str) -> Result<Self> {
        let mut tree = Self::default();
        let mut path: Vec<Key> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (depth, key) = package(line).with_context(|| format!("cargo tree: `{line}`"))?;
            ensure!(depth <= path.len(), "cargo tree: `{line}` is too deep");
            path.truncate(depth);
            tree.below.entry(key.clone()).or_default();
            match path.last() {
                Some(above) => {
                    tree.below.entry(above.clone()).or_default().insert(key.clone());
                }
                None => tree.root = Some(key.clone()),
            }
            path.push(key);
        }
        Ok(tree)
    }
}

fn package(line: &str) -> Option<(usize, Key)> {
    let at = line.find(|c: char| !c.is_ascii_digit())?;
    let (depth, rest) = line.split_at(at);
    let mut words = rest.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((depth.parse().ok()?, Key { name: name.to_owned(), version: version.to_owned() }))
}

/// Returns the checksums of a lock file.
fn checksums(lock: &str) -> BTreeMap<Key, String> {
    let value = |block: &str, key: &str| {
        let lines = block.lines();
        lines
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
            .next()
            .map(|value| value.replace('"', ""))
    };
    let packages = lock.split("[[package]]").skip(1).filter_map(|block| {
        let key = Key { name: value(block, "name")?, version: value(block, "version")? };
        Some((key, value(block, "checksum")?))
    });
    packages.collect()
}

#[cfg(test)]
impl Graph {
    /// Returns that of this checkout, for tests.
    pub(super) fn ours() -> Self {
        Self::of(&Checkout::ours().unwrap(), "x86_64-unknown-linux-gnu").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { name: name.to_owned(), version: "1.0.0".to_owned() }
    }

    #[test]
    fn a_repeated_package_keeps_its_dependencies_and_gets_another_parent() {
        let text = "0app v1.0.0 (/x/app)\n1a v1.0.0\n2b v1.0.0 (proc-macro)\n3c v1.0.0\n1b v1.0.0 (proc-macro) (*)\n";
        let tree = Tree::of(text).unwrap();
        assert_eq!(tree.root, Some(key("app")));
        let below = |name| tree.below[&key(name)].iter().map(|key| key.name.as_str()).collect::<Vec<_>>();
        assert_eq!(
            (below("app"), below("a"), below("b"), below("c")),
            (vec!["a", "b"], vec!["b"], vec!["c"], vec![])
        );
    }

    #[test]
    fn a_line_of_another_form_is_an_error_that_shows_it() {
        for line in ["serde v1.0.0", "0serde", "0serde 1.0.0", "[build-dependencies]"] {
            assert!(Tree::of(line).unwrap_err().to_string().contains(line), "{line}");
        }
        assert!(Tree::of("0a v1.0.0\n2b v1.0.0").is_err());
    }

    #[test]
    fn checksums_are_those_of_packages_from_the_registry() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"x\"\nchecksum = \"ab\"\n\n\
                    [[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\n \"a\",\n]\n";
        assert_eq!(checksums(lock), BTreeMap::from([(key("a"), "ab".to_owned())]));
    }

    #[test]
    fn test_tools_are_no_part_of_the_program_and_macros_are_not_linked() {
        let graph = Graph::ours();
        let linked =
            |name: &str| graph.nodes.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.linked);
        assert_eq!(graph.root.name, PROGRAM);
        assert_eq!([linked("ring"), linked("device-flow")], [Some(true); 2]);
        assert_eq!([linked("serde_derive"), linked("cc")], [Some(false); 2]);
        assert_eq!(
            [linked("proptest"), linked("divan"), linked("tokio-postgres"), linked("cargo_metadata")],
            [None; 4]
        );
    }
}
