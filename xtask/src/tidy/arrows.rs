//! The allowed dependencies between the crates, and the forbidden ones of the pure crates.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, PackageId};

use super::tree::Tree;
use super::{PURE, Problem};

/// The allowed dependencies of each workspace crate on the others. Arrows point down only.
///
/// Development dependencies are not checked.
const ARROWS: &[(&str, &[&str])] = &[
    ("oidc-proto", &[]),
    ("device-flow", &["oidc-proto"]),
    ("device-authority", &["oidc-proto"]),
    ("device-flow-ureq", &["device-flow", "oidc-proto"]),
    ("device-flow-reqwest", &["device-flow", "oidc-proto"]),
    ("device-conform", &["oidc-proto", "device-flow-ureq"]),
    ("sso-cache", &["oidc-proto"]),
    ("sso-oidc-credentials", &["oidc-proto", "device-flow", "device-flow-reqwest", "sso-cache"]),
    ("sso-oidc-server", &["device-authority", "oidc-proto"]),
    ("sso-oidc-postgres", &["device-authority"]),
    (
        "sso-oidc",
        &[
            "oidc-proto",
            "device-flow",
            "device-authority",
            "device-flow-ureq",
            "device-flow-reqwest",
            "device-conform",
            "sso-cache",
            "sso-oidc-server",
            "sso-oidc-postgres",
        ],
    ),
    ("manual", &[]),
    ("adapter-tests", &["oidc-proto", "device-flow", "device-flow-ureq", "device-flow-reqwest"]),
    ("pair-tests", &["oidc-proto", "device-flow", "device-authority"]),
    ("simulate", &["oidc-proto", "device-flow", "device-authority", "sso-oidc-postgres"]),
    ("xtask", &[]),
];

/// Crates that use sockets, clocks, files or entropy. A pure crate must not depend on them, even indirectly.
/// `rand_core` is none of them: it has traits, and the entropy is in `getrandom`.
const IO: &[&str] = &[
    "async-io",
    "async-std",
    "chrono",
    "curl",
    "fastrand",
    "futures-timer",
    "getrandom",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "polling",
    "rand",
    "reqwest",
    "ring",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "ureq",
];

/// An allowed dependency of pure crates for tests, behind a feature of this name that no normal build enables.
const FOR_TESTS: &str = "proptest";

/// The graph of normal dependencies, without development and build dependencies.
pub(super) struct Graph {
    /// The dependencies of every package, in the workspace or not, by name.
    below: BTreeMap<String, BTreeSet<String>>,
    /// The workspace's crates and their manifests.
    members: BTreeMap<String, String>,
}

impl Graph {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let names: BTreeMap<&PackageId, &str> =
            metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
        let name = |id: &PackageId| names.get(id).map_or_else(|| id.repr.clone(), |name| (*name).to_owned());

        let mut below: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let normal = node
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            // Two versions of one crate share an entry, which can only make the rule stricter.
            let normal = normal.map(|dep| name(&dep.pkg)).filter(|name| name != FOR_TESTS);
            below.entry(name(&node.id)).or_default().extend(normal);
        }
        let manifest = |path: &cargo_metadata::camino::Utf8PathBuf| {
            path.strip_prefix(&metadata.workspace_root).unwrap_or(path).as_str().replace('\\', "/")
        };
        let packages = metadata.workspace_packages().into_iter();
        let members =
            packages.map(|package| (package.name.to_string(), manifest(&package.manifest_path))).collect();
        Self { below, members }
    }

    /// Returns the names of the workspace's crates.
    pub(super) fn members(&self) -> Vec<&str> {
        self.members.keys().map(String::as_str).collect()
    }

    fn below(&self, name: &str) -> impl Iterator<Item = &str> {
        self.below.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Returns the path from a crate to the first forbidden one, both included.
    fn way_to_io(&self, from: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut ways = vec![vec![from.to_owned()]];
        while let Some(way) = ways.pop() {
            for next in self.below(way.last().map_or(from, String::as_str)) {
                let mut longer = way.clone();
                longer.push(next.to_owned());
                if IO.contains(&next) {
                    return Some(longer);
                }
                if seen.insert(next.to_owned()) {
                    ways.push(longer);
                }
            }
        }
        None
    }
}

pub(super) fn check(graph: &Graph, tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, manifest) in &graph.members {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| from == name) else {
            let what = "is not in the table of arrows: say in xtask/src/tidy/arrows.rs what it may depend on";
            problems.push(Problem::new(manifest, 0, what));
            continue;
        };
        for below in graph.below(name).filter(|below| graph.members.contains_key(*below)) {
            if !allowed.contains(&below) {
                let what = format!(
                    "{name} depends on {below}, against the arrows: it may use [{}]. Move the code to the crate \
                     where it belongs",
                    allowed.join(", ")
                );
                problems.push(Problem::new(manifest, line_of(tree, manifest, below), what));
            }
        }
        if PURE.contains(&name.as_str())
            && let Some(way) = graph.way_to_io(name)
        {
            let line = way.get(1).map_or(0, |first| line_of(tree, manifest, first));
            let what = format!("a pure crate does no I/O, and this pulls it in: {}", way.join(" -> "));
            problems.push(Problem::new(manifest, line, what));
        }
    }
    problems
}

/// Returns the line of a dependency in a manifest.
fn line_of(tree: &Tree, manifest: &str, dependency: &str) -> usize {
    let names =
        |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
    tree.text(manifest).and_then(|text| text.lines().position(names)).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let members = edges.iter().filter(|(name, _)| ARROWS.iter().any(|(member, _)| member == name));
        Graph {
            below: edges.iter().map(|(name, below)| ((*name).to_owned(), set(below))).collect(),
            members: members
                .map(|(name, _)| ((*name).to_owned(), format!("crates/{name}/Cargo.toml")))
                .collect(),
        }
    }

    fn problems(edges: &[(&str, &[&str])]) -> Vec<Problem> {
        let manifest = "[dependencies]\ndevice-authority.workspace = true\nrand = \"1\"\n";
        let tree = Tree::of(&[("crates/device-flow/Cargo.toml", manifest)]);
        check(&graph(edges), &tree)
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        assert_eq!(
            problems(&[("oidc-proto", &["http"]), ("device-flow", &["oidc-proto"]), ("http", &[])]),
            []
        );
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_a_problem_at_its_line() {
        let found = problems(&[("device-authority", &[]), ("device-flow", &["device-authority"])]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("crates/device-flow/Cargo.toml", 2));
        assert!(found[0].what.contains("against the arrows"));
    }

    #[test]
    fn io_below_a_pure_crate_is_a_problem_however_deep() {
        let found =
            problems(&[("device-flow", &["harmless"]), ("harmless", &["deeper"]), ("deeper", &["socket2"])]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.ends_with("device-flow -> harmless -> deeper -> socket2"), "{}", found[0].what);
    }

    #[test]
    fn io_below_another_crate_is_its_business() {
        assert_eq!(problems(&[("sso-oidc-server", &["hyper"]), ("hyper", &["tokio"])]), []);
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_a_problem() {
        let mut graph = graph(&[]);
        graph.members.insert("newcomer".to_owned(), "crates/newcomer/Cargo.toml".to_owned());
        assert!(check(&graph, &Tree::of(&[]))[0].what.contains("table of arrows"));
    }
}
