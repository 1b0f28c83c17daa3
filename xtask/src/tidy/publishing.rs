//! Rules for the manifests of published crates: what the registry shows and refuses.

use super::Problem;
use super::manifests::{members, section};
use super::text::{Mention, mentions};
use super::tree::Tree;
use crate::workspace::PUBLISHED;

/// The limits of crates.io.
const MOST_KEYWORDS: usize = 5;
const LONGEST_KEYWORD: usize = 20;
const MOST_CATEGORIES: usize = 5;
/// The categories in use. Each is one of crates.io, which drops a misspelt one without an error.
const CATEGORIES: &[&str] = &[
    "api-bindings",
    "asynchronous",
    "authentication",
    "command-line-utilities",
    "config",
    "database",
    "development-tools::testing",
    "encoding",
    "web-programming::http-client",
];

/// The keys that the workspace says once, and that a published crate takes from it if the workspace has them.
const ONCE: &[&str] = &["homepage", "repository"];

/// docs.rs builds with `docsrs`, and shows then which feature an item needs.
const NAMES_FEATURES: &str = "#![cfg_attr(docsrs, feature(doc_cfg))]";
/// What a document says before the first release.
const UNRELEASED: &[&str] = &["Nothing is released yet", "Nothing has been released yet"];

/// The texts that a package must have in itself.
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let publish = section(root, "workspace.package").any(|(_, line)| line == "publish = [\"crates-io\"]");
    let published: Vec<_> = members(tree)
        .filter(|(_, text)| section(text, "package").any(|(_, line)| line == PUBLISHED))
        .collect();
    if !publish && !published.is_empty() {
        let what =
            "[workspace.package] must say `publish = [\"crates-io\"]`: to that registry, and to no other";
        problems.push(Problem::new("Cargo.toml", 0, what));
    }
    for (path, text) in published {
        let mut problem = |line: usize, what: String| problems.push(Problem::new(path, line, what));
        // An empty one has two quotes.
        if value(text, "description").is_none_or(|(_, words)| words.len() <= 2) {
            problem(0, "[package] must say what the crate is: `description`".to_owned());
        }
        for (key, most) in [("keywords", MOST_KEYWORDS), ("categories", MOST_CATEGORIES)] {
            let Some((line, list)) = value(text, key) else {
                problem(0, format!("[package] must say by which `{key}` the crate is found"));
                continue;
            };
            let words: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
            if words.is_empty() || words.len() > most {
                problem(line, format!("crates.io takes one to {most} {key}"));
            }
            let is_known =
                |word: &&&str| if key == "keywords" { is_keyword(word) } else { CATEGORIES.contains(word) };
            for word in words.iter().filter(|word| !is_known(word)) {
                problem(line, format!("`{word}` is not one of crates.io's {key}, or not one of ours"));
            }
        }
        for key in
            ONCE.iter().filter(|key| section(root, "workspace.package").any(|(_, line)| is_key(line, key)))
        {
            let wanted = format!("{key}.workspace = true");
            if !section(text, "package").any(|(_, line)| line == wanted) {
                problem(0, format!("[package] must say `{wanted}`"));
            }
        }
        for licence in LICENCES {
            let there = path.replace("Cargo.toml", licence);
            if tree.text(&there) != tree.text(licence) {
                problem(0, format!("its package needs {licence}: a symbolic link to that of the root"));
            }
        }
        if tree.text(&path.replace("Cargo.toml", "README.md")).is_none() {
            problem(0, "the registry shows a README: write one".to_owned());
        }
        if let Some((line, _)) = value(text, "readme").or_else(|| value(text, "readme.workspace")) {
            problem(line, "the registry shows the README beside the manifest, and no other".to_owned());
        }
        let all_features =
            || section(text, "package.metadata.docs.rs").any(|(_, line)| line == "all-features = true");
        let library = tree.text(&path.replace("Cargo.toml", "src/lib.rs"));
        if let Some(library) = library.filter(|_| section(text, "features").next().is_some()) {
            if !all_features() {
                let wanted = "[package.metadata.docs.rs] all-features = true";
                problem(0, format!("docs.rs must show every feature: {wanted}"));
            }
            if !library.lines().any(|line| line == NAMES_FEATURES) {
                let wanted = format!("`{NAMES_FEATURES}` in src/lib.rs");
                problem(0, format!("docs.rs must say which feature an item needs: {wanted}"));
            }
        }
    }
    for (path, text) in readmes(tree) {
        links(tree, path, text, &mut problems);
    }
    released(tree, &mut problems);
    problems
}

/// Returns the READMEs of the crates.
fn readmes(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.ending("/README.md").filter(|(path, _)| path.starts_with("crates/"))
}

/// Checks that a README links to files of its crate only. The registry makes a relative link one of the repository, and
/// a package has none of the others.
fn links(tree: &Tree, path: &str, text: &str, problems: &mut Vec<Problem>) {
    let folder = path.trim_end_matches("README.md");
    for (line, mention) in mentions(text) {
        let Mention::Link(link) = mention else { continue };
        let file = link.split('#').next().unwrap_or(link);
        if !file.is_empty()
            && !file.contains(':')
            && !tree.paths().any(|there| there == format!("{folder}{file}"))
        {
            let what = format!("links to `{file}`, which is not in the crate, nor in its package");
            problems.push(Problem::new(path, line, what));
        }
    }
}

/// Checks that no document says that nothing is released, once the changelog has a release.
fn released(tree: &Tree, problems: &mut Vec<Problem>) {
    let changelog = tree.text("CHANGELOG.md").unwrap_or_default();
    let is_release = |line: &str| {
        line.strip_prefix("## ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if !changelog.lines().any(is_release) {
        return;
    }
    for (path, text) in tree.ending(".md") {
        for (at, line) in text.lines().enumerate() {
            if UNRELEASED.iter().any(|words| line.contains(words)) {
                problems.push(Problem::new(path, at + 1, "the changelog has a release: say how to get it"));
            }
        }
    }
}

/// Returns the value of a key of `[package]`, and its line.
fn value<'a>(text: &'a str, key: &str) -> Option<(usize, &'a str)> {
    let (at, line) = section(text, "package").find(|(_, line)| is_key(line, key))?;
    Some((at, line.split_once('=')?.1.trim()))
}

fn is_key(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
}

fn is_keyword(word: &str) -> bool {
    word.len() <= LONGEST_KEYWORD
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.package]\npublish = [\"crates-io\"]\n";
    const CRATE: &str = "[package]\nname = \"a\"\ndescription = \"A crate\"\nkeywords = [\"oauth2\", \"aws-sso\"]\n\
                         categories = [\"authentication\"]\npublish.workspace = true\n\n\
                         [package.metadata.docs.rs]\nall-features = true\n\n[features]\nserde = []\n";

    fn problems(root: &str, member: &str) -> Vec<String> {
        let (library, readme) = (("crates/a/src/lib.rs", NAMES_FEATURES), ("crates/a/README.md", "# a\n"));
        let tree = Tree::of(&[("Cargo.toml", root), ("crates/a/Cargo.toml", member), library, readme]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    fn only(root: &str, member: &str, says: &str) {
        let found = problems(root, member);
        assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
    }

    #[test]
    fn a_crate_that_can_be_published_has_no_problem() {
        assert_eq!(problems(ROOT, CRATE), [""; 0]);
    }

    #[test]
    fn a_crate_of_the_laboratory_needs_nothing() {
        assert_eq!(problems(ROOT, "[package]\nname = \"a\"\npublish = false\n"), [""; 0]);
    }

    #[test]
    fn what_the_registry_shows_must_be_there() {
        only(ROOT, &CRATE.replace("description = \"A crate\"\n", ""), "`description`");
        only(ROOT, &CRATE.replace("description = \"A crate\"", "description = \"\""), "`description`");
        only(ROOT, &CRATE.replace("keywords = [\"oauth2\", \"aws-sso\"]\n", ""), "`keywords`");
        only(ROOT, &CRATE.replace("categories = [\"authentication\"]\n", ""), "`categories`");
        only(
            ROOT,
            &CRATE.replace("publish.workspace", "readme.workspace = true\npublish.workspace"),
            "crates/a/Cargo.toml:6: the registry shows the README beside the manifest",
        );
        only(ROOT, &CRATE.replace("all-features = true\n", ""), "docs.rs must show");
        let files = [("Cargo.toml", ROOT), ("crates/a/Cargo.toml", CRATE), ("crates/a/src/lib.rs", "")];
        let found = check(&Tree::of(&[&files[..], &[("crates/a/README.md", "# a\n")]].concat()));
        assert!(found.len() == 1 && found[0].to_string().contains("docs.rs must say"), "{found:?}");
    }

    #[test]
    fn a_readme_is_there_and_links_to_files_of_its_crate() {
        let of = |readme: &[(&str, &str)]| {
            let files = [("Cargo.toml", ROOT), ("crates/a/Cargo.toml", CRATE), ("crates/a/page.png", "")];
            let found = check(&Tree::of(&[&files[..], &[("LICENSE-MIT", "MIT")], readme].concat()));
            found.into_iter().filter(|problem| !problem.what.contains("LICENSE")).collect::<Vec<_>>()
        };
        assert!(of(&[])[0].what.contains("the registry shows a README"));
        let with = |text| of(&[("crates/a/README.md", text)]);
        assert_eq!(with("![p](page.png) [b](https://example.com/b) [c](#c)\n"), []);
        let found = with("# a\n\n[x](../../SECURITY.md) [y](crates/a/page.png)\n");
        assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [3, 3], "{found:?}");
    }

    #[test]
    fn a_package_without_the_licence_of_the_root_is_a_problem() {
        let tree = |text| {
            let licence = ("crates/a/LICENSE-MIT", text);
            let readme = ("crates/a/README.md", "# a\n");
            let root = [("Cargo.toml", ROOT), ("LICENSE-MIT", "MIT")];
            Tree::of(&[&root[..], &[("crates/a/Cargo.toml", CRATE), licence, readme]].concat())
        };
        assert_eq!(check(&tree("MIT")), []);
        assert!(check(&tree("../../LICENSE-MIT"))[0].what.contains("LICENSE-MIT"));
    }

    #[test]
    fn what_the_registry_refuses_is_a_problem_at_its_line() {
        only(
            ROOT,
            &CRATE.replace("oauth2", "device authorization"),
            "crates/a/Cargo.toml:4: `device authorization`",
        );
        only(ROOT, &CRATE.replace("oauth2", "a-keyword-of-many-letters"), "a-keyword-of-many-letters");
        only(ROOT, &CRATE.replace("\"oauth2\"", "\"a\", \"b\", \"c\", \"d\", \"e\""), "one to 5 keywords");
        only(ROOT, &CRATE.replace("authentication", "authentification"), "Cargo.toml:5: `authentification`");
    }

    #[test]
    fn nothing_is_released_until_the_changelog_has_a_release() {
        let found = |changelog: &str| {
            let readme = ("crates/a/README.md", "# a\n\nNothing is released yet; depend on a checkout:\n");
            let mut problems = Vec::new();
            released(&Tree::of(&[("CHANGELOG.md", changelog), readme]), &mut problems);
            problems
        };
        assert_eq!(found("# Changelog\n\n## Unreleased\n"), []);
        assert_eq!(found("# Changelog\n\n## Unreleased\n\n## 0.1.0, 2030-01-01\n")[0].line, 3);
    }

    #[test]
    fn what_the_workspace_says_is_taken_from_it() {
        only(&format!("{ROOT}repository = \"https://example.com\"\n"), CRATE, "repository.workspace = true");
        only(&ROOT.replace("[\"crates-io\"]", "false"), CRATE, "publish = [\"crates-io\"]");
    }
}
