//! The authorization request and its response, which the person's browser carries (RFC 6749 §4.1.1, §4.1.2).

mod request;
mod response;

use alloc::borrow::Cow;

pub use self::request::{AuthorizationRequest, InvalidAuthorizationRequest};
pub use self::response::AuthorizationResponse;

/// The pairs of a query.
struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// A parameter without a value counts as absent (RFC 6749 §3.1).
    fn read(query: &'a str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()).collect())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Returns the value of a parameter that occurs once.
    fn once(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        let first = values.next()?;
        values.next().is_none().then(|| first.to_owned())
    }
}

/// Returns a URL with these parameters after its own.
pub(crate) fn with_query(url: &str, query: &str) -> String {
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, own)) if own.is_empty() || own.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{url}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::with_query;

    #[test]
    fn parameters_come_after_a_urls_own_with_one_separator() {
        for (url, expected) in [("u", "u?a=1"), ("u?", "u?a=1"), ("u?x", "u?x&a=1"), ("u?x&", "u?x&a=1")] {
            assert_eq!(with_query(url, "a=1"), expected);
        }
    }
}
