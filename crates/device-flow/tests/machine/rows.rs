//! The rows of the table in the crate's documentation. `tests/machine/table.rs` compares it with the code.

/// One row: in this state, any of these events, under this condition, leads to that state or outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) events: Vec<String>,
    pub(crate) when: String,
    pub(crate) next: String,
}

const HEAD: &str = "| state | event | when | next |";

/// Returns the crate's documentation, without the comment marks.
pub(crate) fn docs() -> Vec<&'static str> {
    let lines = include_str!("../../src/lib.rs").lines();
    let lines = lines.map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
}

/// Returns the rows of the documented table.
pub(crate) fn rows() -> Vec<Row> {
    let docs = docs();
    let table = docs.iter().skip_while(|line| **line != HEAD).skip(2);
    table.take_while(|line| line.starts_with('|')).map(|line| row(line)).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, state, events, when, next, _] = cells[..] else { panic!("{line}") };
    let events = events.split(", ").map(|event| event.trim_matches('`').to_owned()).collect();
    Row { state: state.to_owned(), events, when: when.to_owned(), next: next.to_owned() }
}

pub(crate) fn as_markdown(rows: &[Row]) -> String {
    let mut text = format!("{HEAD}\n|---|---|---|---|\n");
    for Row { state, events, when, next } in rows {
        let events: Vec<_> = events.iter().map(|event| format!("`{event}`")).collect();
        text += &format!("| {state} | {} | {when} | {next} |\n", events.join(", "));
    }
    text
}
