//! The fields of a form (`application/x-www-form-urlencoded`).

/// Returns the first value of this field.
pub(super) fn field(form: &[u8], name: &str) -> Option<String> {
    values(form, name).next()
}

/// Returns the value of this field, if it occurs once. A parameter of OAuth must not be repeated, and one without a value
/// counts as absent (RFC 6749 §3.1).
pub(super) fn only(form: &[u8], name: &str) -> Option<String> {
    let mut values = values(form, name);
    let (first, second) = (values.next()?, values.next());
    Some(first).filter(|value| second.is_none() && !value.is_empty())
}

fn values(form: &[u8], name: &str) -> impl Iterator<Item = String> {
    form_urlencoded::parse(form).filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_of_a_name_counts() {
        let form = b"user_code=WDJB%2DMJHT&action=approve&action=deny&empty&x=a+b%26c";
        assert_eq!(field(form, "user_code").as_deref(), Some("WDJB-MJHT"));
        assert_eq!(field(form, "action").as_deref(), Some("approve"));
        assert_eq!(field(form, "empty").as_deref(), Some(""));
        assert_eq!(field(form, "x").as_deref(), Some("a b&c"));
        assert_eq!(field(form, "absent"), None);
    }

    #[test]
    fn a_repeated_or_empty_parameter_counts_as_absent() {
        assert_eq!(only(b"a=1&b=x%3D%26&c=", "b").as_deref(), Some("x=&"));
        for form in [&b"a=1&a=2"[..], b"a=1&%61=2", b"a=1&a", b"a=", b"a", b"", b"b=a"] {
            assert_eq!(only(form, "a"), None, "{}", String::from_utf8_lossy(form));
        }
    }
}
