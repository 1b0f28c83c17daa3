//! The table, the events and the picture in the crate's documentation match the one `match` in
//! `src/machine.rs`. `UPDATE_DOCS=1 cargo test -p device-flow --test machine table` rewrites table and
//! events.

use std::collections::BTreeSet;

use crate::rows::{Row, as_markdown, docs, rows};

const CODE: &str = include_str!("../../src/machine.rs");

/// The variable that makes the test write the documentation.
const UPDATE: &str = "UPDATE_DOCS";

/// The states before the end, in the order of a sign-in.
const LIVE: [&str; 4] = ["Register", "Authorize", "Prompt", "Poll"];

/// Returns the arms of the match, each on one line.
fn arms() -> Vec<String> {
    let (_, body) = CODE.split_once("match state_and_event {").expect("the match");
    let (body, _) = body.split_once("// Nothing else can happen").expect("its last arm");
    let mut arms = vec![String::new()];
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let arm = arms.last_mut().unwrap();
        *arm += &format!("{line} ");
        if line.ends_with("),") {
            arms.push(String::new());
        }
    }
    assert_eq!(arms.pop().as_deref(), Some(""), "the last arm has no end");
    assert_eq!(arms.len(), body.matches("=> ").count(), "each arm has one arrow, and ends in a call");
    arms
}

/// Returns the name at the beginning of a pattern, a call or a path.
fn name(text: &str) -> String {
    text.trim_start_matches("Event::").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn row_of(arm: &str) -> Row {
    let (left, right) = arm.split_once(" => ").expect("an arrow");
    let (pattern, guard) = left.split_once(" if ").unwrap_or((left, ""));
    let (state, events) = pattern.trim_start_matches('(').split_once("), ").expect("a pair");
    let events = match events.strip_prefix("Refused(") {
        Some(refused) => refused.split_once(", ").expect("answers and a fault").0,
        None => events,
    };
    let call = guard.split_once('.').map_or("", |(_, call)| call);
    let is_plain =
        guard.chars().all(|c| c.is_alphanumeric() || "_.(&, )".contains(c)) && !guard.contains("&&");
    assert!(
        is_plain && guard.is_empty() == call.is_empty(),
        "a condition is one member or one call: {guard}"
    );
    let next = match right.split_once("Outcome::") {
        Some((_, outcome)) => name(outcome),
        None => name(right),
    };
    let mut letters = next.chars();
    let next = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    Row {
        state: name(state),
        events: events.split(" | ").map(name).collect(),
        when: name(call).replace('_', " "),
        next,
    }
}

/// Returns the variants of an enum in the code, with their documentation.
fn variants(of: &str) -> Vec<(String, String)> {
    let (_, body) = CODE.split_once(&format!("enum {of}")).expect("the enum");
    let (_, body) = body.split_once("{\n").expect("its beginning");
    let (body, _) = body.split_once("\n}").expect("its end");
    let mut variants = Vec::new();
    let mut said = Vec::new();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("/// ") {
            Some(text) => said.push(text),
            None => variants.push((name(line), std::mem::take(&mut said).join(" "))),
        }
    }
    variants
}

/// Returns the events, with the classes of a refusal in its place.
fn events() -> Vec<(String, String)> {
    let each = variants("Event").into_iter();
    each.flat_map(|event| if event.0 == "Refused" { variants("Answer") } else { vec![event] }).collect()
}

/// Returns the expected documentation, from the events to the end of the table.
fn expected() -> String {
    let list: String = events().iter().map(|(name, said)| wrapped(&format!("* `{name}`: {said}"))).collect();
    let table: Vec<Row> = arms().iter().map(|arm| row_of(arm)).collect();
    format!("{list}\n{}", as_markdown(&table))
}

/// Wraps a list item.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.len() + word.len() > 110 {
            lines.push(format!("  {word}"));
        } else {
            *line = format!("{line} {word}").trim_start_matches(|c| line.is_empty() && c == ' ').to_owned();
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_table_in_the_documentation_is_the_match_in_the_code() {
    let docs = docs();
    let at = |what: &str| docs.iter().position(|line| line.starts_with(what)).expect("it is there");
    let begin = at("* `Registered`");
    let end =
        at("| state |") + docs[at("| state |")..].iter().take_while(|line| line.starts_with('|')).count();
    let shown = docs[begin..end].join("\n") + "\n";
    let expected = expected();
    if shown == expected {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "the caller of the test says whether to write")]
    let update = std::env::var_os(UPDATE).is_some();
    assert!(update, "src/lib.rs is behind the code; {UPDATE}=1 writes it. It should say:\n{expected}");
    let comment = |text: &str| -> String {
        text.lines().map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect()
    };
    let file = include_str!("../../src/lib.rs");
    let updated = file.replace(&comment(&shown), &comment(&expected));
    assert_ne!(file, updated, "nothing to write over");
    #[expect(clippy::disallowed_methods, reason = "as above")]
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs"), updated).unwrap();
}

#[test]
fn every_row_names_states_events_and_outcomes_that_exist() {
    let outcomes = include_str!("../../src/outcome.rs");
    let known: BTreeSet<String> = events().into_iter().map(|(name, _)| name).collect();
    let rows = rows();
    for Row { state, events, next, .. } in &rows {
        assert!(LIVE.contains(&state.as_str()), "{state}");
        assert!(events.iter().all(|event| known.contains(event)), "{events:?}");
        let is_outcome = next == "Granted" || outcomes.contains(&format!("    {next}"));
        assert!(LIVE.contains(&next.as_str()) || is_outcome, "{next}");
    }
    let used: BTreeSet<String> = rows.into_iter().flat_map(|row| row.events).collect();
    assert_eq!(known, used, "an event that no row names");
}

/// Returns the lines of the picture.
fn picture() -> Vec<&'static str> {
    let docs = docs();
    let start = docs.iter().position(|line| *line == "```text").expect("a picture");
    docs[start + 1..].iter().take_while(|line| **line != "```").copied().collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect()
}

#[test]
fn the_picture_and_the_list_of_states_name_every_state_and_outcome_of_the_table() {
    let text = picture().join(" ");
    let (_, outcomes) = text.split_once("Ended:").expect("the outcomes are in the picture");
    let rows = rows();
    let ends: BTreeSet<&str> =
        rows.iter().map(|row| row.next.as_str()).filter(|next| !LIVE.contains(next)).collect();
    assert_eq!(words(outcomes), ends);
    let docs = docs();
    let bullets: Vec<_> =
        docs.iter().filter_map(|line| line.strip_prefix("* **")?.split("**").next()).collect();
    assert_eq!(bullets, [&LIVE[..], &["Ended"]].concat(), "one sentence for each state");
    assert!(LIVE.iter().all(|state| words(&text).contains(state)));
}

/// The arrows of the picture between different states, with their labels. A test can read no more from a
/// picture of lines.
const ARROWS: &[(&str, &str, &str, &str)] = &[
    ("Authorize", "Authorized", "codes", "Prompt"),
    ("Authorize", "ClientRejected", "cached client rejected, once", "Register"),
    ("Poll", "ClientRejected", "cached client rejected, once", "Register"),
    ("Prompt", "Shown", "shown", "Poll"),
    ("Register", "Registered", "registration", "Authorize"),
];

#[test]
fn the_picture_has_an_arrow_for_every_change_between_live_states() {
    let rows = rows();
    let changes: BTreeSet<(&str, &str, &str)> = rows
        .iter()
        .filter(|row| LIVE.contains(&row.next.as_str()) && row.state != row.next)
        .flat_map(|row| {
            row.events.iter().map(|event| (row.state.as_str(), event.as_str(), row.next.as_str()))
        })
        .collect();
    assert_eq!(changes, ARROWS.iter().map(|(from, event, _, to)| (*from, *event, *to)).collect());
    let picture = picture();
    for (_, _, label, _) in ARROWS {
        assert!(picture.iter().any(|line| line.contains(label)), "no arrow says `{label}`");
    }
    // The straight path is one line, left to right.
    let way = picture.iter().find(|line| line.starts_with("Register ")).expect("the way begins at Register");
    let stops: Vec<_> = way.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    assert_eq!(stops, LIVE[..3]);
    assert_eq!(way.matches('►').count(), 2);
}
