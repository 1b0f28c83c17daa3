//! One section of a table: its column widths and its drawing.

use unicode_width::UnicodeWidthStr as _;

/// The extra width of a cell: the spaces on both sides of its text, and its border.
const CELL_EXTRA: usize = 4;

/// A title, optional headers, and rows of equal length.
#[derive(Default)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) headers: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) depth: usize,
}

/// Returns the columns that a text takes. Some characters take two, such as those of Chinese. The AWS CLI counts two
/// also for those that take two in an East Asian font alone, such as Greek letters.
fn columns_of(text: &str) -> usize {
    text.width()
}

/// Returns the outer width: that of the widest section or title.
pub(super) fn total_width(sections: &[Section]) -> usize {
    let widths = sections.iter().map(|section| {
        let rows: usize = section.natural_widths().iter().sum::<usize>() + 2;
        rows.max(columns_of(&section.title) + 2) + 2 * section.depth
    });
    widths.max().unwrap_or(0)
}

impl Section {
    /// Transposes a section with one row, so that each row has a header and a value.
    pub(super) fn turn(&mut self) {
        if self.rows.len() == 1 && !self.headers.is_empty() {
            let headers = std::mem::take(&mut self.headers);
            let row = self.rows.pop().unwrap_or_default();
            self.rows = headers.into_iter().zip(row).map(|(header, value)| vec![header, value]).collect();
        }
    }

    /// Returns the smallest width of each column.
    fn natural_widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).chain([self.headers.len()]).max().unwrap_or_default();
        let lines = || self.rows.iter().chain([&self.headers]);
        let widest =
            |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| columns_of(cell)).max();
        (0..columns).map(|column| widest(column).unwrap_or_default() + CELL_EXTRA).collect()
    }

    /// Draws the section with this width.
    pub(super) fn draw(&self, out: &mut String, width: usize, colored: bool) {
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

/// Stretches the columns in proportion to fill the section. A missing column of width goes to the last columns; an
/// excess is taken from the first.
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

/// Returns a rule such as `+----+---+`. The width of the first column includes both borders, that of the others only
/// the right one.
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

/// Centres the text in `inner` columns. As in the AWS CLI, `outer`, the width with borders, decides which side gets
/// an odd space.
fn centered(text: &str, inner: usize, outer: usize) -> String {
    let length = columns_of(text);
    let before = (outer / 2).saturating_sub(length / 2 + 1);
    let after = inner.saturating_sub(before + length);
    format!("{}{text}{}", " ".repeat(before), " ".repeat(after))
}

/// The style of cells.
pub(super) const BRIGHT_BLUE: &str = "\x1b[1m\x1b[34m";
/// The style of the bars beside a nested section.
pub(super) const DIM_YELLOW: &str = "\x1b[2m\x1b[33m";

fn paint(text: &str, style: &str, colored: bool) -> String {
    if colored && !text.is_empty() { format!("{style}{text}\x1b[0m") } else { text.to_owned() }
}
