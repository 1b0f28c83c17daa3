//! Columns without lines, for people: the output of commands that have no counterpart in the AWS CLI.

use oidc_proto::printable;
use unicode_width::UnicodeWidthStr as _;

/// The space between two columns.
const GAP: usize = 2;

/// Returns the columns of the terminal that standard output is; `None` if it is none.
pub(crate) fn terminal_width() -> Option<usize> {
    let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    width.filter(|width| *width > 0)
}

/// Formats rows below their headers. A column without any text is left out. Rows that are wider than the terminal
/// become blocks with one line for each text. The AWS CLI does the same with a table. Without a terminal (`width` is
/// `None`) there is one line for each row, for `grep` and the like.
pub(crate) fn columns<const N: usize>(
    headers: [&str; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> String {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.clone().map(|cell| printable(&cell).into_owned())).collect();
    let used: Vec<usize> =
        (0..N).filter(|column| rows.iter().any(|row| !cell(row, *column).is_empty())).collect();
    let headers = headers.map(str::to_owned);
    let lines = || std::iter::once(&headers).chain(&rows);
    let widths: Vec<usize> = used
        .iter()
        .map(|column| lines().map(|line| cell(line, *column).width()).max().unwrap_or_default())
        .collect();
    let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    if rows.is_empty() || used.is_empty() {
        return String::new();
    }
    if width.is_some_and(|width| total > width) {
        return blocks(&headers, &rows, &used);
    }
    lines()
        .map(|line| {
            let padded: String = used
                .iter()
                .zip(&widths)
                .map(|(column, width)| pad(cell(line, *column), width + GAP))
                .collect();
            format!("{}\n", padded.trim_end())
        })
        .collect()
}

fn blocks<const N: usize>(headers: &[String; N], rows: &[[String; N]], used: &[usize]) -> String {
    let widest = used.iter().map(|column| cell(headers, *column).width()).max().unwrap_or_default();
    let block = |row: &[String; N]| -> String {
        used.iter()
            .filter(|column| !cell(row, **column).is_empty())
            .map(|column| format!("{}{}\n", pad(cell(headers, *column), widest + GAP), cell(row, *column)))
            .collect()
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

fn cell<const N: usize>(line: &[String; N], column: usize) -> &str {
    line.get(column).map(String::as_str).unwrap_or_default()
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<[String; 3]> {
        [["équipe", "", "a\x1b[31m"], ["x", "", ""]].map(|row| row.map(str::to_owned)).to_vec()
    }

    #[test]
    fn rows_that_fit_are_lines_and_wider_ones_are_blocks() {
        let table = "Name    Value\néquipe  a[31m\nx\n";
        for width in [None, Some(13)] {
            assert_eq!(columns(["Name", "Unused", "Value"], &rows(), width), table);
        }
        let blocks = "Name   équipe\nValue  a[31m\n\nName   x\n";
        assert_eq!(columns(["Name", "Unused", "Value"], &rows(), Some(12)), blocks);
        assert_eq!(columns::<1>(["Name"], &[], None), "");
    }
}
