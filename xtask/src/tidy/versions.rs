//! Rules for the version that all crates share: each place that repeats it says the same.

use super::Problem;
use super::manifests::{members, section};
use super::tree::Tree;

/// The recipe for CI, which names the version of an archive.
const RECIPE: &str = "examples/ci/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let Some(version) = section(root, "workspace.package").find_map(|(_, line)| quoted(line, "version"))
    else {
        return problems;
    };
    dependencies(root, version, &mut problems);
    let names: Vec<&str> = members(tree)
        .filter_map(|(_, text)| section(text, "package").find_map(|(_, line)| quoted(line, "name")))
        .collect();
    for (path, text) in tree.ending("Cargo.lock") {
        locked(path, text, &names, version, &mut problems);
    }
    for (path, text) in tree.texts().filter(|(path, _)| path.starts_with(RECIPE)) {
        for (at, line) in text.lines().enumerate() {
            for other in versions(&line.replace(version, "")) {
                let what = format!("names version {other}, and the workspace has {version}");
                problems.push(Problem::new(path, at + 1, what));
            }
        }
    }
    problems
}

/// Checks that the crates depend on each other in the version that all of them have.
fn dependencies(root: &str, version: &str, problems: &mut Vec<Problem>) {
    let of_ours =
        section(root, "workspace.dependencies").filter(|(_, line)| line.contains("path = \"crates/"));
    for (at, line) in of_ours {
        if !line.contains(&format!("version = \"{version}\"")) {
            let what = format!("the crates have one version: `{version}`");
            problems.push(Problem::new("Cargo.toml", at, what));
        }
    }
}

/// Checks that a lock file has our crates in their version. A package of the checkout has no source there.
fn locked(path: &str, text: &str, names: &[&str], version: &str, problems: &mut Vec<Problem>) {
    let mut line = 1;
    for part in text.split("\n[[package]]\n") {
        let value = |key| part.lines().find_map(|line| quoted(line, key));
        let is_ours = value("source").is_none() && value("name").is_some_and(|name| names.contains(&name));
        if is_ours && value("version") != Some(version) {
            let name = value("name").unwrap_or_default();
            let what = format!(
                "has `{name}` in another version than {version}: run `cargo update --workspace` there"
            );
            problems.push(Problem::new(path, line, what));
        }
        line += part.lines().count() + 2;
    }
}

/// Returns the text of `key = "text"`.
fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
}

/// Returns every version of three numbers, such as `1.2.3`.
fn versions(line: &str) -> impl Iterator<Item = &str> {
    let words =
        line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).map(|word| word.trim_matches('.'));
    words.filter(|word| {
        let numbers: Vec<&str> = word.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        numbers.len() == 3 && numbers.iter().all(is_number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = "[package]\nname = \"a\"\nversion.workspace = true\n";

    /// Returns the places of the problems in a workspace of version 0.2.0.
    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let root = ("Cargo.toml", "[workspace.package]\nversion = \"0.2.0\"\n");
        let tree = Tree::of(&[&[root, ("crates/a/Cargo.toml", MEMBER)], files].concat());
        check(&tree).into_iter().map(|problem| (problem.file, problem.line)).collect()
    }

    #[test]
    fn a_dependency_of_ours_in_another_version_is_a_problem_at_its_line() {
        let root = |version: &str| {
            format!(
                "[workspace.package]\nversion = \"0.2.0\"\n[workspace.dependencies]\nserde = {{ version = \"1.0\" }}\n\
                 a = {{ path = \"crates/a\", version = \"{version}\" }}\n"
            )
        };
        let found = |version: &str| {
            let problems = check(&Tree::of(&[("Cargo.toml", &root(version))]));
            problems.iter().map(|problem| problem.line).collect::<Vec<_>>()
        };
        assert_eq!((found("0.2.0"), found("0.1.0")), (vec![], vec![5]));
    }

    #[test]
    fn a_lock_file_with_our_crate_in_another_version_is_a_problem_at_its_package() {
        let lock = |version: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n\n\
                 [[package]]\nname = \"a\"\nversion = \"{version}\"\ndependencies = [\n \"b\",\n]\n"
            )
        };
        assert_eq!(found(&[("examples/Cargo.lock", &lock("0.2.0"))]), []);
        let old = lock("0.1.0");
        assert_eq!(found(&[("examples/Cargo.lock", &old)]), [("examples/Cargo.lock".to_owned(), 8)]);
        // A crate of the registry may have the same name.
        let theirs = old.replace("name = \"a\"", "name = \"a\"\nsource = \"registry\"");
        assert_eq!(found(&[("examples/Cargo.lock", &theirs)]), []);
    }

    #[test]
    fn another_version_in_the_recipe_for_ci_is_a_problem_at_its_line() {
        let fine = "uses: actions/checkout@v4\nfrom: https://example.com/sso-oidc/0.2.0\nlisten: 127.0.0.1\n";
        assert_eq!(found(&[("examples/ci/workflow.yml", fine)]), []);
        let release = ("Cargo.toml", "[workspace.package]\nversion = \"0.2.0-rc.1\"\n");
        let recipe = fine.replace("0.2.0", "0.2.0-rc.1");
        assert_eq!(check(&Tree::of(&[release, ("examples/ci/workflow.yml", &recipe)])), []);
        let found = found(&[("examples/ci/workflow.yml", &fine.replace("0.2.0", "0.1.0"))]);
        assert_eq!(found, [("examples/ci/workflow.yml".to_owned(), 2)]);
    }

    #[test]
    fn a_version_ends_where_its_sentence_does() {
        assert_eq!(versions("The version, such as 0.1.0.").collect::<Vec<_>>(), ["0.1.0"]);
        assert_eq!(versions("v4, 1.89, 127.0.0.1, rust:1-alpine").count(), 0);
    }
}
