//! Edits of the AWS config file.
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
    let mut found = read(document);
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
            ("start URL".to_owned(), settings.as_ref().map(|settings| settings.start_url.clone())),
            ("scopes".to_owned(), settings.and_then(|settings| Some(settings.scopes?.join(",")))),
        ]);
        sections.insert(SectionName::SsoSession(name.to_owned()), texts);
    }
    sections
}

/// The region of a session that can be resolved.
const REGION: &str = "region";
