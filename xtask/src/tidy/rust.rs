//! Rust source with blanked comments and literals, so that rules for code ignore prose.

use std::iter::Peekable;
use std::str::Chars;

/// Returns the same text, line for line, with comments, strings and characters replaced by spaces.
///
/// This is a lexer, not a parser. It handles nested comments, raw strings and escapes, and distinguishes lifetimes
/// from characters.
pub(super) fn code_only(source: &str) -> String {
    let mut reader = Reader { rest: source.chars().peekable(), out: String::with_capacity(source.len()) };
    while let Some(next) = reader.keep() {
        match next {
            '/' if reader.rest.peek() == Some(&'/') => reader.skip_line(),
            '/' if reader.rest.peek() == Some(&'*') => reader.skip_block(),
            '"' => reader.skip_string(),
            '\'' => reader.skip_char(),
            'r' if matches!(reader.rest.peek(), Some('#' | '"')) && reader.starts_a_word() => {
                reader.skip_raw()
            }
            _ => {}
        }
    }
    reader.out
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl Reader<'_> {
    fn keep(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.out.push(next);
        Some(next)
    }

    fn blank(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.out.push(if next == '\n' { '\n' } else { ' ' });
        Some(next)
    }

    /// Returns whether the last kept character begins a word (`r"…"`, `br"…"`, `cr"…"`) or ends one (`for"`).
    fn starts_a_word(&self) -> bool {
        let mut before = self.out.chars().rev().skip(1).skip_while(|c| matches!(c, 'b' | 'c'));
        !before.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn skip_line(&mut self) {
        while self.rest.peek().is_some_and(|next| *next != '\n') {
            self.blank();
        }
    }

    fn skip_block(&mut self) {
        let mut depth = 1;
        self.blank();
        while depth > 0 {
            match (self.blank(), self.rest.peek()) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.blank();
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.blank();
                }
                (None, _) => return,
                _ => {}
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(next) = self.blank() {
            match next {
                '\\' => {
                    self.blank();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    fn skip_char(&mut self) {
        let mut ahead = self.rest.clone();
        let is_char = match ahead.next() {
            Some('\\') => true,
            Some(_) => ahead.next() == Some('\''),
            None => false,
        };
        if !is_char {
            return; // a lifetime or a loop's label
        }
        if self.blank() == Some('\\') {
            self.blank();
        }
        while self.blank().is_some_and(|next| next != '\'') {}
    }

    fn skip_raw(&mut self) {
        let mut hashes = 0;
        while self.rest.peek() == Some(&'#') {
            hashes += 1;
            self.keep();
        }
        if self.rest.peek() != Some(&'"') {
            return; // a raw identifier, r#type
        }
        self.keep();
        while let Some(next) = self.blank() {
            let mut ahead = self.rest.clone();
            if next == '"' && (0..hashes).all(|_| ahead.next() == Some('#')) {
                self.rest = ahead;
                self.out.push_str(&" ".repeat(hashes));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let blank = " ".repeat(16);
        assert_eq!(code_only("a // todo!\nb /* x /* y */ z */ c"), format!("a /       \nb /{blank} c"));
    }

    #[test]
    fn strings_go_with_their_escapes() {
        let code = code_only(r#"f("dbg!(\"x\")", b"todo!", 'q', '\'') + g"#);
        assert!(!code.contains("dbg") && !code.contains("todo") && code.ends_with(" + g"), "{code}");
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let code = code_only(r##"x(r#"unsafe " unsafe"#, br"unsafe"); unsafe"##);
        assert_eq!(code.matches("unsafe").count(), 1, "{code}");
        assert!(code.ends_with("; unsafe"), "{code}");
    }

    #[test]
    fn a_lifetime_is_no_character() {
        assert_eq!(code_only("fn f<'a>(x: &'a str) { todo!() }"), "fn f<'a>(x: &'a str) { todo!() }");
    }

    #[test]
    fn a_raw_identifier_is_code() {
        assert_eq!(code_only("r#type + for"), "r#type + for");
    }
}
