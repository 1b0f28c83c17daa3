//! The page `FAULTS.md`, generated from the table.

use std::fmt::Write as _;
use std::path::Path;

use crate::table::{CallResult, Calls, Ending, Endings, Row, TABLE, WITH_FOLLOWED_REDIRECT, Wrong};

/// The environment variable that writes the page instead of comparing it.
const UPDATE: &str = "UPDATE_FAULTS";

const INTRODUCTION: &str = "\
# How a sign-in ends when something is wrong

A correct client does four things:

1. **Nothing was done: try again.** The service or a gateway refused the request. Wait at least the interval, or `Retry-After`. After
   `slow_down` wait five seconds longer from then on (RFC 8628 §3.5).
2. **It may have been done: try again, and remember.** No response arrived. If the service then calls the code spent, the token was lost
   with that response, and the person starts again.
3. **The refusal is final: stop**, if there is no device code yet. A retry gets the same redirect, 403 or 404. An error of the standard
   is final at a poll, too: `expired_token`, `access_denied`, `invalid_client`, `invalid_grant`. `slow_down` and `server_error` are not.
4. **The response is unusual but complete: take it.** The service sends each token only once.

A fault that is an answer of the protocol acts only at the operations that have it. Elsewhere the row says *signed in*. An expired,
denied or rejected code stays so. All of them come before anything is done.

The tables say what this project's clients do. The faults are those of `sso-oidc serve --fault`, and of `TestServer` in
`sso-oidc-server`, so you can hold your own client against them. `sso-oidc try-faults -- COMMAND` does so for each fault.

| word | meaning |
|---|---|
| signed in | as if nothing had been wrong |
| retried | signed in, after the request was sent again |
| either | signed in; client and server race, so the request may have to be sent again |
| grant lost | `GrantLost`: the service granted the token, and the response did not arrive |
| refused | `Refused`: a plain refusal without a code of the standard |
| denied | `Denied`: the service says that the person denied |
| expired | `Expired`: the service says that the code has expired, or its life is over |
| rejected | `Rejected`: an error of the standard that ends a sign-in |
| unreachable | `Unreachable`: no usable response until the device code's life, or else the retry window, was over |
| given up | `Cancelled`, with the reason: the HTTP client turned out not to be safe |

The columns:

- *Once* is the first request of the operation, *always* every one.
- Register is RegisterClient or RFC 7591 registration, in the device flow and in the authorization code flow.
- Authorize is StartDeviceAuthorization or RFC 8628 §3.1.
- A poll is CreateToken or RFC 8628 §3.4 before the person has decided. The grant is the poll that would bring the token.
- The exchange is CreateToken or RFC 6749 §4.1.3 with an authorization code.

Each cell holds for both dialects, both adapters, and HTTP clients of the program's own. [Exceptions](#exceptions) are listed apart.
Each cell also holds these:

- No redirect is followed, and the other host is never connected to.
- No request is sent before the last one has its response or has failed, and none twice.
- No poll comes before its time, and none after the code's life.
- No authorization request is sent by the program. The browser sends one, and its last page tells how the sign-in ended.
- The processor is idle while a response is due. Nothing takes longer than its time limits.
- A sign-in that is cancelled during the fault ends at once as `Cancelled`, and sends nothing more.

`crates/adapter-tests/tests/faults/table.rs` is the source of this page and of the tests.
`UPDATE_FAULTS=1 cargo test -p adapter-tests --test faults page` writes the page.

";

/// The columns of endings.
const COLUMNS: &str = "once: register | once: authorize | once: a poll | once: the grant | once: the exchange | \
                       always: register | always: authorize | always: poll | always: exchange |\n";

const DIFFERENCES: &str = "
## Exceptions

**In the OAuth dialect** these end differently. AWS names an error in a header, so the head of a refusal is enough. OAuth names it in
the body alone.

";

const ASTRAY: &str = "
**Through a `reqwest::Client` that follows redirects**, and that `hardened` did not make, every redirect ends like this. The redirect is
seen only after the client has followed it. A `ureq::Agent` is kept from it, request by request.

";

const CALLS: &str = "
## Discovery, revocation and the portal

A revocation and each call of the portal are sent once. A revocation and Logout are done if the status says so (RFC 7009 §2.2), whatever
the body. The column *portal* is ListAccounts, ListAccountRoles and GetRoleCredentials.

A search for metadata (OpenID Connect Discovery, RFC 8414) has several addresses, and a retry window as before the code. *Once*: the
first request is affected, and the same address or the next one is asked again. *Always*: every request is affected until the window is
over. The redirects lead to plain HTTP on another host. Those on the same origin, or to `https`, are followed.

| word | meaning |
|---|---|
| done | as if nothing had been wrong, or found at the next try |
| fault | `Fault`: the service refuses, with an error of its own |
| indeterminate | `Indeterminate`: no verdict of the service; a token must be taken for alive (RFC 7009 §2.2.1) |
| not sent | `Transport` with `Failure::NotSent` |
| lost | `Transport`: no answer came, or not all of it |
| no metadata | `SearchError::Metadata`: the answer is no metadata |
| not for now | `SearchError::Metadata` with `MetadataError::Unavailable`: the provider had no answer |
| not followed | `SearchError::Redirect`, which names the target |

Through a `reqwest::Client` that `hardened` did not make, *not sent* is *lost*: the unreachable host may have been the target of a
redirect. Every redirect that such a client follows ends with a `TransportError` that is final.

| fault | portal | revocation, Logout | discovery: once | discovery: always |
|---|---|---|---|---|
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    header(&mut page, "| fault | what happens | ");
    for row in TABLE {
        let (name, about) = described(row);
        writeln!(page, "| `{name}` | {about} | {} |", cells(row.endings.aws)).unwrap();
    }
    page.push_str(DIFFERENCES);
    header(&mut page, "| fault | ");
    for row in TABLE.iter().filter(|row| row.endings.aws != row.endings.oauth) {
        let (name, _) = described(row);
        writeln!(page, "| `{name}` | {} |", cells(row.endings.oauth)).unwrap();
    }
    page.push_str(ASTRAY);
    header(&mut page, "| fault | ");
    for row in TABLE.iter().filter(|row| row.wrong.redirects()) {
        let (name, _) = described(row);
        writeln!(page, "| `{name}` | {} |", cells(WITH_FOLLOWED_REDIRECT)).unwrap();
    }
    page.push_str(CALLS);
    for (row, Calls { ending, portal, discovery: [once, always] }) in
        TABLE.iter().filter_map(|row| row.calls.map(|calls| (row, calls)))
    {
        let (name, _) = described(row);
        let [portal, ending, once, always] = [portal, ending, once, always].map(said);
        writeln!(page, "| `{name}` | {portal} | {ending} | {once} | {always} |").unwrap();
    }
    page
}

/// Writes the head of a table whose last columns are endings.
fn header(page: &mut String, first: &str) {
    let columns = first.matches('|').count() - 1 + COLUMNS.matches('|').count();
    page.push_str(first);
    page.push_str(COLUMNS);
    writeln!(page, "|{}", "---|".repeat(columns)).unwrap();
}

fn cells(endings: Endings) -> String {
    let Endings { once, always, exchange: [exchanged_once, exchanged_always] } = endings;
    let all = once.into_iter().chain([exchanged_once]).chain(always).chain([exchanged_always]);
    let words: Vec<_> = all.map(word).collect();
    words.join(" | ")
}

fn described(row: &Row) -> (String, &'static str) {
    match row.wrong {
        Wrong::Server(rule) => (rule.to_string(), rule.fault().about()),
        Wrong::OverTls(rule) if rule.fault().needs_tls() => (rule.to_string(), rule.fault().about()),
        Wrong::OverTls(rule) => (
            format!("TLS: {rule}"),
            "307 from TLS to plain HTTP on another host; the request is not processed",
        ),
    }
}

const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Unharmed => "signed in",
        Ending::Retried => "retried",
        Ending::SignedIn => "either",
        Ending::GrantLost => "grant lost",
        Ending::Refused => "refused",
        Ending::Denied => "denied",
        Ending::Expired => "expired",
        Ending::Rejected => "rejected",
        Ending::Unreachable => "unreachable",
        Ending::GivenUp => "given up",
    }
}

const fn said(told: CallResult) -> &'static str {
    match told {
        CallResult::Done => "done",
        CallResult::Fault => "fault",
        CallResult::Indeterminate => "indeterminate",
        CallResult::NotSent => "not sent",
        CallResult::Lost => "lost",
        CallResult::NoMetadata => "no metadata",
        CallResult::NotForNow => "not for now",
        CallResult::NotFollowed => "not followed",
        CallResult::FollowedRedirect => "given up",
    }
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../device-flow/FAULTS.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page(), "the table has changed: {UPDATE}=1 writes the page");
}
