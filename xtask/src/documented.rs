//! `cargo xtask documented`: every public function documents its errors and has an example.
//!
//! The rules for public functions, checked with rustdoc's JSON:
//!
//! - A function that returns a `Result` has a section `# Errors`, an async one a section `# Cancel safety`. Both
//!   kinds have their own example.
//! - Any other function is called in an example. That is its own, one of its type, trait, module or crate, or
//!   one of another function of that type.
//!
//! An example is a code block that the tests run, without `no_run` or `ignore`. Only its visible lines count.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustdoc_types::{Crate, GenericBound, Id, Item, ItemEnum, Type, Visibility};

use crate::rustdoc;

/// `cargo xtask documented`
pub(crate) fn task(args: &[String]) -> Result<()> {
    match args {
        [] => step(),
        _ => bail!("`documented` takes no arguments"),
    }
}

/// Checks every function, if rustdoc's format is known.
pub(crate) fn step() -> Result<()> {
    rustdoc::or_not_checked(check())
}

fn check() -> Result<()> {
    let (mut functions, mut problems) = (0, Vec::new());
    for library in rustdoc::libraries()? {
        let report = read(&library.json)?;
        functions += report.functions;
        problems.extend(report.problems);
    }
    if !problems.is_empty() {
        bail!("{}\n{} of {functions} public functions lack something", problems.join("\n"), problems.len());
    }
    println!("   {functions} public functions say how they fail and are seen at work");
    Ok(())
}

fn read(json: &Path) -> Result<Report> {
    rustdoc::check_format(json)?;
    let described: Crate = serde_json::from_str(&fs::read_to_string(json)?)
        .with_context(|| format!("{} cannot be read", json.display()))?;
    let mut report = Report::default();
    let mut walk = Walk { described: &described, seen: BTreeSet::new(), report: &mut report };
    walk.module(described.root, &[]);
    Ok(report)
}

/// The findings in one library.
#[derive(Default)]
struct Report {
    functions: usize,
    /// One line per function: its place, its name, and the missing parts.
    problems: Vec<String>,
}

/// A walk over all public items of a library.
struct Walk<'a> {
    described: &'a Crate,
    seen: BTreeSet<u32>,
    report: &'a mut Report,
}

impl<'a> Walk<'a> {
    /// Returns the item, or `None` for one of another crate.
    fn item(&self, id: Id) -> Option<&'a Item> {
        self.described.index.get(&id)
    }

    /// Visits a module's items. `examples` are those of the enclosing modules.
    fn module(&mut self, id: Id, examples: &[String]) {
        let Some(module) = self.item(id) else { return };
        let ItemEnum::Module(inner) = &module.inner else { return };
        let examples = [examples, &examples_of(module)].concat();
        for id in &inner.items {
            self.named(*id, &examples);
        }
    }

    /// Visits an item of a module, or the target of a `pub use`.
    fn named(&mut self, id: Id, examples: &[String]) {
        let Some(item) = self.item(id) else { return };
        if let ItemEnum::Use(used) = &item.inner {
            if let Some(id) = used.id {
                self.named(id, examples);
            }
            return;
        }
        if !self.seen.insert(id.0) {
            return;
        }
        match &item.inner {
            ItemEnum::Module(_) => self.module(id, examples),
            ItemEnum::Function(_) => self.functions("", &[item], examples),
            ItemEnum::Struct(inner) => self.members(item, self.inherent(&inner.impls), examples),
            ItemEnum::Enum(inner) => self.members(item, self.inherent(&inner.impls), examples),
            ItemEnum::Trait(inner) => {
                let members = inner.items.iter().filter_map(|id| self.item(*id)).collect();
                self.members(item, members, examples);
            }
            _ => {}
        }
    }

    /// Returns the public items of a type's inherent implementations. The items of traits are documented at the
    /// trait.
    fn inherent(&self, impls: &[Id]) -> Vec<&'a Item> {
        let own = impls.iter().filter_map(|id| match &self.item(*id)?.inner {
            ItemEnum::Impl(inner) if inner.trait_.is_none() => Some(&inner.items),
            _ => None,
        });
        let items = own.flatten().filter_map(|id| self.item(*id));
        items.filter(|item| matches!(item.visibility, Visibility::Public)).collect()
    }

    fn members(&mut self, owner: &Item, members: Vec<&'a Item>, examples: &[String]) {
        let of_members = members.iter().flat_map(|member| examples_of(member));
        let examples = [examples, &examples_of(owner), &of_members.collect::<Vec<_>>()].concat();
        self.functions(owner.name.as_deref().unwrap_or_default(), &members, &examples);
    }

    fn functions(&mut self, owner: &str, items: &[&Item], examples: &[String]) {
        for item in items {
            let lacking = lacking(item, examples);
            self.report.functions += usize::from(matches!(item.inner, ItemEnum::Function(_)));
            if !lacking.is_empty() {
                let name = item.name.as_deref().unwrap_or_default();
                let place = item.span.as_ref().map_or_else(String::new, |span| {
                    format!("{}:{}: ", span.filename.display(), span.begin.0)
                });
                let separator = if owner.is_empty() { "" } else { "::" };
                self.report
                    .problems
                    .push(format!("{place}{owner}{separator}{name}: no {}", lacking.join(", no ")));
            }
        }
    }
}

/// Returns the missing parts of a function's documentation, or nothing for any other item.
fn lacking(item: &Item, examples: &[String]) -> Vec<&'static str> {
    let ItemEnum::Function(function) = &item.inner else { return Vec::new() };
    let docs = item.docs.as_deref().unwrap_or_default();
    let has = |section: &str| docs.lines().any(|line| line.trim() == section);
    let output = function.sig.output.as_ref();
    let is_fallible = output.is_some_and(is_result);
    let is_async = function.header.is_async || output.is_some_and(is_future);
    let mut lacking = Vec::new();
    if is_fallible && !has("# Errors") {
        lacking.push("`# Errors`");
    }
    if is_async && !has("# Cancel safety") {
        lacking.push("`# Cancel safety`");
    }
    let has_own = !examples_of(item).is_empty();
    let is_called =
        || examples.iter().any(|example| calls(example, item.name.as_deref().unwrap_or_default()));
    if !has_own && (is_fallible || is_async) {
        lacking.push("example of its own that runs");
    } else if !has_own && !is_called() {
        lacking.push("example that runs and calls it");
    }
    lacking
}

fn is_result(output: &Type) -> bool {
    matches!(output, Type::ResolvedPath(path) if path.path.rsplit("::").next() == Some("Result"))
}

fn is_future(output: &Type) -> bool {
    let is_the_trait = |bound: &GenericBound| matches!(bound, GenericBound::TraitBound { trait_, .. } if trait_.path.rsplit("::").next() == Some("Future"));
    matches!(output, Type::ImplTrait(bounds) if bounds.iter().any(is_the_trait))
}

/// Returns the code blocks that the tests run, without their hidden lines.
fn examples_of(item: &Item) -> Vec<String> {
    examples_in(item.docs.as_deref().unwrap_or_default())
}

fn examples_in(docs: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in docs.lines() {
        if let Some(tags) = line.trim_start().strip_prefix("```") {
            match block.take() {
                Some((true, code)) => examples.push(code),
                Some((false, _)) => {}
                None => {
                    block =
                        Some((tags.split(',').all(|tag| matches!(tag.trim(), "" | "rust")), String::new()))
                }
            }
        } else if let Some((_, code)) = &mut block
            && line.trim() != "#"
            && !line.trim_start().starts_with("# ")
        {
            *code += line;
            *code += "\n";
        }
    }
    examples
}

/// Returns whether the code calls or passes on this name: after `.` or `::`, or before `(` or `::<`.
fn calls(code: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let is_whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        is_whole && (before.ends_with(['.', ':']) || after.starts_with('(') || after.starts_with("::<"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_what_runs_of_what_is_seen() {
        let docs = "A.\n\n```\na();\n# b();\n#\n#[c]\n```\n```text\nd()\n```\n```no_run\ne()\n```\n```rust\nf()\n```\n";
        assert_eq!(examples_in(docs), ["a();\n#[c]\n", "f()\n"]);
    }

    #[test]
    fn a_name_counts_where_it_is_called_or_handed_on() {
        for code in ["x.name()", "T::name(x)", "name(x)", "name::<u8>()", "xs.map(T::name)", "x\n    .name()"]
        {
            assert!(calls(code, "name"), "{code}");
        }
        for code in ["x.rename()", "name", "let name = 1;", "T::names(x)", "// a name, for once"] {
            assert!(!calls(code, "name"), "{code}");
        }
    }

    /// Returns the problems of a small library, with the installed rustdoc.
    fn problems(source: &str) -> Option<Vec<String>> {
        match rustdoc::of_source(source, read) {
            Err(error) if error.is::<rustdoc::OtherFormat>() => None,
            report => Some(report.unwrap().problems),
        }
    }

    #[test]
    fn a_function_that_fails_says_how_and_has_an_example_of_its_own() {
        let Some(found) = problems("pub fn f() -> Result<(), u8> { Ok(()) }\n") else { return };
        assert_eq!(found, ["probe.rs:1: f: no `# Errors`, no example of its own that runs"]);
        let Some(found) = problems(
            "/// ```ignore\n/// f()\n/// ```\n/// # Errors\n/// E.\npub fn f() -> Result<(), u8> { Ok(()) }\n",
        ) else {
            return;
        };
        assert_eq!(found, ["probe.rs:6: f: no example of its own that runs"]);
        let documented =
            "/// ```\n/// f();\n/// ```\n/// # Errors\n/// E.\npub fn f() -> Result<(), u8> { Ok(()) }\n";
        assert_eq!(problems(documented).unwrap(), [""; 0]);
    }

    #[test]
    fn an_async_function_says_what_happens_when_it_is_dropped() {
        let source = "/// ```\n/// f();\n/// ```\npub async fn f() {}\npub fn g() -> impl Future<Output = ()> { f() }\n";
        let Some(found) = problems(source) else { return };
        assert_eq!(
            found,
            [
                "probe.rs:4: f: no `# Cancel safety`",
                "probe.rs:5: g: no `# Cancel safety`, no example of its own that runs"
            ]
        );
    }

    #[test]
    fn any_other_function_is_called_in_an_example_nearby() {
        let source = "mod inner {\n    /// ```\n    /// # T.hidden();\n    /// T.shown();\n    /// ```\n    pub struct T;\n    \
                      impl T {\n        pub fn shown(&self) {}\n        pub fn hidden(&self) {}\n        \
                      fn private(&self) {}\n    }\n    pub fn unreachable() {}\n}\npub use inner::T;\n";
        let Some(found) = problems(source) else { return };
        assert_eq!(found, ["probe.rs:9: T::hidden: no example that runs and calls it"]);
    }
}
