//! Tables as the AWS CLI draws them: a title, columns in alphabetical order, nested parts in boxes of their own.
//!
//! A table that is wider than the terminal turns every one-row section on its side: a row a member.

use super::{Document, Surroundings};

/// Spaces beside a cell's text, both sides together, and the line that closes the cell.
const CELL_EXTRA: usize = 4;

/// The document as a table. Nothing at all becomes no table.
pub(super) fn render(document: &Document, title: &str, surroundings: Surroundings) -> String {
    let mut sections = Vec::new();
    if !add_part(&mut sections, Some(title), document, 0) {
        return String::new();
    }
    let mut width = total_width(&sections);
    if width > surroundings.width {
        sections.iter_mut().for_each(Section::turn);
        width = total_width(&sections);
    }
    let mut out = "-".repeat(width);
    out.push('\n');
    for section in &sections {
        section.draw(&mut out, width, surroundings.colored);
    }
    out
}

/// A title, perhaps headers, and rows of the same length.
#[derive(Default)]
struct Section {
    title: String,
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    depth: usize,
}

/// Adds what this part needs; `false` if there is nothing to show. A part without a title continues its parent's
/// section.
fn add_part(sections: &mut Vec<Section>, title: Option<&str>, part: &Document, depth: usize) -> bool {
    let nothing = match part {
        Document::Null | Document::Bool(false) => true,
        Document::Text(text) => text.is_empty(),
        Document::List(items) => items.is_empty(),
        Document::Map(members) => members.is_empty(),
        Document::Bool(true) | Document::Number(_) => false,
    };
    if nothing {
        return false;
    }
    if let Some(title) = title {
        let title = oidc_proto::printable(title).into_owned();
        sections.push(Section { title, depth, ..Section::default() });
    }
    match part {
        Document::Map(members) => add_map(sections, members, depth),
        Document::List(items) if matches!(items.first(), Some(Document::Map(_))) => {
            add_maps(sections, items, title, depth);
        }
        Document::List(items) => {
            for item in items {
                match item {
                    Document::List(row) if row.iter().all(Document::is_scalar) => {
                        add_row(sections, row.iter().map(Document::scalar_text).collect());
                    }
                    Document::List(_) | Document::Map(_) => {
                        add_part(sections, None, item, depth);
                    }
                    scalar => add_row(sections, vec![scalar.scalar_text()]),
                }
            }
        }
        // A lone scalar is a row of its own. (The AWS CLI draws an empty box and loses the value.)
        scalar => add_row(sections, vec![scalar.scalar_text()]),
    }
    true
}

fn add_row(sections: &mut [Section], row: Vec<String>) {
    if let Some(section) = sections.last_mut() {
        section.rows.push(row);
    }
}

fn add_map(sections: &mut Vec<Section>, members: &[(String, Document)], depth: usize) {
    let (headers, parts) = member_names(std::slice::from_ref(&members));
    let row: Vec<String> = headers.iter().map(|name| cell(members, name)).collect();
    match (row.as_slice(), sections.last_mut()) {
        ([], _) | (_, None) => {}
        // One member alone reads better as "name, value".
        ([value], Some(section)) => section.rows.push(vec![headers[0].clone(), value.clone()]),
        (_, Some(section)) => {
            section.headers = headers;
            section.rows.push(row);
        }
    }
    add_nested(sections, members, &parts, depth);
}

/// A list of maps: one row each. Nested parts stand below the row that they belong to, so a section begins anew
/// after them.
fn add_maps(sections: &mut Vec<Section>, items: &[Document], title: Option<&str>, depth: usize) {
    let maps: Vec<&[(String, Document)]> = items
        .iter()
        .filter_map(|item| if let Document::Map(members) = item { Some(members.as_slice()) } else { None })
        .collect();
    let (headers, parts) = member_names(&maps);
    for (index, members) in maps.iter().enumerate() {
        if index > 0 && !parts.is_empty() {
            let title = title.unwrap_or_default().to_owned();
            sections.push(Section { title, depth, ..Section::default() });
        }
        if let Some(section) = sections.last_mut()
            && !headers.is_empty()
        {
            section.headers.clone_from(&headers);
            section.rows.push(headers.iter().map(|name| cell(members, name)).collect());
        }
        add_nested(sections, members, &parts, depth);
    }
}

fn add_nested(sections: &mut Vec<Section>, members: &[(String, Document)], parts: &[String], depth: usize) {
    for name in parts {
        if let Some((_, part)) = members.iter().find(|(known, _)| known == name) {
            add_part(sections, Some(name), part, depth + 1);
        }
    }
}

/// The names of the members that are scalars in any of the maps, and of those that are not; sorted.
fn member_names(maps: &[&[(String, Document)]]) -> (Vec<String>, Vec<String>) {
    let named = |scalar: bool| {
        let all = maps.iter().flat_map(|members| members.iter());
        let mut names: Vec<String> =
            all.filter(|(_, value)| value.is_scalar() == scalar).map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    (named(true), named(false))
}

fn cell(members: &[(String, Document)], name: &str) -> String {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value.scalar_text()).unwrap_or_default()
}

fn columns_of(text: &str) -> usize {
    text.chars().count()
}

/// The outer width: that of the widest section, or of the widest title.
fn total_width(sections: &[Section]) -> usize {
    let widths = sections.iter().map(|section| {
        let rows: usize = section.natural_widths().iter().sum::<usize>() + 2;
        rows.max(columns_of(&section.title) + 2) + 2 * section.depth
    });
    widths.max().unwrap_or(0)
}

impl Section {
    /// Headers and their only row become rows of a header and a value.
    fn turn(&mut self) {
        if self.rows.len() == 1 && !self.headers.is_empty() {
            let headers = std::mem::take(&mut self.headers);
            let row = self.rows.pop().unwrap_or_default();
            self.rows = headers.into_iter().zip(row).map(|(header, value)| vec![header, value]).collect();
        }
    }

    /// What each column needs.
    fn natural_widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).chain([self.headers.len()]).max().unwrap_or_default();
        let lines = || self.rows.iter().chain([&self.headers]);
        let widest =
            |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| columns_of(cell)).max();
        (0..columns).map(|column| widest(column).unwrap_or_default() + CELL_EXTRA).collect()
    }

    fn draw(&self, out: &mut String, width: usize, colored: bool) {
        let bars = "|".repeat(self.depth);
        let bars = paint(&bars, DIM_YELLOW, colored);
        let width = width.saturating_sub(2 * self.depth);
        let mut put = |line: String| {
            for part in [bars.as_str(), line.as_str(), bars.as_str(), "\n"] {
                out.push_str(part);
            }
        };
        let widths = stretched(&self.natural_widths(), width);
        if !self.title.is_empty() {
            put(format!("|{}|", centered(&self.title, width.saturating_sub(2), width)));
        }
        if widths.is_empty() {
            put(format!("+{}+", "-".repeat(width.saturating_sub(2))));
            return;
        }
        if !self.headers.is_empty() {
            put(rule(&widths));
            put(cells(&self.headers, &widths, centered));
        }
        put(rule(&widths));
        for row in &self.rows {
            put(cells(row, &widths, |text, inner, _| {
                let gap = if columns_of(text) + 2 <= inner { 2 } else { 0 };
                let after = inner.saturating_sub(gap + columns_of(text));
                format!("{}{}{}", " ".repeat(gap), paint(text, BRIGHT_BLUE, colored), " ".repeat(after))
            }));
        }
        put(rule(&widths));
    }
}

/// The columns' widths, stretched in proportion so that together they fill the section. What rounding leaves over is
/// given to the last columns, what it takes too much is taken from the first.
fn stretched(natural: &[usize], width: usize) -> Vec<usize> {
    let sum: usize = natural.iter().sum();
    if sum == 0 {
        return Vec::new();
    }
    let scale = width as f64 / sum as f64;
    let mut widths: Vec<usize> =
        natural.iter().map(|column| (scale * *column as f64).round_ties_even() as usize).collect();
    let count = widths.len();
    let mut turn = 0;
    loop {
        let total: usize = widths.iter().sum();
        let index = turn % count;
        match total.cmp(&width) {
            std::cmp::Ordering::Equal => return widths,
            std::cmp::Ordering::Greater => widths[index] = widths[index].saturating_sub(1),
            std::cmp::Ordering::Less => widths[count - 1 - index] += 1,
        }
        turn += 1;
    }
}

/// `+----+---+`: the first column has both of its edges in its width, the others only the right one.
fn rule(widths: &[usize]) -> String {
    let mut line = String::from("+");
    for (index, width) in widths.iter().enumerate() {
        line.push_str(&"-".repeat(inner_width(index, *width)));
        line.push('+');
    }
    line
}

fn cells(texts: &[String], widths: &[usize], lay_out: impl Fn(&str, usize, usize) -> String) -> String {
    let mut line = String::from("|");
    for (index, width) in widths.iter().enumerate() {
        let text = texts.get(index).map_or("", String::as_str);
        line.push_str(&lay_out(text, inner_width(index, *width), *width));
        line.push('|');
    }
    line
}

fn inner_width(index: usize, width: usize) -> usize {
    width.saturating_sub(if index == 0 { 2 } else { 1 })
}

/// The text in the middle of `inner` columns. Which side gets an odd blank is decided, as in the AWS CLI, from the
/// width with the edges that belong to the cell.
fn centered(text: &str, inner: usize, outer: usize) -> String {
    let length = columns_of(text);
    let before = (outer / 2).saturating_sub(length / 2 + 1);
    let after = inner.saturating_sub(before + length);
    format!("{}{text}{}", " ".repeat(before), " ".repeat(after))
}

const BRIGHT_BLUE: &str = "\x1b[1m\x1b[34m";
const DIM_YELLOW: &str = "\x1b[2m\x1b[33m";

fn paint(text: &str, style: &str, colored: bool) -> String {
    if colored && !text.is_empty() { format!("{style}{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Surroundings = Surroundings { width: 80, colored: false };

    fn text(s: &str) -> Document {
        Document::from(s)
    }

    fn check(document: &Document, title: &str, expected: &[&str]) {
        let drawn = render(document, title, PLAIN);
        assert_eq!(drawn.lines().collect::<Vec<_>>(), expected, "\n{drawn}");
    }

    #[test]
    fn a_map_is_one_row_below_its_headers() {
        let document = Document::map([
            ("clientId", text("cid")),
            ("clientSecret", text("csec")),
            ("clientIdIssuedAt", Document::Number(1_700_000_000.into())),
            ("clientSecretExpiresAt", Document::Number(1_707_776_000.into())),
        ]);
        check(
            &document,
            "RegisterClient",
            &[
                "---------------------------------------------------------------------------",
                "|                             RegisterClient                              |",
                "+----------+--------------------+---------------+-------------------------+",
                "| clientId | clientIdIssuedAt   | clientSecret  |  clientSecretExpiresAt  |",
                "+----------+--------------------+---------------+-------------------------+",
                "|  cid     |  1700000000        |  csec         |  1707776000             |",
                "+----------+--------------------+---------------+-------------------------+",
            ],
        );
    }

    #[test]
    fn a_map_wider_than_the_terminal_is_turned() {
        let document = Document::map([
            ("deviceCode", text("dc")),
            ("expiresIn", Document::Number(600.into())),
            ("interval", Document::Number(1.into())),
            ("userCode", text("PMPJ-VZCJ")),
            ("verificationUri", text("https://d/")),
            ("verificationUriComplete", text("https://d/?user_code=PMPJ-VZCJ")),
        ]);
        check(
            &document,
            "StartDeviceAuthorization",
            &[
                "---------------------------------------------------------------",
                "|                  StartDeviceAuthorization                   |",
                "+--------------------------+----------------------------------+",
                "|  deviceCode              |  dc                              |",
                "|  expiresIn               |  600                             |",
                "|  interval                |  1                               |",
                "|  userCode                |  PMPJ-VZCJ                       |",
                "|  verificationUri         |  https://d/                      |",
                "|  verificationUriComplete |  https://d/?user_code=PMPJ-VZCJ  |",
                "+--------------------------+----------------------------------+",
            ],
        );
    }

    #[test]
    fn nested_parts_stand_in_boxes_of_their_own() {
        let document = Document::map([("a", text("cid")), ("b", Document::map([("c", text("csec"))]))]);
        check(
            &document,
            "RegisterClient",
            &[
                "-----------------",
                "|RegisterClient |",
                "+-----+---------+",
                "|  a  |  cid    |",
                "+-----+---------+",
                "||      b      ||",
                "|+----+--------+|",
                "||  c |  csec  ||",
                "|+----+--------+|",
            ],
        );
    }

    #[test]
    fn lists_are_rows() {
        let scalars = Document::List(vec![text("cid"), text("csec")]);
        check(
            &scalars,
            "RegisterClient",
            &[
                "----------------",
                "|RegisterClient|",
                "+--------------+",
                "|  cid         |",
                "|  csec        |",
                "+--------------+",
            ],
        );
        let maps = Document::List(vec![
            Document::map([("a", text("cid")), ("b", text("csec"))]),
            Document::map([("a", text("csec"))]),
        ]);
        check(
            &maps,
            "RegisterClient",
            &[
                "------------------",
                "| RegisterClient |",
                "+-------+--------+",
                "|   a   |   b    |",
                "+-------+--------+",
                "|  cid  |  csec  |",
                "|  csec |        |",
                "+-------+--------+",
            ],
        );
    }

    #[test]
    fn rows_of_unequal_length_and_lone_values_are_drawn() {
        let rows =
            Document::List(vec![Document::List(vec![text("a"), text("b")]), Document::List(vec![text("c")])]);
        check(
            &rows,
            "T",
            &["------------", "|     T    |", "+----+-----+", "|  a |  b  |", "|  c |     |", "+----+-----+"],
        );
        check(&text("cid"), "T", &["---------", "|   T   |", "+-------+", "|  cid  |", "+-------+"]);
        check(&Document::Null, "T", &[]);
    }

    #[test]
    fn colour_does_not_change_the_layout() {
        let document = Document::map([("a", text("cid")), ("b", Document::map([("c", text("csec"))]))]);
        let plain = render(&document, "T", PLAIN);
        let colored = render(&document, "T", Surroundings { colored: true, ..PLAIN });
        assert_ne!(plain, colored);
        let stripped = colored.replace(BRIGHT_BLUE, "").replace(DIM_YELLOW, "").replace("\x1b[0m", "");
        assert_eq!(plain, stripped);
    }
}
