//! Rust source without comments and literals, so that rules for code ignore prose.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// Returns the code of each line, each token in its column. Comments and literals are blank. Documentation comments are
/// attributes to the reader, and blank too. `None` if the text is not Rust.
pub(super) fn code_only(source: &str) -> Option<Vec<String>> {
    let mut lines = vec![String::new(); source.lines().count()];
    put_all(source.parse().ok()?, &mut lines);
    Some(lines)
}

fn put_all(tokens: TokenStream, lines: &mut [String]) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                put(group.span_open(), open, lines);
                put_all(group.stream(), lines);
                put(group.span_close(), close, lines);
            }
            TokenTree::Ident(ident) => put(ident.span(), &ident.to_string(), lines),
            TokenTree::Punct(punct) => put(punct.span(), &punct.as_char().to_string(), lines),
            TokenTree::Literal(_) => {}
        }
    }
}

fn put(span: Span, text: &str, lines: &mut [String]) {
    let at = span.start();
    if let Some(line) = lines.get_mut(at.line.saturating_sub(1)) {
        let blank = at.column.saturating_sub(line.chars().count());
        line.extend(std::iter::repeat_n(' ', blank));
        line.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        code_only(source).unwrap().join("\n")
    }

    #[test]
    fn comments_and_literals_go_and_places_stay() {
        assert_eq!(code("a // todo!\nb /* x /* y */ z */ c"), "a\nb                   c");
        assert_eq!(
            code(r#"f("dbg!(\"x\")", b"todo!", 'q', '\'') + g"#),
            "f(             ,         ,    ,     ) + g"
        );
        assert_eq!(code(r##"x(r#"unsafe " unsafe"#, br"unsafe"); unsafe"##).matches("unsafe").count(), 1);
        assert_eq!(
            code("#[ignore]\nfn f<'a>(x: &'a str) { todo!() }"),
            "#[ignore]\nfn f<'a>(x: &'a str) { todo!() }"
        );
    }

    #[test]
    fn documentation_is_no_code() {
        assert!(!code("//! todo!\n/// unsafe\nfn f() {}").contains("unsafe"));
    }

    #[test]
    fn other_texts_are_no_rust() {
        assert_eq!(code_only("fn f( {"), None);
    }
}
