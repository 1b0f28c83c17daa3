//! Tests of the edits.

use proptest::prelude::*;

use super::*;

fn profile(name: &str) -> SectionName {
    SectionName::Profile(name.to_owned())
}

/// Returns the text after setting `region` of the profile a to this value.
fn with_region(text: &str, value: &str) -> String {
    let mut config = ConfigDocument::parse(text).unwrap();
    config.set(&profile("a"), "region", value).unwrap();
    config.as_str().to_owned()
}

#[test]
fn only_the_value_of_a_property_changes() {
    for (before, after) in [
        ("[profile a]\nregion=x", "[profile a]\nregion=new"),
        ("[profile a]\r\n  Region : x  # why\r\n", "[profile a]\r\n  Region : new  # why\r\n"),
        ("\u{feff}[profile a] ; c\nregion = x ; d\n", "\u{feff}[profile a] ; c\nregion = new ; d\n"),
        ("[profile a]\nregion =\n", "[profile a]\nregion = new\n"),
        ("[profile a]\nregion =  \r\n", "[profile a]\nregion = new\r\n"),
        ("[profile a]\nregion=\n", "[profile a]\nregion=new\n"),
        ("[profile a]\nregion=#none\n", "[profile a]\nregion=new #none\n"),
        ("[profile a]\nregion = # none\n", "[profile a]\nregion = new # none\n"),
        ("[profile a]\nregion = x\n  more\n  # c\n  lines\nb = 1\n", "[profile a]\nregion = new\nb = 1\n"),
        ("[profile a]\nregion =\n  k = v\n[profile b]\n", "[profile a]\nregion = new\n[profile b]\n"),
        (
            "[profile b]\nregion = x\n[profile a]\nregion = x",
            "[profile b]\nregion = x\n[profile a]\nregion = new",
        ),
    ] {
        assert_eq!(with_region(before, "new"), after);
    }
}

#[test]
fn a_new_property_follows_the_last_one_in_the_style_of_the_file() {
    for (before, after) in [
        ("", "[profile a]\nregion = new\n"),
        ("# c", "# c\n\n[profile a]\nregion = new\n"),
        ("[profile a]", "[profile a]\nregion = new\n"),
        (
            "[profile a]\n  x = 1\n\n# of b\n[profile b]\n",
            "[profile a]\n  x = 1\n  region = new\n\n# of b\n[profile b]\n",
        ),
        ("[default]\r\nx = 1\r\n", "[default]\r\nx = 1\r\n\r\n[profile a]\r\nregion = new\r\n"),
        ("[profile a]\ns3 =\n  k = v\n", "[profile a]\ns3 =\n  k = v\nregion = new\n"),
        ("[profile a]\nx=1 # = c\n", "[profile a]\nx=1 # = c\nregion=new\n"),
        ("[profile a]\n  [profile b]\n", "[profile a]\n  region = new\n  [profile b]\n"),
        ("\u{feff}", "\u{feff}[profile a]\nregion = new\n"),
        ("# c\n\n\n", "# c\n\n\n[profile a]\nregion = new\n"),
        ("[profile b]\n  ", "[profile b]\n  \n[profile a]\nregion = new\n"),
    ] {
        assert_eq!(with_region(before, "new"), after);
    }
}

#[test]
fn keys_are_case_insensitive_and_keep_their_spelling() {
    let mut config = ConfigDocument::parse("[profile a]\nRegion = x\n").unwrap();
    config.set(&profile("a"), "REGION", "y").unwrap();
    config.set(&profile("a"), "Output", "json").unwrap();
    assert_eq!(config.as_str(), "[profile a]\nRegion = y\nOutput = json\n");
}

#[test]
fn what_would_not_be_read_back_is_refused_and_nothing_changes() {
    let mut config = ConfigDocument::parse("[profile a]\nx = 1\n").unwrap();
    let before = config.clone();
    for name in ["a", "new"] {
        for value in ["a\nb", " a", "a ", "a # b", "a\t;b", "#", ";", "a\r", "\u{1b}[2J", "\u{1c}", "\u{a0}"]
        {
            let refused = config.set(&profile(name), "region", value);
            assert_eq!(refused, Err(EditError::Value { key: "region".to_owned() }), "{value:?}");
        }
        for key in ["", "a b", "a=b", "a:b", "#a", "[a", "a\nb", "é"] {
            assert_eq!(config.set(&profile(name), key, "x"), Err(EditError::Key(key.to_owned())));
        }
    }
    for name in ["", "a\nb", "a]b", "\u{1b}", "a'\u{85}"] {
        for section in [profile(name), SectionName::SsoSession(name.to_owned())] {
            assert_eq!(config.set(&section, "region", "x"), Err(EditError::Name(name.to_owned())));
        }
    }
    assert_eq!(config, before);
}

#[test]
fn an_error_quotes_what_it_is_about_without_control_characters() {
    let odd = || "a\u{1b}[2J\u{202e}]".to_owned();
    for (error, said) in [
        (EditError::Name(odd()), "\"a[2J]\" cannot be the name"),
        (EditError::Key(odd()), "\"a[2J]\" cannot be a key"),
        (EditError::Value { key: odd() }, "the value of \"a[2J]\" cannot be written"),
        (EditError::Layout(format!("[profile {}", odd())), "\"[profile a[2J]\" cannot be removed"),
    ] {
        assert!(error.to_string().starts_with(said), "{error}");
    }
}

#[test]
fn a_name_is_quoted_by_the_rules_of_a_shell_where_it_must_be() {
    for (name, line) in [
        ("a.B_c@d:e/f+g-1", "[profile a.B_c@d:e/f+g-1]"),
        ("équipe", "[profile équipe]"),
        ("two words", "[profile 'two words']"),
        ("a\"b\\c", "[profile 'a\"b\\c']"),
        ("it's", "[profile \"it's\"]"),
        ("'\"\\n", "[profile \"'\\\"\\\\n\"]"),
        (" # ", "[profile ' # ']"),
        ("default", "[default]"),
    ] {
        let mut config = ConfigDocument::parse("").unwrap();
        config.set(&profile(name), "region", "x").unwrap();
        assert_eq!(config.as_str(), format!("{line}\nregion = x\n"));
        let read = crate::Config::parse(config.as_str()).unwrap();
        assert_eq!(read.profile(name).and_then(|found| found.region()), Some("x"));
    }
}

#[test]
fn debug_names_the_sections_and_shows_no_value() {
    let config = ConfigDocument::parse("[profile a]\naws_secret_access_key = SENTINEL # SENTINEL\n").unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("\"a\"") && !shown.contains("SENTINEL"), "{shown}");
}

#[test]
fn a_section_goes_with_its_own_comments_and_spares_the_next_ones() {
    let mut config =
        ConfigDocument::parse("# top\n[profile a]\n# in\nx = 1\n\n\n# of b\n[profile b]\ny = 2\n").unwrap();
    assert_eq!(config.remove(&profile("a")), Ok(true));
    assert_eq!(config.as_str(), "# top\n# of b\n[profile b]\ny = 2\n");
    assert_eq!((config.remove(&profile("b")), config.remove(&profile("b"))), (Ok(true), Ok(false)));
    assert_eq!(config.as_str(), "# top\n# of b\n");
}

#[test]
fn adding_and_removing_a_section_gives_the_old_text() {
    for text in ["[profile a]\nx = 1\n", "# c\r\n", "[profile a]\r\n\r\n[profile b]\r\n"] {
        let mut config = ConfigDocument::parse(text).unwrap();
        config.set(&profile("new"), "region", "x").unwrap();
        assert_eq!(config.remove(&profile("new")), Ok(true));
        assert_eq!(config.as_str(), text);
    }
}

#[test]
fn a_section_stays_if_the_next_header_would_continue_a_property_above() {
    let text = "[profile a]\nx = 1\n[profile b]\n  [profile c]\n";
    let mut config = ConfigDocument::parse(text).unwrap();
    assert_eq!(config.remove(&profile("b")), Err(EditError::Layout("[profile b]".to_owned())));
    assert_eq!(config.as_str(), text);
}

#[test]
fn of_both_default_profiles_the_one_that_counts_is_edited() {
    let mut config = ConfigDocument::parse("[default]\nx = 1\n[profile default]\nx = 2\n").unwrap();
    config.set(&profile("default"), "x", "3").unwrap();
    assert_eq!(config.as_str(), "[default]\nx = 1\n[profile default]\nx = 3\n");
    assert_eq!(config.remove(&profile("default")), Ok(true));
    config.set(&profile("default"), "x", "4").unwrap();
    assert_eq!(config.as_str(), "[default]\nx = 4\n");
}

/// Lines as people and tools write them, and worse.
fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "  ",
        "# c",
        "; c",
        "[profile a]",
        "[profile b] # x",
        "[sso-session a]",
        "[default]",
        "[plugins]",
        "[profile 'two words']",
        "region = x",
        "  region = x",
        "Region=y # c",
        "k : v",
        "s3 =",
        "  n = 1",
        "  more text",
        "\tz = 1",
        "output = json",
        " [odd]",
        "x=[y]",
    ])
}

/// An edit, from a small set of names so that the edits meet.
#[derive(Clone, Debug)]
enum Edit {
    Set(SectionName, &'static str, &'static str),
    Unset(SectionName, &'static str),
    Remove(SectionName),
}

fn edit() -> impl Strategy<Value = Edit> {
    let section = || {
        let names = prop::sample::select(vec!["a", "b", "new", "two words", "default"]);
        (names, any::<bool>()).prop_map(|(name, is_profile)| {
            if is_profile { profile(name) } else { SectionName::SsoSession(name.to_owned()) }
        })
    };
    let keys = || prop::sample::select(vec!["region", "K", "s3", "sso_session"]);
    let values =
        prop::sample::select(vec!["", "v", "a b", "https://d-1.awsapps.com/start#/", "x=[y]", " a", "a #b"]);
    prop_oneof![
        4 => (section(), keys(), values).prop_map(|(section, key, value)| Edit::Set(section, key, value)),
        2 => (section(), keys()).prop_map(|(section, key)| Edit::Unset(section, key)),
        1 => section().prop_map(Edit::Remove),
    ]
}

/// Returns the header that an edit of this section concerns, and adds nothing.
fn header_in(section: &SectionName, found: &Meaning) -> Header {
    match section {
        SectionName::Profile(name) if found.contains_key(&Header::Profile(name.clone())) => {
            Header::Profile(name.clone())
        }
        _ => section.header(),
    }
}

/// Returns the comments and headers, which a new value elsewhere keeps.
fn comments(text: &str) -> Vec<&str> {
    syntax::lines(text).filter(|line| line.trim_start().starts_with(['#', ';'])).collect()
}

proptest! {
    #[test]
    fn each_edit_is_read_back_as_that_edit_and_changes_nothing_else(
        lines in prop::collection::vec((line(), prop::sample::select(vec!["\n", "\r\n", "\r"])), 0..14),
        has_mark in any::<bool>(),
        is_cut in any::<bool>(),
        edits in prop::collection::vec(edit(), 1..6),
    ) {
        let mut text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
        if is_cut {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
        if has_mark {
            text.insert(0, BYTE_ORDER_MARK);
        }
        let Ok(mut config) = ConfigDocument::parse(text.clone()) else { return Ok(()) };
        prop_assert_eq!(config.as_str(), &text);
        for edit in &edits {
            let before = config.clone();
            let mut expected = meaning(before.as_str()).unwrap();
            match edit {
                Edit::Set(section, key, value) => {
                    let values = expected.entry(header_in(section, &expected)).or_default();
                    let old = values.insert(key.to_lowercase(), Value::Text((*value).to_owned()));
                    let is_writable = !value.starts_with(' ') && !value.contains(" #");
                    let set = config.set(section, key, value);
                    prop_assert_eq!(set.is_ok(), is_writable, "{:?} {:?}", edit, before.as_str());
                    // A comment may go only with the lines that continue an old value.
                    let is_one_line = !matches!(&old, Some(Value::Nested(_)))
                        && !matches!(&old, Some(Value::Text(text)) if text.contains('\n'));
                    if is_one_line {
                        prop_assert_eq!(comments(config.as_str()), comments(before.as_str()));
                    }
                    if set.is_err() {
                        prop_assert_eq!(&config, &before);
                        continue;
                    }
                }
                Edit::Unset(section, key) => {
                    let values = expected.get_mut(&header_in(section, &expected));
                    let was_there = values.and_then(|values| values.remove(&key.to_lowercase())).is_some();
                    prop_assert_eq!(config.unset(section, key), was_there, "{:?}", before.as_str());
                }
                Edit::Remove(section) => {
                    let was_there = expected.remove(&header_in(section, &expected)).is_some();
                    match config.remove(section) {
                        Ok(is_removed) => prop_assert_eq!(is_removed, was_there),
                        Err(error) => {
                            let is_odd = text.contains(" [odd]") && matches!(error, EditError::Layout(_));
                            prop_assert!(is_odd, "{:?}", before.as_str());
                            prop_assert_eq!(&config, &before);
                            continue;
                        }
                    }
                }
            }
            prop_assert_eq!(meaning(config.as_str()).unwrap(), expected, "{:?} {:?}", edit, before.as_str());
            // The places of the sections are those of the new text.
            prop_assert_eq!(&ConfigDocument::parse(config.as_str()).unwrap(), &config, "{:?}", config.as_str());
        }
    }
}
