//! Text output for shell scripts, as in the AWS CLI: tabs between values, members in alphabetical order. A nested
//! part has its own lines, which begin with the member's name in capitals.

use super::Document;

/// Formats the document as lines of tab-separated values.
pub(super) fn render(document: &Document) -> String {
    let mut out = String::new();
    write(&mut out, document, None, None);
    out
}

/// Writes one part. `label` is the member that holds it; `columns` are the members shown for every map of a list.
fn write(out: &mut String, part: &Document, label: Option<&str>, columns: Option<&[&str]>) {
    match part {
        Document::Map(members) => write_map(out, members, label, columns),
        Document::List(items) => write_list(out, items, label),
        scalar => line(out, &[scalar.scalar_text()]),
    }
}

fn write_map(
    out: &mut String,
    members: &[(String, Document)],
    label: Option<&str>,
    columns: Option<&[&str]>,
) {
    let mut sorted: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut cells = Vec::new();
    let mut parts = Vec::new();
    match columns {
        None => {
            for (name, value) in sorted {
                if value.is_scalar() { cells.push(value.scalar_text()) } else { parts.push((name, value)) }
            }
        }
        Some(columns) => {
            for column in columns {
                let value = sorted.iter().find(|(name, _)| name == column);
                cells.push(value.map(|(_, value)| value.scalar_text()).unwrap_or_default());
            }
            parts.extend(sorted.into_iter().filter(|(name, _)| !columns.contains(name)));
        }
    }
    if !cells.is_empty() {
        if let Some(label) = label {
            cells.insert(0, label.to_uppercase());
        }
        line(out, &cells);
    }
    for (name, part) in parts {
        write(out, part, Some(name), None);
    }
}

fn write_list(out: &mut String, items: &[Document], label: Option<&str>) {
    if items.iter().any(|item| matches!(item, Document::Map(_))) {
        let mut columns: Vec<&str> = Vec::new();
        for item in items {
            if let Document::Map(members) = item {
                columns.extend(members.iter().filter(|(_, v)| v.is_scalar()).map(|(name, _)| name.as_str()));
            }
        }
        columns.sort_unstable();
        columns.dedup();
        for item in items {
            write(out, item, label, Some(&columns));
        }
        return;
    }
    let (scalars, parts): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.is_scalar());
    let texts: Vec<String> = scalars.into_iter().map(Document::scalar_text).collect();
    match label {
        Some(label) => {
            for text in texts {
                line(out, &[label.to_uppercase(), text]);
            }
        }
        None if texts.is_empty() => {}
        None => line(out, &texts),
    }
    for part in parts {
        write(out, part, label, None);
    }
}

fn line(out: &mut String, cells: &[String]) {
    out.push_str(&cells.join("\t"));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Document {
        Document::from(s)
    }

    #[test]
    fn members_are_sorted_and_separated_by_tabs() {
        let document = Document::map([("b", text("2")), ("a", text("1")), ("c", Document::Bool(true))]);
        assert_eq!(render(&document), "1\t2\tTrue\n");
    }

    #[test]
    fn nested_parts_follow_under_the_members_name() {
        let document = Document::map([
            ("b", Document::map([("c", text("csec"))])),
            ("l", Document::List(vec![text("x"), text("y")])),
            ("a", text("cid")),
        ]);
        assert_eq!(render(&document), "cid\nB\tcsec\nL\tx\nL\ty\n");
    }

    #[test]
    fn maps_in_a_list_share_their_columns() {
        let document = Document::List(vec![
            Document::map([("a", text("cid")), ("b", text("csec"))]),
            Document::map([("a", text("csec"))]),
        ]);
        assert_eq!(render(&document), "cid\tcsec\ncsec\t\n");
    }

    #[test]
    fn lists_of_lists_are_rows_and_nothing_is_none() {
        let rows = Document::List(vec![
            Document::List(vec![text("a"), text("b")]),
            Document::List(vec![Document::Null]),
        ]);
        assert_eq!(render(&rows), "a\tb\nNone\n");
        assert_eq!(render(&Document::Null), "None\n");
        assert_eq!(render(&Document::List(Vec::new())), "");
    }
}
