//! The bill of materials: what the program is built from, as CycloneDX 1.6.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::build::Builder;
use super::checkout::Checkout;
use super::graph::{Graph, Key, Node};
use crate::toolchain;

/// Writes that of this checkout and this machine's target to a file, without a build.
///
/// # Errors
///
/// `cargo` fails, or the file cannot be written.
pub(crate) fn write(file: &Path) -> Result<()> {
    let checkout = Checkout::ours()?;
    let host = toolchain::host()?;
    let compiler = Builder::of(&host)?.compiler();
    let text = text(&Graph::of(&checkout, &host)?, &compiler, checkout.time()?)?;
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

/// Returns the document, which depends on the graph, the compiler's name and the time alone.
///
/// # Errors
///
/// The time is beyond the calendar.
pub(super) fn text(graph: &Graph, compiler: &str, time: u64) -> Result<String> {
    let time = OffsetDateTime::from_unix_timestamp(time.try_into()?)?.format(&Rfc3339)?;
    let root = graph.nodes.get(&graph.root).context("the program is in its own graph")?;
    let parts = graph.nodes.iter().filter(|(key, _)| **key != graph.root);
    let depends = graph.nodes.iter().map(|(key, node)| {
        let below: Vec<String> = node.below.iter().map(purl).collect();
        json!({ "ref": purl(key), "dependsOn": below })
    });
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": component(&graph.root, root, "application"),
            "properties": [
                { "name": "cargo:target", "value": graph.target },
                { "name": "rustc:version", "value": compiler },
            ],
        },
        "components": parts.map(|(key, node)| component(key, node, "library")).collect::<Vec<_>>(),
        "dependencies": depends.collect::<Vec<_>>(),
    });
    Ok(format!("{document:#}\n"))
}

fn component(key: &Key, node: &Node, kind: &str) -> Value {
    let package = &node.package;
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(key),
        "name": key.name,
        "version": key.version,
        "purl": purl(key),
        // What is used during the build only is not in the program.
        "scope": if node.linked { "required" } else { "excluded" },
    });
    let mut add = |name: &str, value: Value| component[name] = value;
    if let Some(description) = &package.description {
        add("description", json!(description.trim()));
    }
    if let Some(licence) = &package.license {
        // Old packages separate alternatives by a stroke, which is not SPDX.
        add("licenses", json!([{ "expression": licence.replace('/', " OR ") }]));
    }
    if let Some(checksum) = &node.checksum {
        add("hashes", json!([{ "alg": "SHA-256", "content": checksum }]));
    }
    if let Some(address) = &package.repository {
        add("externalReferences", json!([{ "type": "vcs", "url": address }]));
    }
    component
}

/// Returns the package URL, which names the package in all tools.
fn purl(key: &Key) -> String {
    format!("pkg:cargo/{}@{}", key.name, key.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&text(&Graph::ours(), "rustc 1.2.3 (abc 2030-01-01)", 1_700_000_000).unwrap())
            .unwrap()
    }

    fn strings<'a>(values: &'a Value, name: &str) -> Vec<&'a str> {
        values.as_array().unwrap().iter().map(|value| value[name].as_str().unwrap()).collect()
    }

    #[test]
    fn every_part_is_there_once_and_depends_on_parts_that_are_there() {
        let document = document();
        let program = document["metadata"]["component"]["bom-ref"].as_str().unwrap();
        let mut refs = strings(&document["components"], "bom-ref");
        refs.push(program);
        let unique: BTreeSet<&str> = refs.iter().copied().collect();
        assert!(unique.len() == refs.len() && refs.len() > 100, "{}", refs.len());
        let nodes: BTreeSet<&str> = strings(&document["dependencies"], "ref").into_iter().collect();
        assert_eq!(nodes, unique);
        for node in document["dependencies"].as_array().unwrap() {
            for below in node["dependsOn"].as_array().unwrap() {
                assert!(unique.contains(below.as_str().unwrap()), "{below}");
            }
        }
    }

    #[test]
    fn every_part_has_a_licence_and_a_foreign_one_the_checksum_of_its_archive() {
        for part in document()["components"].as_array().unwrap() {
            let licence = part["licenses"][0]["expression"].as_str().unwrap();
            assert!(!licence.is_empty() && !licence.contains('/'), "{part}");
            let ours = ["oidc-proto", "device-", "sso-"]
                .iter()
                .any(|start| part["name"].as_str().unwrap().starts_with(start));
            let sum = part["hashes"][0]["content"].as_str();
            assert_eq!(sum.map(str::len), if ours { None } else { Some(64) }, "{part}");
        }
    }

    #[test]
    fn the_time_is_that_of_the_commit_in_utc() {
        assert_eq!(document()["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    }

    #[test]
    fn the_compiler_is_named_as_it_names_itself() {
        let properties = &document()["metadata"]["properties"];
        assert_eq!(strings(properties, "name"), ["cargo:target", "rustc:version"]);
        assert_eq!(properties[1]["value"], "rustc 1.2.3 (abc 2030-01-01)");
        let ours = Builder::of(&toolchain::host().unwrap()).unwrap().compiler();
        assert!(ours.starts_with("rustc 1.") && ours.contains(" ("), "{ours}");
    }

    #[test]
    fn what_is_used_during_the_build_only_is_said_to_be_excluded() {
        let document = document();
        let scope = |name: &str| {
            let parts = document["components"].as_array().unwrap();
            parts
                .iter()
                .find(|part| part["name"] == name)
                .map(|part| part["scope"].as_str().unwrap().to_owned())
        };
        assert_eq!(scope("rustls").as_deref(), Some("required"));
        assert_eq!(scope("serde_derive").as_deref(), Some("excluded"));
        assert_eq!(scope("proptest"), None);
    }

    #[test]
    fn the_build_part_of_a_version_is_escaped_in_a_package_url() {
        let key = Key { name: "a".to_owned(), version: "1.0.0+2".to_owned() };
        assert_eq!(purl(&key), "pkg:cargo/a@1.0.0%2B2");
    }
}
