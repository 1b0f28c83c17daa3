//! Text from a server, sanitized for a terminal or a log line.

use alloc::borrow::Cow;

/// Returns the text without C0 and C1 controls (so every escape sequence's introducer) and Unicode marks that
/// reorder or hide text. Those control a terminal or deceive its reader. A tab or a line break becomes one
/// space.
///
/// ```
/// use oidc_proto::printable;
/// assert_eq!(printable("Authorization is still pending"), "Authorization is still pending");
/// assert_eq!(printable("\u{1b}[2Jgone\u{7}"), "[2Jgone");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .filter_map(|c| match c {
                '\t' | '\n' | '\r' => Some(' '),
                c if is_unsafe(c) => None,
                c => Some(c),
            })
            .collect(),
    )
}

/// Returns the beginning of an unknown grant type, to quote in an error: its valid characters, at most 64.
/// Behind them a client with a wrong encoding may have its secrets.
pub(crate) fn grant_type_shown(text: &str) -> &str {
    let is_foreign = |c: char| !(c.is_ascii_alphanumeric() || "-._~:/+".contains(c));
    let end = text.find(is_foreign).unwrap_or(text.len()).min(64);
    // Each of these is one byte long.
    text.get(..end).unwrap_or_default()
}

/// Controls; bidirectional marks, embeddings, overrides and isolates (Unicode TR 36 §2.10); zero-width characters
/// and line separators; tags.
const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_an_unknown_grant_type_no_more_is_said_back_than_could_be_one() {
        let shown = super::grant_type_shown;
        let saml = "urn:ietf:params:oauth:grant-type:saml2-bearer";
        assert_eq!((shown(saml), shown("password"), shown("")), (saml, "password", ""));
        assert_eq!(shown("password;client_secret=hunter2"), "password");
        assert_eq!(shown("a\u{1b}[2J"), "a");
        assert_eq!(shown("é"), "");
        assert_eq!(shown(&"x".repeat(60_000)).len(), 64);
    }

    use super::printable;

    #[test]
    fn escape_sequences_lose_their_introducer() {
        assert_eq!(printable("\u{1b}]0;pwned\u{7}\u{9b}31mred"), "]0;pwned31mred");
    }

    #[test]
    fn reordering_marks_are_removed() {
        assert_eq!(printable("abc\u{202e}fed\u{2066}"), "abcfed");
    }

    #[test]
    fn line_breaks_become_spaces_so_that_one_message_stays_one_line() {
        assert_eq!(printable("a\r\nb\tc"), "a  b c");
    }

    #[test]
    fn other_scripts_pass_unchanged() {
        assert_eq!(printable("équipe 数据 🚀"), "équipe 数据 🚀");
    }
}
