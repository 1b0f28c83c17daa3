//! Rows of long lists, for people and simple scripts: aligned and cut on a terminal, separated by tabs in a pipe.

use oidc_proto::printable;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The blanks between two columns.
const GAP: usize = 2;

/// The narrowest width to which a column is cut.
const NARROWEST: usize = 8;

/// Formats rows. With the width of a terminal the columns have headers, and the widest one is cut to fit. Without it
/// the cells are separated by tabs, and nothing is cut.
pub(crate) fn rows<const N: usize>(
    headers: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let clean = |cells: [String; N]| cells.map(|cell| printable(&cell).replace('\t', " "));
    let rows: Vec<[String; N]> = rows.map(clean).collect();
    let Some(width) = width else {
        return rows.iter().map(|row| row.join("\t") + "\n").collect();
    };
    let mut widths = headers.map(|header| header.width());
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.width());
        }
    }
    fit(&mut widths, width);
    let headers = headers.map(str::to_owned);
    std::iter::once(&headers).chain(&rows).map(|row| line(row, &widths)).collect()
}

/// Makes the widest columns narrower until all fit.
fn fit(widths: &mut [usize], width: usize) {
    while widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > width {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else { return };
        *widest -= 1;
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let cell = cut(cell, *width);
        line.push_str(&cell);
        line.push_str(&" ".repeat(width - cell.width().min(*width) + GAP));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// Cuts a text to a width.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let taken = c.width().unwrap_or_default();
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    };
    text.chars().take_while(fits).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> impl Iterator<Item = [String; 2]> {
        [["012345678901", "Sandbox"], ["210987654321", "A very long name\t of\u{1b}[31m an account 漢字"]]
            .map(|row| row.map(str::to_owned))
            .into_iter()
    }

    #[test]
    fn columns_fit_the_terminal_and_a_pipe_gets_tabs() {
        let shown = rows(["ID", "NAME"], samples(), Some(30));
        assert_eq!(shown, "ID            NAME\n012345678901  Sandbox\n210987654321  A very long nam…\n");
        assert!(shown.lines().all(|line| line.width() <= 30));
        let piped = rows(["ID", "NAME"], samples(), None);
        assert!(piped.starts_with("012345678901\tSandbox\n210987654321\tA very long name  of"), "{piped}");
        assert!(!piped.contains('\u{1b}') && piped.ends_with("漢字\n"), "{piped}");
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 4), "漢…");
        assert_eq!(rows(["A"], [[String::new()]].into_iter(), Some(1)), "A\n\n");
    }
}
