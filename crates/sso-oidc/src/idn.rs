//! Conversion of international URLs to ASCII (RFC 5891, RFC 3986).

use std::borrow::Cow;

/// Converts a URL to ASCII: an international host name to its `xn--` form, other characters to percent-encoding. A
/// URL that cannot be converted, or that has a user name, is returned as it is, for the URL parser to reject.
pub(crate) fn in_ascii(url: &str) -> Cow<'_, str> {
    if url.is_ascii() {
        return Cow::Borrowed(url);
    }
    converted(url.trim()).map_or(Cow::Borrowed(url), Cow::Owned)
}

fn converted(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = authority.split_at(authority.rfind(':').unwrap_or(authority.len()));
    if authority.contains('@') || path.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric()) {
        return None;
    }
    let host = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    if host.is_empty() {
        return None;
    }
    let mut ascii = format!("{scheme}://{host}{port}");
    for c in path.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut bytes = [0; 4];
            ascii.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    Some(ascii)
}

#[cfg(test)]
mod tests {
    use super::in_ascii;

    #[test]
    fn an_international_host_name_is_written_as_the_net_writes_it() {
        for (url, ascii) in [
            ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
            ("https://BÜCHER.example:8443", "https://xn--bcher-kva.example:8443"),
            ("https://例え.テスト/?a=b", "https://xn--r8jz45g.xn--zckzah/?a=b"),
            ("https://a.example/größe", "https://a.example/gr%C3%B6%C3%9Fe"),
            (" https://é.example ", "https://xn--9ca.example"),
            ("https://plain.example/", "https://plain.example/"),
        ] {
            assert_eq!(in_ascii(url), ascii);
        }
    }

    #[test]
    fn what_cannot_be_written_in_ascii_or_may_hold_a_password_stays_as_it_is() {
        for url in [
            "bücher.example",
            "https://ädä:pw@a.example",
            "https://é é.example",
            "https://a.example/\u{202e}x",
            "é",
        ] {
            assert_eq!(in_ascii(url), url);
        }
    }
}
