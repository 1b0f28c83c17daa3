//! Compares what a command prints with what the manual shows.
//!
//! A line `…` stands for any number of lines, and `…` within a line for any text. A user code stands for any user code,
//! and a port of `127.0.0.1` for any port.

use std::collections::VecDeque;

const REST: char = '…';
/// The letters of user codes.
const LETTERS: &str = "BCDFGHJKLMNPQRSTVWXZ";
const LOOPBACK: &str = "127.0.0.1:";

/// Returns whether the printed lines are those that are expected. Blank lines at the start and the end do not count.
pub(crate) fn fits(expected: &[String], printed: &[String]) -> bool {
    let prepared = |lines: &[String]| {
        let mut lines: VecDeque<String> = lines.iter().map(|line| without_changes(line.trim_end())).collect();
        while lines.front().is_some_and(String::is_empty) {
            lines.pop_front();
        }
        while lines.back().is_some_and(String::is_empty) {
            lines.pop_back();
        }
        Vec::from(lines)
    };
    lines_fit(&prepared(expected), &prepared(printed))
}

fn lines_fit(expected: &[String], printed: &[String]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return printed.is_empty() };
    if first.trim() == REST.to_string() {
        return (0..=printed.len()).any(|skipped| lines_fit(rest, &printed[skipped..]));
    }
    match printed.split_first() {
        Some((line, more)) => line_fits(first, line) && lines_fit(rest, more),
        None => false,
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    match expected.split_once(REST) {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.any(|at| line_fits(after, &rest[at..]))
        }),
    }
}

/// Replaces user codes and ports, which differ from run to run.
fn without_changes(line: &str) -> String {
    let mut parts = line.split(LOOPBACK);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += LOOPBACK;
        text += "PORT";
        text += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let mut words = Vec::new();
    for word in text.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '-')) {
        let end = word.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(word.len());
        words.push(if is_user_code(&word[..end]) {
            format!("USER-CODE{}", &word[end..])
        } else {
            word.to_owned()
        });
    }
    words.concat()
}

fn is_user_code(word: &str) -> bool {
    let group = |text: &str| text.len() == 4 && text.chars().all(|c| LETTERS.contains(c));
    word.split_once('-').is_some_and(|(first, second)| group(first) && group(second))
}

#[cfg(test)]
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_changes_from_run_to_run_is_not_compared_and_all_else_is() {
    let fits = |expected: &str, printed: &str| fits(&lines(expected), &lines(printed));
    assert!(fits("a\nb", "\na  \nb\n\n") && !fits("a\nb", "a") && !fits("a", "a\nb") && !fits("", "a"));
    assert!(fits("a\n…\nz", "a\nz") && fits("a\n…\nz", "a\nb\nc\nz") && !fits("a\n…\nz", "a\nb"));
    assert!(fits("in …, and … more", "in /tmp/x, and 3 more") && !fits("in … more", "in 3 less"));
    let code = "Open http://127.0.0.1:1234/device?user_code=BCDF-GHJK";
    assert!(fits(code, "Open http://127.0.0.1:45/device?user_code=ZXWV-TSRQ"));
    assert!(!fits(code, "Open http://127.0.0.1:45/device?user_code=ZXWV-TSRA"));
    assert!(!fits(code, "Open http://127.0.0.2:45/device?user_code=ZXWV-TSRQ"));
    assert!(!fits("3 polls", "4 polls"));
}
