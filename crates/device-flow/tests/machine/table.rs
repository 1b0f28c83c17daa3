//! The tables, the events and the picture in the documentation match the one `match` of each machine.
//! `UPDATE_DOCS=1 cargo test -p device-flow --test machine table` rewrites tables and events.

use std::collections::BTreeSet;

use crate::rows::{CODE_FLOW, DEVICE_FLOW, RENEWAL, Row};

#[test]
fn the_table_in_the_documentation_is_the_match_in_the_code() {
    DEVICE_FLOW.compare();
    CODE_FLOW.compare();
    RENEWAL.compare();
}

#[test]
fn every_row_names_states_events_and_outcomes_that_exist() {
    for machine in [&DEVICE_FLOW, &CODE_FLOW, &RENEWAL] {
        let known: BTreeSet<String> = machine.events().into_iter().map(|(name, _)| name).collect();
        let (rows, live) = (machine.rows(), machine.live);
        for Row { state, events, next, .. } in &rows {
            assert!(live.contains(&state.as_str()), "{state}");
            assert!(events.iter().all(|event| known.contains(event)), "{events:?}");
            let is_outcome = next == "Granted" || machine.outcomes.contains(&format!("    {next}"));
            assert!(live.contains(&next.as_str()) || is_outcome, "{next}");
        }
        let used: BTreeSet<String> = rows.into_iter().flat_map(|row| row.events).collect();
        assert_eq!(known, used, "an event that no row names");
    }
}

/// Returns the lines of the picture.
fn picture() -> Vec<&'static str> {
    let docs = DEVICE_FLOW.docs();
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
    let rows = DEVICE_FLOW.rows();
    let ends: BTreeSet<&str> =
        rows.iter().map(|row| row.next.as_str()).filter(|next| !DEVICE_FLOW.live.contains(next)).collect();
    assert_eq!(words(outcomes), ends);
    let docs = DEVICE_FLOW.docs();
    let bullets: Vec<_> =
        docs.iter().filter_map(|line| line.strip_prefix("* **")?.split("**").next()).collect();
    assert_eq!(bullets, [DEVICE_FLOW.live, &["Ended"]].concat(), "one sentence for each state");
    assert!(DEVICE_FLOW.live.iter().all(|state| words(&text).contains(state)));
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
    let rows = DEVICE_FLOW.rows();
    let changes: BTreeSet<(&str, &str, &str)> = rows
        .iter()
        .filter(|row| DEVICE_FLOW.live.contains(&row.next.as_str()) && row.state != row.next)
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
    assert_eq!(stops, DEVICE_FLOW.live[..3]);
    assert_eq!(way.matches('►').count(), 2);
}
