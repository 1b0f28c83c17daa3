//! `application/x-www-form-urlencoded` (WHATWG URL §5.1), as far as the page's own form needs it.

/// The first value of this field, decoded; bytes that are no UTF-8 become replacement characters.
pub(super) fn field(form: &[u8], name: &str) -> Option<String> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = halves.next()?;
        (decode(key) == name).then(|| decode(halves.next().unwrap_or_default()))
    })
}

/// The value of this field, if it stands there once: a parameter of OAuth must not stand twice (RFC 6749 §3.1), and one
/// without a value is the same as none.
pub(super) fn only(form: &[u8], name: &str) -> Option<String> {
    let named = |pair: &&[u8]| pair.split(|byte| *byte == b'=').next().is_some_and(|key| decode(key) == name);
    let mut pairs = form.split(|byte| *byte == b'&').filter(named);
    let (first, second) = (pairs.next()?, pairs.next());
    field(first, name).filter(|value| second.is_none() && !value.is_empty())
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match hex_pair(tail) {
                Some(byte) => {
                    rest = tail.get(2..).unwrap_or_default();
                    byte
                }
                None => b'%',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |i: usize| char::from(*text.get(i)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_the_first_of_a_name_counts() {
        let form = b"user_code=WDJB%2DMJHT&action=approve&action=deny&empty&x=a+b%26c";
        assert_eq!(field(form, "user_code").as_deref(), Some("WDJB-MJHT"));
        assert_eq!(field(form, "action").as_deref(), Some("approve"));
        assert_eq!(field(form, "empty").as_deref(), Some(""));
        assert_eq!(field(form, "x").as_deref(), Some("a b&c"));
        assert_eq!(field(form, "absent"), None);
    }

    #[test]
    fn a_field_that_stands_twice_or_has_no_value_is_none_where_it_must_stand_once() {
        assert_eq!(only(b"a=1&b=x%3D%26&c=", "b").as_deref(), Some("x=&"));
        for form in [&b"a=1&a=2"[..], b"a=1&%61=2", b"a=1&a", b"a=", b"a", b"", b"b=a"] {
            assert_eq!(only(form, "a"), None, "{}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn broken_escapes_are_taken_as_they_are() {
        assert_eq!(field(b"a=%", "a").as_deref(), Some("%"));
        assert_eq!(field(b"a=%4", "a").as_deref(), Some("%4"));
        assert_eq!(field(b"a=%zz%C3", "a").as_deref(), Some("%zz\u{fffd}"));
    }
}
