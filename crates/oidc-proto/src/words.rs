//! Reads an error in non-standard members: a registered code in another member, or a text for the person.
//!
//! This is the slow path, for a response without a readable `error`, exception name or description.

use alloc::borrow::Cow;

use serde_json::{Map, Value};

use crate::{FaultCode, printable};

/// The longest excerpt, in characters: two lines of a terminal.
const LONGEST: usize = 200;

/// The deepest nesting that is searched. `{"errors":[{"code":…}]}` has three levels.
const DEEPEST: u8 = 4;

/// The most elements of a list, or members of an object, that are quoted.
const MOST: usize = 3;

/// The members in which providers write a code instead of `error`, the most specific first.
const CODE_MEMBERS: [&str; 17] = [
    "error",
    "error_code",
    "errorCode",
    "errorcode",
    "code",
    "type",
    "error_type",
    "name",
    "message",
    "msg",
    "detail",
    "details",
    "reason",
    "status",
    "title",
    "errors",
    "data",
];

/// The members in which they write a text, the most specific first.
const WORD_MEMBERS: [&str; 15] = [
    "error_description",
    "errorDescription",
    "message",
    "msg",
    "detail",
    "details",
    "errorSummary",
    "error_message",
    "errorMessage",
    "title",
    "faultstring",
    "error",
    "errors",
    "fault",
    "errorCauses",
];

/// The JSON object in the body of an error, for a second look.
pub(crate) struct ErrorBody(Map<String, Value>);

impl ErrorBody {
    /// Reads the body; `None` if it is not a JSON object.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(without_mark(body)).ok().map(Self)
    }

    /// Returns the fault whose registered code is the whole text of a member.
    pub(crate) fn code(&self) -> Option<FaultCode> {
        code_among(&self.0, DEEPEST)
    }

    /// Returns the provider's text for the person.
    pub(crate) fn words(&self) -> Option<String> {
        words_among(&self.0, DEEPEST).and_then(|words| excerpt(&words))
    }
}

/// Returns the body without its byte order mark, which some servers send (RFC 8259 §8.1 lets a reader skip
/// it).
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Returns the member of this name. Some gateways capitalize it.
// Else the compiler repeats the search for each of 17 names.
#[inline(never)]
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let same = || members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    members.get(name).or_else(same)
}

fn code_among(members: &Map<String, Value>, depth: u8) -> Option<FaultCode> {
    CODE_MEMBERS.iter().filter_map(|name| member(members, name)).find_map(|value| code_in(value, depth))
}

fn code_in(value: &Value, depth: u8) -> Option<FaultCode> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => FaultCode::from_spelling(text),
        Value::Array(values) => values.iter().take(MOST).find_map(|value| code_in(value, depth)),
        Value::Object(members) => code_among(members, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn words_among(members: &Map<String, Value>, depth: u8) -> Option<String> {
    WORD_MEMBERS.iter().filter_map(|name| member(members, name)).find_map(|value| words_in(value, depth))
}

fn words_in(value: &Value, depth: u8) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
    match value {
        // Already in the fault's name.
        Value::String(text) => {
            let is_told = text.trim().is_empty() || FaultCode::from_spelling(text).is_some();
            (!is_told).then(|| text.clone())
        }
        Value::Array(values) => {
            joined(values.iter().filter_map(|value| words_in(value, depth)).take(MOST).collect())
        }
        // A validation error often has the field's name in place of `message`.
        Value::Object(members) => words_among(members, depth).or_else(|| {
            let quoted = members
                .iter()
                .filter(|(name, _)| !may_be_secret(name))
                .filter_map(|(name, value)| words_in(value, depth).map(|words| format!("{name}: {words}")));
            joined(quoted.take(MOST).collect())
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns whether a member's name suggests a secret.
fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "code", "verifier"].iter().any(|word| name.contains(word))
}

/// Returns a page's title, or else its first text.
pub(crate) fn of_page(body: &[u8]) -> Option<String> {
    let page = core::str::from_utf8(without_mark(body)).ok()?;
    title(page).and_then(prose).or_else(|| page_texts(page).find_map(prose))
}

/// Returns the first line of a plain text.
pub(crate) fn of_text(body: &[u8]) -> Option<String> {
    core::str::from_utf8(without_mark(body)).ok()?.lines().find_map(excerpt).filter(|line| is_prose(line))
}

fn prose(text: &str) -> Option<String> {
    excerpt(text).filter(|line| is_prose(line))
}

/// Returns whether a line is prose. Unreadable data (a form, wrapped JSON, or a lone token) may hold a secret
/// and is not quoted.
fn is_prose(line: &str) -> bool {
    const LONGEST_WORD: usize = 60;
    let is_plain_word = || line.chars().count() <= 15 && line.chars().all(char::is_alphabetic);
    (line.contains(' ') || is_plain_word())
        && !line.contains('{')
        && line.split(' ').all(|word| word.chars().count() <= LONGEST_WORD)
}

fn title(page: &str) -> Option<&str> {
    let start = find_ignoring_case(page, "<title")?;
    let text = page.get(start..)?.split_once('>')?.1;
    text.get(..find_ignoring_case(text, "</title")?)
}

/// Returns the texts between the tags, without those of scripts and style sheets.
fn page_texts(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').filter_map(|piece| {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let is_code = ["script", "style", "title", "!--"].iter().any(|code| name.eq_ignore_ascii_case(code));
        (!is_code).then_some(text)
    })
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The longest text of a provider that is kept from the standard's members, in characters.
const LONGEST_TEXT: usize = 600;

/// Cuts a text. Some servers send a whole page as a description.
#[inline]
pub(crate) fn cut(text: &str) -> String {
    // Fast path: most texts are short and need not be counted.
    if text.len() <= LONGEST_TEXT { text.to_owned() } else { cut_long(text) }
}

#[cold]
fn cut_long(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns a printable excerpt: one line, without control characters, cut to length; `None` if nothing is
/// left.
pub(crate) fn excerpt(text: &str) -> Option<String> {
    let mut line = String::new();
    // Limits the work on a long text.
    let start: String = text.trim_start().chars().take(8 * LONGEST).collect();
    for word in printable(&unescaped(&start)).split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST).chain(['…']).collect();
    }
    (!line.is_empty()).then_some(line)
}

/// Decodes the five entities that pages and some JSON have for punctuation.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    Cow::Owned(pairs.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Option<FaultCode>, Option<String>) {
        let body = ErrorBody::read(json.as_bytes()).unwrap();
        (body.code(), body.words())
    }

    #[test]
    fn a_page_sent_as_a_description_is_cut_by_characters_and_a_shorter_text_stays_whole() {
        for whole in [String::new(), "é".repeat(LONGEST_TEXT)] {
            assert_eq!(cut(&whole), whole);
        }
        let page = "é".repeat(LONGEST_TEXT + 1);
        assert_eq!(cut(&page), format!("{}…", "é".repeat(LONGEST_TEXT)));
        assert_eq!(cut(&cut(&page)), cut(&page), "what is cut is not cut again");
    }

    #[test]
    fn a_registered_code_is_found_wherever_providers_put_it() {
        for json in [
            r#"{"status":400,"message":"slow_down"}"#,
            r#"{"detail":"slow_down"}"#,
            r#"{"error":{"code":"slow_down","message":"x"}}"#,
            r#"{"error":{"code":400,"status":"SLOW_DOWN"}}"#,
            r#"{"detail":{"error":"slow_down"}}"#,
            r#"{"error_code":"slow_down"}"#,
            r#"{"errors":[{"code":"slow_down"}]}"#,
            r#"{"errors":["slow_down"]}"#,
            r#"{"error":["slow_down"]}"#,
            r#"{"data":{"error":"slow_down"}}"#,
            r#"{"error":"Bad Request","message":"slow_down"}"#,
            r#"{"type":"SlowDownException"}"#,
            r#"{"title":" slowDown "}"#,
        ] {
            assert_eq!(read(json).0, Some(FaultCode::SlowDown), "{json}");
        }
    }

    #[test]
    fn a_code_inside_a_sentence_or_in_a_member_of_another_meaning_is_no_fault() {
        for json in [
            r#"{"message":"the person has not approved: slow_down"}"#,
            r#"{"message":"Access Denied"}"#,
            r#"{"scope":"access_denied"}"#,
            r#"{"error":{"a":{"b":{"c":{"error":"slow_down"}}}}}"#,
            r#"{"error":400,"ok":false}"#,
        ] {
            assert_eq!(read(json).0, None, "{json}");
        }
    }

    #[test]
    fn the_words_are_those_for_a_person() {
        for (json, words) in [
            (r#"{"error_description":["a","b"]}"#, "a; b"),
            (r#"{"error_description":{"en":"no such client"}}"#, "en: no such client"),
            (
                r#"{"error":{"code":400,"message":"Invalid client type.","status":"INVALID_ARGUMENT"}}"#,
                "Invalid client type.",
            ),
            (r#"{"detail":[{"loc":["body","client_id"],"msg":"field required"}]}"#, "field required"),
            (r#"{"errorCode":"E0000021","errorSummary":"Bad request."}"#, "Bad request."),
            (r#"{"title":"Bad Request","detail":"client_id unknown"}"#, "client_id unknown"),
            (r#"{"errors":{"client_id":["is unknown"]}}"#, "client_id: is unknown"),
            (r#"{"fault":{"faultstring":"no key"}}"#, "no key"),
            (r#"{"Message":"User: anonymous is not authorized"}"#, "User: anonymous is not authorized"),
            (r#"{"message":"","detail":"  two\n lines\u001b[31m &amp; more "}"#, "two lines[31m & more"),
        ] {
            assert_eq!(read(json).1.as_deref(), Some(words), "{json}");
        }
        assert_eq!(read(r#"{"message":"","code":5}"#).1, None);
        assert_eq!(read(r#"{"detail":{"access_token":"X","refresh_token":"Y"}}"#).1, None);
    }

    #[test]
    fn a_page_is_quoted_by_its_title_or_its_first_text_and_a_text_by_its_first_line() {
        let page = |html: &str| of_page(html.as_bytes());
        assert_eq!(
            page("<html><TITLE lang=en>404 &lt;Not&gt; Found</title>x").as_deref(),
            Some("404 <Not> Found")
        );
        assert_eq!(page("<p>The flow is disabled.</p><p>More</p>").as_deref(), Some("The flow is disabled."));
        assert_eq!(
            page("<script>var a b;</script><style>b c</style><!-- c d --><h1>No page</h1>").as_deref(),
            Some("No page")
        );
        assert_eq!(page("<title> </title><img>"), None);
        assert_eq!(of_text(b"\n\nInvalid credentials\nmore").as_deref(), Some("Invalid credentials"));
        assert_eq!(of_text(b"\xff\xfe"), None);
    }

    #[test]
    fn data_that_cannot_be_read_is_not_quoted() {
        for body in [
            "access_token=abc",
            "cb({\"access_token\":\"abc\"})",
            "{\"access_token\":\"abc\",}",
            "gho-16C7",
            &"a".repeat(61),
        ] {
            assert_eq!(of_text(body.as_bytes()), None, "{body}");
        }
        assert_eq!(of_page(b"<pre>{\"access_token\":\"abc\"}</pre><p>Sorry"), Some("Sorry".to_owned()));
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        let long = excerpt(&"é ".repeat(500)).unwrap();
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
        assert_eq!(excerpt(" \u{1b}\u{200b}\n"), None);
    }
}
