//! A machine's table in its documentation, and the one `match` in its code. `tests/machine/table.rs` compares them.

/// One row: in this state, any of these events, under this condition, leads to that state or outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) events: Vec<String>,
    pub(crate) when: String,
    pub(crate) next: String,
}

const HEAD: &str = "| state | event | when | next |";

/// A machine's code and documentation.
pub(crate) struct Source {
    /// The file with the match, the events and the classes of a refusal.
    code: &'static str,
    /// The file with the documentation, and its path below the crate.
    documentation: &'static str,
    path: &'static str,
    /// The first event in the documentation.
    first_event: &'static str,
    /// The states before the end, in the order of a sign-in.
    pub(crate) live: &'static [&'static str],
    /// The file with the outcomes.
    pub(crate) outcomes: &'static str,
}

pub(crate) static DEVICE_FLOW: Source = Source {
    code: include_str!("../../src/machine.rs"),
    documentation: include_str!("../../src/lib.rs"),
    path: "src/lib.rs",
    first_event: "Registered",
    live: &["Register", "Authorize", "Prompt", "Poll"],
    outcomes: include_str!("../../src/outcome.rs"),
};

pub(crate) static CODE_FLOW: Source = Source {
    code: include_str!("../../src/code/machine.rs"),
    documentation: include_str!("../../src/code/mod.rs"),
    path: "src/code/mod.rs",
    first_event: "Registered",
    live: &["Register", "Prompt", "Listen", "Redeem"],
    outcomes: include_str!("../../src/outcome.rs"),
};

pub(crate) static RENEWAL: Source = Source {
    code: include_str!("../../src/renewal/machine.rs"),
    documentation: include_str!("../../src/renewal/mod.rs"),
    path: "src/renewal/mod.rs",
    first_event: "Nothing",
    live: &["Look", "Lock", "Check", "Ask", "Recheck", "Compare", "Save"],
    outcomes: include_str!("../../src/renewal/outcome.rs"),
};

/// The variable that makes the test write the documentation.
const UPDATE: &str = "UPDATE_DOCS";

impl Source {
    /// Returns the documentation, without the comment marks.
    pub(crate) fn docs(&self) -> Vec<&'static str> {
        let lines = self.documentation.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
    }

    /// Returns the rows of the documented table.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let docs = self.docs();
        let table = docs.iter().skip_while(|line| **line != HEAD).skip(2);
        table.take_while(|line| line.starts_with('|')).map(|line| row(line)).collect()
    }

    /// Returns the arms of the match, each on one line.
    pub(crate) fn arms(&self) -> Vec<String> {
        let (_, body) = self.code.split_once("match state_and_event {").expect("the match");
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

    /// Returns the variants of an enum in the code, with their documentation.
    fn variants(&self, of: &str) -> Vec<(String, String)> {
        let (_, body) = self.code.split_once(&format!("enum {of}")).expect("the enum");
        let (_, body) = body.split_once("{\n").expect("its beginning");
        let (body, _) = body.split_once("\n}").expect("its end");
        let mut variants = Vec::new();
        let mut said = Vec::new();
        for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix("/// ") {
                Some(text) => said.push(text),
                None => variants.push((name(line), core::mem::take(&mut said).join(" "))),
            }
        }
        variants
    }

    /// Returns the events, with the classes of a refusal in its place.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let each = self.variants("Event").into_iter();
        let classes = || DEVICE_FLOW.variants("Answer");
        each.flat_map(|event| if event.0 == "Refused" { classes() } else { vec![event] }).collect()
    }

    /// Returns the expected documentation, from the events to the end of the table.
    pub(crate) fn expected(&self) -> String {
        let list: String =
            self.events().iter().map(|(name, said)| wrapped(&format!("* `{name}`: {said}"))).collect();
        let table: Vec<Row> = self.arms().iter().map(|arm| row_of(arm)).collect();
        format!("{list}\n{}", as_markdown(&table))
    }

    /// Checks that events and table of the documentation are those of the code.
    #[track_caller]
    pub(crate) fn compare(&self) {
        let docs = self.docs();
        let at = |what: &str| docs.iter().position(|line| line.starts_with(what)).expect("it is there");
        let begin = at(&format!("* `{}`", self.first_event));
        let table = at("| state |");
        let end = table + docs[table..].iter().take_while(|line| line.starts_with('|')).count();
        let shown = docs[begin..end].join("\n") + "\n";
        let expected = self.expected();
        if shown == expected {
            return;
        }
        let path = self.path;
        #[expect(clippy::disallowed_methods, reason = "the caller of the test says whether to write")]
        let update = std::env::var_os(UPDATE).is_some();
        assert!(update, "{path} is behind the code; {UPDATE}=1 writes it. It should say:\n{expected}");
        let comment = |text: &str| -> String {
            text.lines().map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect()
        };
        let updated = self.documentation.replace(&comment(&shown), &comment(&expected));
        assert_ne!(self.documentation, updated, "nothing to write over");
        #[expect(clippy::disallowed_methods, reason = "as above")]
        std::fs::write(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")), updated).unwrap();
    }
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
