//! The page `FAULTS.md`, made from the table.

use std::fmt::Write as _;
use std::path::Path;

use crate::table::{Calls, Ending, Endings, LED_ASTRAY, Row, TABLE, Told, Wrong};

/// Writes the page instead of comparing it.
const UPDATE: &str = "UPDATE_FAULTS";

const INTRODUCTION: &str = "\
# What becomes of a sign-in when something is wrong

Made from `crates/device-flow-ureq/tests/faults/table.rs`, which is also where the tests of both adapters come from: each
cell below is a sign-in over real sockets, to AWS and to a provider of the OAuth dialect (RFC 8628), with the blocking adapter and
with the async one, through a client of theirs and through one that the program brought along, and the outcome is the same but
for what is [listed apart](#what-differs). `UPDATE_FAULTS=1 cargo test -p device-flow-ureq --test faults` writes the page.

| word | what it means |
|---|---|
| signed in | as if nothing had been wrong |
| retried | signed in, after the request was sent again |
| either | signed in; whether a request has to be sent again is a race between two machines |
| grant lost | `GrantLost`: the service granted the token, and the answer did not arrive; the person has to start again |
| refused | `Refused`: something refused plainly, without a code of the standard, and will do so again |
| unreachable | `Unreachable`: no verdict until the patience (before the code) or the code's life was over |
| given up | `Cancelled`, with the reason: the HTTP client turned out not to be safe, and nothing more was sent |

Every cell is also held to this: no redirect is followed, and the other host is never connected to; no request is sent
before the last one was answered or given up, none twice, none before its time (the interval; `Retry-After`, but for the last
poll of a code) and none after the code's life; the processor is idle while an answer is waited for; nothing takes longer than its time-outs allow.

Cancelled in the middle of any of these faults, while a request hangs or in the wait after one that failed, a sign-in ends at
once as `Cancelled`, and nothing more is sent: with a `Cancel` handle from another thread, or by dropping the future.

The faults are those of `sso-oidc serve --fault`, and of `TestServer` in `sso-oidc-server`. *Struck once*: the first request
of the operation. *A poll*: one that finds the person undecided. *The grant*: the poll that would bring the token.
Register is RegisterClient or RFC 7591 registration, authorize StartDeviceAuthorization or RFC 8628 §3.1, a poll CreateToken or
RFC 8628 §3.4.

";

/// The columns of endings.
const COLUMNS: &str = "once: register | once: authorize | once: a poll | once: the grant | always: register | \
                       always: authorize | always: poll |\n";

const DIFFERENCES: &str = "
## What differs

**In the OAuth dialect** these end differently. AWS names a fault in a header, so that the head of a refusal is enough; all that
OAuth has to say is in the body.

";

const ASTRAY: &str = "
**Through a `reqwest::Client` that follows redirects**, and that was not made by `hardened`, every redirect ends like this: that
the client followed it can only be seen when it has happened. (A `ureq::Agent` is kept from it, request by request.)

";

const CALLS: &str = "
## Discovery and revocation

A revocation is sent once, and says what came of it; it is done if the status says so (RFC 7009 §2.2), whatever the body. A search
for metadata (OpenID Connect Discovery, RFC 8414) has several addresses, and the patience of a sign-in before its code. *Once*: the
first request is struck; the same address is asked again, or the next one. *Always*: every request is struck until the patience is over. The
redirects lead to plain HTTP on another host; those on the same origin, or to `https`, are followed.

| word | what it means |
|---|---|
| done | as if nothing had been wrong, or found at the next try |
| no verdict | `NoVerdict`: the token must be taken for alive (RFC 7009 §2.2.1) |
| not sent | `Transport` with `Failure::NotSent` |
| lost | `Transport`: no answer came, or not all of it |
| no metadata | `SearchError::Metadata`: what came is none |
| not for now | `SearchError::Metadata` with `MetadataError::Unavailable`: the provider had no answer |
| not followed | `SearchError::Redirect`, which names the target |

Through a `reqwest::Client` that was not made by `hardened`, *not sent* is *lost*, because what could not be reached may have been the
target of a redirect; and every redirect that one follows ends with a `TransportError` that is final.

| fault | revocation | discovery: once | discovery: always |
|---|---|---|---|
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
        writeln!(page, "| `{name}` | {} |", cells(LED_ASTRAY)).unwrap();
    }
    page.push_str(CALLS);
    for (row, Calls { revocation, discovery: [once, always] }) in
        TABLE.iter().filter_map(|row| row.calls.map(|calls| (row, calls)))
    {
        let (name, _) = described(row);
        let [revocation, once, always] = [revocation, once, always].map(said);
        writeln!(page, "| `{name}` | {revocation} | {once} | {always} |").unwrap();
    }
    page
}

/// The head of a table whose last columns are endings.
fn header(page: &mut String, first: &str) {
    let columns = first.matches('|').count() - 1 + COLUMNS.matches('|').count();
    page.push_str(first);
    page.push_str(COLUMNS);
    writeln!(page, "|{}", "---|".repeat(columns)).unwrap();
}

fn cells(endings: Endings) -> String {
    let words: Vec<_> = endings.once.into_iter().chain(endings.always).map(word).collect();
    words.join(" | ")
}

fn described(row: &Row) -> (String, &'static str) {
    match row.wrong {
        Wrong::Server(strike) => (strike.to_string(), strike.fault().about()),
        Wrong::OverTls(strike) if strike.fault().needs_tls() => (strike.to_string(), strike.fault().about()),
        Wrong::OverTls(strike) => {
            (format!("TLS: {strike}"), "307 from TLS to plain HTTP on another host; nothing was done")
        }
    }
}

const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Unharmed => "signed in",
        Ending::Retried => "retried",
        Ending::SignedIn => "either",
        Ending::GrantLost => "grant lost",
        Ending::Refused => "refused",
        Ending::Unreachable => "unreachable",
        Ending::GivenUp => "given up",
    }
}

const fn said(told: Told) -> &'static str {
    match told {
        Told::Done => "done",
        Told::NoVerdict => "no verdict",
        Told::NotSent => "not sent",
        Told::Lost => "lost",
        Told::NoMetadata => "no metadata",
        Told::NotForNow => "not for now",
        Told::NotFollowed => "not followed",
        Told::Astray => "given up",
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
