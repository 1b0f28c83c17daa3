//! The address of a request's client: that of the peer, or the one that a trusted proxy names.
//!
//! A proxy appends to `Forwarded` (RFC 7239) or `X-Forwarded-For` the address that it was connected from. So these
//! lists are read from the right, as long as the address is that of a trusted proxy. What is left of the first other
//! address is the word of a stranger.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The header of proxies that are older than RFC 7239, and of most others.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a reverse proxy, or the network of several. The server believes what such a peer says about the
/// address of its client.
///
/// ```
/// use sso_oidc_server::TrustedProxy;
/// let proxy: TrustedProxy = "10.0.0.7".parse()?;
/// let network: TrustedProxy = "fd00::/8".parse()?;
/// assert_eq!((proxy.to_string(), network.to_string()), ("10.0.0.7/32".to_owned(), "fd00::/8".to_owned()));
/// assert!("proxy.example".parse::<TrustedProxy>().is_err());
/// # Ok::<(), sso_oidc_server::TrustedProxyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// The error of a text that is no [`TrustedProxy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or a network, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8")]
#[non_exhaustive]
pub struct TrustedProxyError;

impl TrustedProxy {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<IpAddr> for TrustedProxy {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for TrustedProxy {
    type Err = TrustedProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(address.into()),
            Err(_) => text.parse().map(Self).map_err(|_| TrustedProxyError),
        }
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns whether the address is that of a trusted proxy.
pub(crate) fn is_trusted(proxies: &[TrustedProxy], address: IpAddr) -> bool {
    let address = address.to_canonical();
    proxies.iter().any(|proxy| proxy.contains(address))
}

/// Returns the address of the client that a trusted proxy names; `None` if the peer is no such proxy. If the proxy
/// names no address, it is its own.
pub(crate) fn named(proxies: &[TrustedProxy], peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(proxies, peer) {
        return None;
    }
    let forwarded =
        lines(headers, &FORWARDED).map(|hops| nearest(proxies, peer, hops.flat_map(of_forwarded)));
    let x_forwarded_for = lines(headers, &X_FORWARDED_FOR)
        .map(|hops| nearest(proxies, peer, hops.flat_map(of_x_forwarded_for)));
    Some(match (forwarded, x_forwarded_for) {
        (None, None) => peer,
        (Some(address), None) | (None, Some(address)) => address,
        (Some(address), Some(same)) if address == same => address,
        // The proxy has written one of the headers, and has passed on the other as the client sent it.
        (Some(_), Some(_)) => peer,
    })
}

/// Returns the lines of this header, the last one first; `None` if there is none. A line that is no text is empty.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.into_iter().rev())
}

/// Returns the first address that is not that of a trusted proxy. `hops` are those of the header, the last one first.
/// `None` is a hop that is no address: then the proxy that wrote it counts.
fn nearest(proxies: &[TrustedProxy], peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
    let mut nearest = peer;
    for hop in hops {
        let Some(hop) = hop else { break };
        nearest = hop;
        if !is_trusted(proxies, nearest) {
            break;
        }
    }
    nearest
}

/// Returns the hops of a line of `X-Forwarded-For`, from the right.
fn of_x_forwarded_for(line: &str) -> Vec<Option<IpAddr>> {
    line.rsplit(',').map(str::trim).filter(|hop| !hop.is_empty()).map(address).collect()
}

/// Returns the hops of a line of `Forwarded` (RFC 7239 §4), from the right. An element that is not of its form is
/// no address. A quoted string without an end may have begun anywhere, so then the whole line is none.
fn of_forwarded(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(line, ',') else { return vec![None] };
    elements.into_iter().rev().filter(|element| !element.is_empty()).map(of_element).collect()
}

/// Returns the address of the parameter `for`.
fn of_element(element: &str) -> Option<IpAddr> {
    let mut node = None;
    for pair in split(element, ';')?.into_iter().filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = unquoted(value)?;
        // A parameter must not occur twice.
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return None;
        }
    }
    address(&node?)
}

/// Splits a text at this character outside quoted strings (RFC 9110 §5.6.4), and trims the parts. `None` if a quoted
/// string has no end.
fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == at && !is_quoted => {
                parts.push(text.get(begin..index)?.trim());
                begin = index + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..)?.trim());
    (!is_quoted).then_some(parts)
}

/// Returns a value without its quotes; `None` if it has some in other places.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let (mut text, mut characters) = (String::new(), quoted.chars());
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next()?),
            character => text.push(character),
        }
    }
}

/// Returns the address of a node (RFC 7239 §6): `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]` or
/// `[2001:db8::1]:443`. `X-Forwarded-For` has IPv6 without brackets, too. `unknown` and names are no addresses.
fn address(node: &str) -> Option<IpAddr> {
    if let Some(rest) = node.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?))
            .then(|| IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = node.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

/// Returns whether this is a port, or a name for one.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
#[path = "client_address_tests.rs"]
mod tests;
