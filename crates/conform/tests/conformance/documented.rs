//! The documentation has the table of the checks.

use std::collections::BTreeSet;

use device_conform::CHECKS;

const DOCUMENTED: &str = include_str!("../../CHECKS.md");

/// `UPDATE_CHECKS=1` writes the table.
#[test]
fn the_documentation_has_the_table_of_the_checks() {
    let mut table = "| check | strength | rule |\n|---|---|---|\n".to_owned();
    for check in CHECKS {
        table += &format!("| `{}` | {} | {} |\n", check.id, check.strength, check.rule);
    }
    if std::env::var_os("UPDATE_CHECKS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/CHECKS.md"), &table).unwrap();
        return;
    }
    assert_eq!(DOCUMENTED, table, "run the test with UPDATE_CHECKS=1");
}

#[test]
fn an_id_is_an_rfc_a_section_and_a_name_and_there_are_no_two_of_it() {
    let mut seen = BTreeSet::new();
    for check in CHECKS {
        assert!(seen.insert(check.id), "{}", check.id);
        let mut parts = check.id.splitn(3, '-');
        assert!(parts.next().unwrap().parse::<u16>().is_ok(), "{}", check.id);
        assert!(parts.next().unwrap().split('.').all(|number| number.parse::<u8>().is_ok()), "{}", check.id);
        assert!(!parts.next().unwrap().is_empty());
        assert!(check.rule.ends_with('.') && !check.rule.contains('|'), "{}", check.id);
    }
}
