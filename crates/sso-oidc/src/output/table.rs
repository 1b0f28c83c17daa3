//! Table output as in the AWS CLI: a title, columns in alphabetical order, nested parts in separate sections.
//!
//! If the table is wider than the terminal, every section with one row is transposed: one row for each member.

use super::section::{Section, total_width};
use super::{Document, Surroundings};

/// Formats the document as a table. An empty document has no table.
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

/// Adds the sections of this part, and returns whether it has any content. A part without a title continues its
/// parent's section.
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
        // A lone scalar is one row. (The AWS CLI draws an empty table and loses the value.)
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

/// Adds a list of maps, one row each. Nested parts follow their row, so a new section begins after them.
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

/// Returns the sorted names of the members that are scalars in any of the maps, and of those that are not.
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

#[cfg(test)]
mod tests {
    use super::super::section::{BRIGHT_BLUE, DIM_YELLOW};
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
    fn a_character_that_takes_two_columns_moves_no_border() {
        check(
            &Document::map([("name", Document::List(vec![text("東京"), text("Köln"), text("abcd")]))]),
            "T",
            &[
                "------------",
                "|     T    |",
                "+----------+",
                "||  name  ||",
                "|+--------+|",
                "||  東京  ||",
                "||  Köln  ||",
                "||  abcd  ||",
                "|+--------+|",
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
