//! Tests of the address that a proxy names.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// The peer, which is trusted.
const PROXY: &str = "10.0.0.1";

fn proxies() -> Vec<TrustedProxy> {
    ["10.0.0.0/8", "fd00::/8", "192.0.2.9"].map(|text| text.parse().unwrap()).to_vec()
}

/// Returns the address of the client by these headers of the peer.
fn of(peer: &str, headers: &[(&str, &str)]) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    named(&proxies(), peer.parse().unwrap(), &map).map_or_else(|| "the peer".to_owned(), |it| it.to_string())
}

#[test]
fn a_proxy_names_its_client_in_every_form_of_a_node() {
    for (value, client) in [
        ("for=198.51.100.1", "198.51.100.1"),
        ("For=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"),
        ("proto=http; FOR=\"198.51.100.1:4711\"", "198.51.100.1"),
        ("for=\"[2001:db8::1]:443\"", "2001:db8::1"),
        ("for=\"[2001:db8::1]\"", "2001:db8::1"),
        ("for=\"[2001:db8::1]:_port\"", "2001:db8::1"),
        ("for=\"[::ffff:198.51.100.1]\"", "198.51.100.1"),
        ("for=\"198\\.51.100.1\"", "198.51.100.1"),
        // The proxy keeps the address to itself, or writes something else.
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("for=\"_SEVKISEK\"", PROXY),
        ("proto=https", PROXY),
        ("for=\"[2001:db8::1\"", PROXY),
        ("for=\"[2001:db8::1]443\"", PROXY),
        ("for=198.51.100.1:x", PROXY),
        ("for=198.51.100.256", PROXY),
        ("for=198.51.100.1;for=198.51.100.2", PROXY),
        ("for=\"198.51.100.1", PROXY),
        ("for=198.51.100.1\"\"", PROXY),
        ("", PROXY),
        (" , ;, ", PROXY),
    ] {
        assert_eq!(of(PROXY, &[("forwarded", value)]), client, "{value}");
    }
    for (value, client) in [
        ("198.51.100.1", "198.51.100.1"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("unknown", PROXY),
        ("198.51.100.1, ", "198.51.100.1"),
        ("", PROXY),
    ] {
        assert_eq!(of(PROXY, &[("x-forwarded-for", value)]), client, "{value}");
    }
}

#[test]
fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
    for (headers, client) in [
        (&[("forwarded", "for=203.0.113.5, for=198.51.100.1")][..], "198.51.100.1"),
        (&[("forwarded", "for=203.0.113.5, for=198.51.100.1, for=10.2.3.4")], "198.51.100.1"),
        (&[("x-forwarded-for", "203.0.113.5,198.51.100.1,192.0.2.9,fd00::7")], "198.51.100.1"),
        // Several lines are one list.
        (
            &[("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "198.51.100.1, 10.0.0.2")],
            "198.51.100.1",
        ),
        (&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "10.0.0.2")], "198.51.100.1"),
        (&[("forwarded", "for=\"unfinished"), ("forwarded", "for=198.51.100.1")], "198.51.100.1"),
        // A hidden client of a second proxy is known by that proxy.
        (&[("forwarded", "for=198.51.100.1, for=unknown, for=10.0.0.2")], "10.0.0.2"),
        (&[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        // The proxy writes one of the headers only, and the other is the client's own.
        (&[("forwarded", "for=203.0.113.5"), ("x-forwarded-for", "198.51.100.1")], PROXY),
        (&[("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "198.51.100.1")], "198.51.100.1"),
        (&[], PROXY),
    ] {
        assert_eq!(of(PROXY, headers), client, "{headers:?}");
    }
}

#[test]
fn any_other_peer_speaks_for_itself() {
    let headers = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "198.51.100.1")];
    for peer in ["203.0.113.5", "11.0.0.1", "2001:db8::1", "::1"] {
        assert_eq!(of(peer, &headers), "the peer", "{peer}");
    }
    // A socket for both versions of IP has an IPv4 peer in this form.
    assert_eq!(of("::ffff:10.0.0.1", &headers), "198.51.100.1");
    assert_eq!(named(&[], "10.0.0.1".parse().unwrap(), &HeaderMap::new()), None);
}

#[test]
fn a_text_that_is_no_address_and_no_network_is_refused() {
    for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "/8", "fd00::/129", "localhost", "10.0.0.1:80"] {
        assert_eq!(text.parse::<TrustedProxy>(), Err(TrustedProxyError), "{text}");
    }
}

/// A hop: its text in both headers, and its address.
type Hop = (String, String, Option<IpAddr>);

fn hop() -> impl Strategy<Value = Hop> {
    const ADDRESSES: &[&str] =
        &["10.0.0.2", "192.0.2.9", "fd00::7", "198.51.100.1", "203.0.113.5", "2001:db8::1"];
    const ODD: &[&str] = &["unknown", "_x", "10.0.0.2.", "for"];
    let known = prop::sample::select(ADDRESSES).prop_map(|text| {
        let address: IpAddr = text.parse().unwrap();
        let node = if address.is_ipv6() { format!("\"[{text}]:1\"") } else { format!("\"{text}\"") };
        (format!("proto=https;for={node}"), text.to_owned(), Some(address))
    });
    let odd = prop::sample::select(ODD).prop_map(|text| (format!("for={text}"), text.to_owned(), None));
    prop_oneof![4 => known, 1 => odd]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_address_left_of_one_that_is_not_trusted_counts(
        hops in prop::collection::vec(hop(), 1..6),
        breaks in prop::collection::vec(any::<bool>(), 6),
    ) {
        let peer: IpAddr = PROXY.parse().unwrap();
        let mut expected = peer;
        for (.., address) in hops.iter().rev() {
            let Some(address) = address else { break };
            expected = *address;
            if !is_trusted(&proxies(), expected) {
                break;
            }
        }
        for (name, texts) in [
            ("forwarded", hops.iter().map(|hop| hop.0.as_str()).collect::<Vec<_>>()),
            ("x-forwarded-for", hops.iter().map(|hop| hop.1.as_str()).collect()),
        ] {
            // Some of the commas are the ends of lines.
            let mut lines = vec![texts[0].to_owned()];
            for (text, is_line) in texts[1..].iter().zip(&breaks) {
                match lines.last_mut() {
                    Some(line) if !is_line => *line = format!("{line}, {text}"),
                    _ => lines.push((*text).to_owned()),
                }
            }
            let headers: Vec<_> = lines.iter().map(|line| (name, line.as_str())).collect();
            prop_assert_eq!(of(PROXY, &headers), expected.to_string());
        }
    }

    /// Whatever a client sends, the proxy appends the client's address to it.
    #[test]
    fn a_client_cannot_choose_its_address(sent in "[ -~]{0,60}", quoted in "[\"\\\\,;=for\\[\\]:. 0-9]{0,30}") {
        for sent in [sent, quoted] {
            let appended = format!("{sent}, 198.51.100.1");
            prop_assert_eq!(of(PROXY, &[("x-forwarded-for", &appended)]), "198.51.100.1");
            for node in ["198.51.100.1", "\"198.51.100.1:80\"", "198.51.100.1;by=\"10.0.0.1\";proto=https"] {
                let appended = format!("{sent}, for={node}");
                let seen = of(PROXY, &[("forwarded", &appended)]);
                prop_assert!(seen == "198.51.100.1" || seen == PROXY, "{seen} by {appended}");
                let lines = [("forwarded", sent.as_str()), ("forwarded", &appended)];
                prop_assert_eq!(of(PROXY, &lines), seen);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_fail(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let Ok(value) = HeaderValue::from_bytes(&line) else { return Ok(()) };
        for name in [FORWARDED, X_FORWARDED_FOR] {
            let headers = HeaderMap::from_iter([(name, value.clone())]);
            prop_assert!(named(&proxies(), PROXY.parse().unwrap(), &headers).is_some());
        }
    }
}
