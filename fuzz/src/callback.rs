//! The requests at a redirect URI, from the connections of a listener to the end of a code flow.

use device_flow::{
    Action, Callback, CodeFlow, CodeSecrets, Incoming, Operation, Policy, RedirectUri, Reply, RequestHead,
    Tick,
};
use oidc_proto::oauth::Provider;
use oidc_proto::{Client, Endpoint, Fault, FaultCode, Secret, Service};

use crate::script::Bytes;

const STATE: &str = "st4te";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const ISSUER: &str = "https://id.example";
const BASE: &str = "http://127.0.0.1:49152";
const PATH: &str = "/oauth/callback";
/// The most bytes of a head.
const MOST: usize = 16 * 1024;
/// The longest head, whose fields are not kept.
const LONGEST: usize = 256 * 1024;

/// Listens. The first byte selects the service and the kind of input, the second the size of the pieces. A zero
/// byte ends a connection, or a pasted address.
pub fn callback(data: &[u8]) {
    drive(data);
}

/// Listens, and returns the flow's answers.
pub(crate) fn drive(data: &[u8]) -> Vec<Callback> {
    let mut bytes = Bytes(data);
    let (flags, size) = (bytes.next(), 1 + usize::from(bytes.next()));
    let has_issuer = flags & 1 != 0;
    let mut flow = listening(has_issuer);
    let (mut accepted, mut answers) = (false, Vec::new());
    for input in bytes.0.split(|byte| *byte == 0) {
        let target = if flags & 2 == 0 { requested(input, size, flags & 4 != 0) } else { pasted(input) };
        let Some(target) = target else { continue };
        let expected = Expected::of(&target, has_issuer);
        let callback = flow.on_callback(&target, Tick::ZERO);
        match (&expected, accepted) {
            (Expected::NotFound, _) => assert_eq!(callback, Callback::NotFound),
            (_, true) => assert_eq!(callback, Callback::Late, "the first response counts"),
            (Expected::Unrelated, _) => assert_eq!(callback, Callback::Unrelated),
            (_, false) => {
                assert_eq!(callback, Callback::Accepted, "{target}");
                accepted = true;
                finish(&mut flow, &expected, has_issuer);
            }
        }
        assert_eq!(flow.page(callback), page(callback, &expected, has_issuer), "it has no text of anyone");
        assert_eq!(flow.is_listening(), !accepted);
        answers.push(callback);
    }
    assert!(!format!("{flow:?}").contains(VERIFIER));
    answers
}

/// Reads a request in pieces of this size, and returns the target of a GET. An incomplete one may go on for long.
fn requested(input: &[u8], size: usize, floods: bool) -> Option<String> {
    let mut head = RequestHead::new();
    let mut incoming = Incoming::Incomplete;
    for piece in input.chunks(size) {
        incoming = head.push(piece);
        if incoming != Incoming::Incomplete {
            break;
        }
    }
    assert!(kept(&head) <= MOST.min(input.len()));
    if floods && incoming == Incoming::Incomplete {
        assert_ne!(
            head.push(&[b'a'; LONGEST + 1]),
            Incoming::Incomplete,
            "a head without an end is given up"
        );
        assert!(kept(&head) <= MOST);
    }
    if !input.is_empty() {
        assert_eq!(RequestHead::new().push(input), incoming, "the pieces do not matter");
    }
    let is_short = 2 * input.len() <= MOST;
    assert!(!is_short || RequestHead::new().push(&with_returns(input)) == incoming, "a bare LF ends a line");
    assert!(input.contains(&b'\n') || !matches!(incoming, Incoming::Get(_)), "a bare CR ends no line");
    match incoming {
        Incoming::Get(target) => {
            let has_target = input.windows(target.len().max(1)).any(|part| part == target.as_bytes());
            assert!(has_target, "the target is of the request");
            Some(target)
        }
        other => {
            let page = other.page().unwrap_or_default();
            assert!(["", "HTTP/1.1 405", "HTTP/1.1 400"].contains(&page.get(..12).unwrap_or_default()));
            assert!(page.len() < 2_000, "a page without the request");
            None
        }
    }
}

/// Returns the input with a CR before every bare LF.
fn with_returns(input: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * input.len());
    for byte in input {
        if *byte == b'\n' && text.last() != Some(&b'\r') {
            text.push(b'\r');
        }
        text.push(*byte);
    }
    text
}

/// Returns the bytes that are kept of a head, as its `Debug` tells.
fn kept(head: &RequestHead) -> usize {
    let kept = format!("{head:?}");
    kept.trim_start_matches("RequestHead(").trim_end_matches(" bytes)").parse().unwrap()
}

fn pasted(input: &[u8]) -> Option<String> {
    str::from_utf8(input).ok().map(|text| text.trim().to_owned())
}

fn listening(has_issuer: bool) -> CodeFlow {
    let service: Service = if has_issuer {
        let endpoints = ("https://id.example/authorize", "https://id.example/token");
        Provider::for_code(endpoints.0, endpoints.1).unwrap().with_issuer(ISSUER, true).into()
    } else {
        Endpoint::for_region("eu-west-1").unwrap().into()
    };
    let policy =
        Policy::aws("https://d-1.awsapps.com/start").with_client(Client::new("id", Secret::from("secret")));
    let secrets = CodeSecrets::new(Secret::from(VERIFIER), "challenge", Secret::from(STATE));
    let mut flow = CodeFlow::new(service, policy, None, RedirectUri::loopback(49152), secrets, Tick::ZERO);
    assert_eq!(flow.on_callback(&format!("{PATH}?code=c&state={STATE}"), Tick::ZERO), Callback::Late);
    assert!(matches!(flow.poll(Tick::ZERO), Action::Prompt(_)));
    flow
}

/// Drives a flow with a response to its end. A code must be that of the response.
fn finish(flow: &mut CodeFlow, expected: &Expected, has_issuer: bool) {
    let Expected::Code(code) = expected else {
        assert!(matches!(flow.outcome(), Some(Err(_))));
        return;
    };
    let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("the code is to be redeemed") };
    assert_eq!(pending.operation(), Operation::CreateToken);
    if !has_issuer {
        let body = pending.request().body().as_ref();
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(json["code"], code.as_str());
        assert_eq!(json["redirectUri"], format!("{BASE}{PATH}"));
    }
    flow.on_reply(pending, Tick::ZERO, Reply::Fault(Fault::new(FaultCode::InvalidGrant))).unwrap();
}

/// Returns the page of a flow with the plainest input of this kind.
fn page(callback: Callback, expected: &Expected, has_issuer: bool) -> String {
    let mut flow = listening(has_issuer);
    if callback == Callback::Accepted {
        let plain = match expected {
            Expected::Code(_) => "code=c&iss=https://id.example",
            Expected::Denied => "error=access_denied&iss=https://id.example",
            Expected::Failed => "error=e&iss=https://id.example",
            Expected::WrongIssuer => "code=c",
            Expected::NotFound | Expected::Unrelated => unreachable!("they are not accepted"),
        };
        assert_eq!(flow.on_callback(&format!("{PATH}?{plain}&state={STATE}"), Tick::ZERO), callback);
        let plain = if let Expected::Code(_) = expected { &Expected::Code("c".to_owned()) } else { expected };
        finish(&mut flow, plain, has_issuer);
    }
    flow.page(callback)
}

/// The meaning of a target, read with nothing of the tested crates.
enum Expected {
    NotFound,
    Unrelated,
    Code(String),
    Denied,
    Failed,
    WrongIssuer,
}

impl Expected {
    fn of(target: &str, has_issuer: bool) -> Self {
        let path = target.strip_prefix(BASE).unwrap_or(target);
        let query = match path.strip_prefix(PATH) {
            Some("") => "",
            Some(rest) if rest.starts_with('?') => &rest[1..],
            _ => return Self::NotFound,
        };
        let pairs = pairs(query.split('#').next().unwrap_or_default());
        let all = |name: &str| pairs.iter().filter(|pair| pair.0 == name).map(|pair| &pair.1).collect();
        let once = |name: &str| {
            let values: Vec<&String> = all(name);
            if let [value] = values[..] { Some(value.as_str()) } else { None }
        };
        let errors: Vec<&String> = all("error");
        let result = match (errors.len(), once("code")) {
            (1, _) if errors[0] == "access_denied" => Self::Denied,
            (1, _) => Self::Failed,
            (0, Some(code)) => Self::Code(code.to_owned()),
            _ => return Self::Unrelated,
        };
        if once("state") != Some(STATE) {
            return Self::Unrelated;
        }
        if has_issuer && once("iss") != Some(ISSUER) { Self::WrongIssuer } else { result }
    }
}

/// Reads a form (WHATWG URL, §5.1), without the parameters that have no value.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pieces = query.split('&').filter_map(|piece| piece.split_once('='));
    pieces.map(|(name, value)| (decoded(name), decoded(value))).filter(|pair| !pair.1.is_empty()).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let hex = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = after;
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
