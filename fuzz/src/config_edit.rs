//! Edits of the AWS config file.
//!
//! Two things are checked: what the reader makes of the new text, and how many bytes an edit touches.
//!
//! The input has one edit a line, an empty line, and the file:
//!
//! ```text
//! set profile|work|region|eu-west-1
//! unset profile|work|output
//! remove session|corp
//!
//! [profile work]
//! output = json
//! ```

use std::collections::BTreeMap;

use sso_cache::{Config, ConfigDocument, SectionName};

/// The most edits of one input, which bounds its time.
const EDITS: usize = 16;

/// Edits a config file. Each edit is read back as that edit and changes nothing else, or is refused and changes
/// nothing. A text without an edit is the same to the byte.
pub fn config_edit(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (edits, file) = text.split_once("\n\n").unwrap_or(("", text));
    let Ok(mut document) = ConfigDocument::parse(file) else {
        assert!(Config::parse(file).is_err(), "what the reader accepts can be edited");
        return;
    };
    assert_eq!(document.as_str(), file);
    for line in edits.lines().take(EDITS) {
        edited(&mut document, line);
    }
}

fn edited(document: &mut ConfigDocument, line: &str) {
    let Some((verb, rest)) = line.split_once(' ') else { return };
    let mut words = rest.splitn(4, '|');
    let mut next = || words.next().unwrap_or_default();
    let (kind, name, key, value) = (next(), next().to_owned(), next(), next());
    let section = if kind == "session" { SectionName::SsoSession(name) } else { SectionName::Profile(name) };
    let before = document.clone();
    let mut expected = read(&before);
    let key = key.to_lowercase();
    let done = match verb {
        "set" => {
            let text = Some(value.to_owned()).filter(|text| !text.is_empty());
            expected.entry(section.clone()).or_default().insert(key.clone(), text);
            document.set(&section, &key, value).is_ok()
        }
        "unset" => {
            let is_there = expected.get_mut(&section).is_some_and(|texts| texts.remove(&key).is_some());
            let removed = document.unset(&section, &key);
            assert!(removed == is_there || kind == "session", "{line:?} {}", before.as_str());
            removed
        }
        "remove" => match document.remove(&section) {
            Ok(removed) => {
                assert_eq!(removed, expected.remove(&section).is_some());
                removed
            }
            Err(_) => false,
        },
        _ => false,
    };
    if !done {
        return assert_eq!(*document, before, "without an edit nothing changes");
    }
    touches_little(verb, before.as_str(), document.as_str(), expected_old(&before, &section, &key), line);
    let mut found = read(document);
    if kind == "session" && verb != "remove" {
        let settings_of = |sections: &BTreeMap<SectionName, Texts>| sections.get(&section).cloned();
        session_keeps_its_other_settings(settings_of(&read(&before)), settings_of(&found), &key, line);
    }
    if verb == "set" && key == "sso_region" && kind == "session" && !value.is_empty() {
        let region = found.get(&section).and_then(|texts| texts.get(REGION)).expect("the session is there");
        assert!(region.as_deref().is_none_or(|region| region == value), "{}", document.as_str());
    }
    // The reader does not give the keys of a session. `[default]` may show behind `[profile default]`.
    let shows = verb == "remove" && section == SectionName::Profile("default".to_owned());
    if kind == "session" || shows {
        let (is_there, is_expected) = (found.remove(&section).is_some(), expected.remove(&section).is_some());
        assert!(is_there == is_expected || shows, "{line:?} {}", before.as_str());
    }
    assert_eq!(found, expected, "{line:?} {}", before.as_str());
    let again = ConfigDocument::parse(document.as_str()).expect("an edited file is read");
    assert_eq!(again, *document, "a document knows the places of its sections");
}

/// Checks that an edit replaces one piece of the text, and no more of it than it must. So comments, the order and the
/// other lines stay to the byte. `old` is the value that `set` replaces, if the reader gives it.
fn touches_little(verb: &str, before: &str, after: &str, old: Old, line: &str) {
    let prefix = before.bytes().zip(after.bytes()).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&before.as_bytes()[prefix..], &after.as_bytes()[prefix..]);
    let suffix = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let removed = &old_rest[..old_rest.len() - suffix];
    let added = &new_rest[..new_rest.len() - suffix];
    let ends = |piece: &[u8]| piece.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    if verb != "set" {
        assert!(added.is_empty(), "{line:?} only removes: {before:?} {after:?}");
        // One line with CR LF. A removed section takes its comments along.
        let is_line = matches!(old, Old::OneLine) && verb == "unset";
        assert!(!is_line || ends(removed) <= 2, "{line:?} removes one line: {before:?} {after:?}");
        return;
    }
    match old {
        Old::None => assert!(removed.is_empty(), "{line:?} only adds: {before:?} {after:?}"),
        Old::OneLine => assert_eq!(ends(removed), 0, "{line:?} is in one line: {before:?} {after:?}"),
        Old::Unknown => {}
    }
    // A blank line, a header and a property, each with CR LF.
    assert!(ends(added) <= 8, "{line:?} adds three lines: {before:?} {after:?}");
}

/// The value that an edit replaces.
enum Old {
    None,
    OneLine,
    /// It has several lines, or the reader does not give it.
    Unknown,
}

fn expected_old(before: &ConfigDocument, section: &SectionName, key: &str) -> Old {
    let sections = read(before);
    match (section, sections.get(section).map(|texts| texts.get(key))) {
        (_, None) | (SectionName::Profile(_), Some(None)) => Old::None,
        (SectionName::Profile(_), Some(Some(Some(text)))) if !text.contains('\n') => Old::OneLine,
        _ => Old::Unknown,
    }
}

/// Checks the settings of a session that are not edited, as far as the reader gives them before and after.
fn session_keeps_its_other_settings(before: Option<Texts>, after: Option<Texts>, key: &str, line: &str) {
    let (Some(before), Some(after)) = (before, after) else { return };
    let edited = match key {
        "sso_region" => REGION,
        "sso_start_url" => START_URL,
        "sso_registration_scopes" => SCOPES,
        _ => "",
    };
    let is_resolved = |texts: &Texts| texts.get(START_URL).is_some_and(Option::is_some);
    if is_resolved(&before) && is_resolved(&after) {
        for setting in [REGION, START_URL, SCOPES].into_iter().filter(|setting| *setting != edited) {
            assert_eq!(before.get(setting), after.get(setting), "{line:?}");
        }
    }
}

/// A profile's texts by lowercase key, or the settings of a session. An empty or a nested text is `None`, as for the
/// reader.
type Texts = BTreeMap<String, Option<String>>;

/// Returns what the reader makes of a document.
fn read(document: &ConfigDocument) -> BTreeMap<SectionName, Texts> {
    let config = Config::parse(document.as_str()).expect("an edited file is read");
    let mut sections = BTreeMap::new();
    for name in config.profile_names() {
        let profile = config.profile(name).expect("a profile that is named is there");
        let texts = profile.keys().map(|key| (key.to_owned(), profile.text(key).map(str::to_owned)));
        sections.insert(SectionName::Profile(name.to_owned()), texts.collect());
    }
    for name in config.session_names() {
        let settings = config.resolve_session(name).ok();
        let texts = Texts::from([
            (REGION.to_owned(), settings.as_ref().and_then(|settings| settings.region.clone())),
            (START_URL.to_owned(), settings.as_ref().map(|settings| settings.start_url.clone())),
            (SCOPES.to_owned(), settings.and_then(|settings| Some(settings.scopes?.join(",")))),
        ]);
        sections.insert(SectionName::SsoSession(name.to_owned()), texts);
    }
    sections
}

/// The settings of a session that can be resolved.
const REGION: &str = "region";
const START_URL: &str = "start URL";
const SCOPES: &str = "scopes";
