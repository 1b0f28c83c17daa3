//! The fields of a form (`application/x-www-form-urlencoded`).

/// Returns the first value of this field.
pub(super) fn field(form: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form).filter(|(key, _)| key == name);
    fields.next().map(|(_, value)| value.into_owned())
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
}
