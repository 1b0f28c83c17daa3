//! Rules for `Cargo.toml` and `Cargo.lock`: one place for versions and lints, and no unused dependency.

use super::Problem;
use super::tree::Tree;
use crate::workspace::PUBLISHED;

/// The only registry that a lock file may name.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    unused(tree, &mut problems);
    for (path, text) in members(tree) {
        inherited(path, text, &mut problems);
    }
    for (path, text) in tree.ending("Cargo.lock") {
        sources(path, text, &mut problems);
    }
    if !section(tree.text("Cargo.toml").unwrap_or_default(), "workspace.lints.rust")
        .any(|(_, line)| line == "unsafe_code = \"forbid\"")
    {
        problems.push(Problem::new(
            "Cargo.toml",
            0,
            "[workspace.lints.rust] must say `unsafe_code = \"forbid\"`",
        ));
    }
    for (path, text) in tree.ending("requirements.txt") {
        for (at, line) in
            text.lines().enumerate().filter(|(_, line)| line.starts_with('-') || line.contains("://"))
        {
            problems.push(Problem::new(path, at + 1, format!("`{line}`: only NAME==VERSION lines")));
        }
    }
    problems
}

/// Returns the minimum supported Rust version of the workspace.
pub(super) fn rust_version(tree: &Tree) -> Option<&str> {
    let (_, line) = section(tree.text("Cargo.toml")?, "workspace.package")
        .find(|(_, line)| line.split('=').next().is_some_and(|key| key.trim() == "rust-version"))?;
    line.split('"').nth(1)
}

pub(super) fn members(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    // The peers are outside the workspace, so that users do not get their dependencies.
    let is_peer = |path: &str| path.starts_with("xtask/peers/");
    let is_member = |path: &str| path.starts_with("crates/") || path.starts_with("xtask/");
    tree.ending("/Cargo.toml").filter(move |(path, _)| is_member(path) && !is_peer(path))
}

/// Returns the lines of one `[section]`, with their numbers.
pub(super) fn section<'a>(text: &'a str, name: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let header = format!("[{name}]");
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .skip_while(move |(_, line)| *line != header)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['))
}

fn unused(tree: &Tree, problems: &mut Vec<Problem>) {
    let root = tree.text("Cargo.toml").unwrap_or_default();
    for (line, text) in section(root, "workspace.dependencies") {
        let Some((name, _)) = text.split_once('=').filter(|_| !text.starts_with('#')) else { continue };
        let name = name.trim();
        let uses = |line: &str| {
            let rest = line.trim_start().strip_prefix(name).map(str::trim_start);
            rest.is_some_and(|rest| {
                rest.starts_with(".workspace") || rest.starts_with('=') && rest.contains("workspace")
            })
        };
        if !members(tree).any(|(_, manifest)| manifest.lines().any(uses)) {
            let what = format!("no crate uses `{name}`: take it out of [workspace.dependencies]");
            problems.push(Problem::new("Cargo.toml", line, what));
        }
    }
}

fn inherited(path: &str, text: &str, problems: &mut Vec<Problem>) {
    if !section(text, "lints").any(|(_, line)| line == "workspace = true") {
        problems.push(Problem::new(
            path,
            0,
            "takes no part in the workspace's lints: [lints] workspace = true",
        ));
    }
    for key in ["edition", "rust-version", "license", "version"] {
        let line = format!("{key}.workspace = true");
        if !section(text, "package").any(|(_, found)| found == line) {
            problems.push(Problem::new(path, 0, format!("[package] must say `{line}`")));
        }
    }
    if !section(text, "package").any(|(_, line)| [PUBLISHED, "publish = false"].contains(&line)) {
        let what = format!("[package] must say `{PUBLISHED}`, or `publish = false` if it never will be");
        problems.push(Problem::new(path, 0, what));
    }
    for name in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (at, line) in section(text, name).filter(|(_, line)| line.contains('=') && !line.starts_with('#'))
        {
            // A crate that depends on itself for its tests selects features there.
            if !line.contains("workspace = true") && !line.contains("path = \".\"") {
                let what = format!("`{line}`: name the version once, in [workspace.dependencies]");
                problems.push(Problem::new(path, at, what));
            }
        }
    }
}

fn sources(path: &str, text: &str, problems: &mut Vec<Problem>) {
    for (at, line) in text.lines().enumerate() {
        if let Some(source) = line.strip_prefix("source = ")
            && source.trim_matches('"') != CRATES_IO
        {
            problems.push(Problem::new(
                path,
                at + 1,
                format!("{source}: every dependency comes from crates.io"),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.package]\nrust-version = \"1.89\"\n\n[workspace.dependencies]\n# Wire.\nhttp = \
                        \"1.5\"\nserde = { version = \"1\" }\n\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
    const CRATE: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
                         rust-version.workspace = true\nlicense.workspace = true\npublish = false\n\n[lints]\nworkspace = true\n\n\
                         [dependencies]\nhttp.workspace = true\nserde = { workspace = true, features = [\"rc\"] }\n";

    fn problems(root: &str, member: &str, lock: &str) -> Vec<Problem> {
        check(&Tree::of(&[("Cargo.toml", root), ("crates/a/Cargo.toml", member), ("Cargo.lock", lock)]))
    }

    #[test]
    fn a_tidy_workspace_has_no_problem() {
        let lock = format!("source = \"{CRATES_IO}\"\n");
        assert_eq!(problems(ROOT, CRATE, &lock), []);
    }

    #[test]
    fn a_dependency_that_no_crate_uses_is_a_problem_at_its_line() {
        let found = problems(ROOT, &CRATE.replace("http.workspace = true\n", ""), "");
        assert_eq!((found.len(), found[0].line), (1, 6));
        assert!(found[0].what.contains("`http`"));
    }

    #[test]
    fn a_longer_name_does_not_count_as_use() {
        let found = problems(ROOT, &CRATE.replace("http.workspace", "http-body.workspace"), "");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_version_in_a_crate_is_a_problem() {
        let found = problems(
            ROOT,
            &CRATE.replace("http.workspace = true", "http.workspace = true\nbytes = \"1\""),
            "",
        );
        assert!(found[0].what.contains("name the version once"), "{found:?}");
    }

    #[test]
    fn a_crate_outside_the_common_lints_or_edition_is_a_problem() {
        assert!(
            problems(ROOT, &CRATE.replace("[lints]\nworkspace = true", ""), "")[0].what.contains("lints")
        );
        let found = problems(ROOT, &CRATE.replace("edition.workspace = true", "edition = \"2021\""), "");
        assert!(found[0].what.contains("edition.workspace"), "{found:?}");
    }

    #[test]
    fn a_crate_that_does_not_say_whether_it_is_published_is_a_problem() {
        assert!(problems(ROOT, &CRATE.replace("publish = false\n", ""), "")[0].what.contains("publish"));
        assert_eq!(problems(ROOT, &CRATE.replace("publish = false", PUBLISHED), ""), []);
    }

    #[test]
    fn another_registry_in_a_lock_file_is_a_problem() {
        let found = problems(ROOT, CRATE, "[[package]]\nsource = \"git+https://example.com/x\"\n");
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn unsafe_code_must_stay_forbidden() {
        assert!(problems(&ROOT.replace("forbid", "warn"), CRATE, "")[0].what.contains("unsafe_code"));
    }

    #[test]
    fn requirements_name_versions_and_no_hosts() {
        let tree = Tree::of(&[("Cargo.toml", ROOT), ("crates/a/Cargo.toml", CRATE)]);
        assert_eq!(check(&tree), []);
        let text = "boto3==1.0\n--index-url https://example.com/simple\n";
        let tree =
            Tree::of(&[("Cargo.toml", ROOT), ("crates/a/Cargo.toml", CRATE), ("x/requirements.txt", text)]);
        assert_eq!(check(&tree)[0].line, 2);
    }

    #[test]
    fn the_rust_version_is_read_from_the_workspace() {
        assert_eq!(rust_version(&Tree::of(&[("Cargo.toml", ROOT)])), Some("1.89"));
    }
}
