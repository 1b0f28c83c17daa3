//! The page `FAULTS.md`, made from the table.

use std::fmt::Write as _;
use std::path::Path;

use crate::front::Certificate;
use crate::table::{Ending, Row, TABLE, Wrong};

/// Writes the page instead of comparing it.
const UPDATE: &str = "UPDATE_FAULTS";

const INTRODUCTION: &str = "\
# What becomes of a sign-in when something is wrong

Made from `crates/device-flow-ureq/tests/faults/table.rs`, which is also where the tests of both adapters come from: each
cell below is a sign-in over real sockets, once with the blocking adapter and once with the async one, and the outcome is
the same. `UPDATE_FAULTS=1 cargo test -p device-flow-ureq --test faults` writes the page.

| word | what it means |
|---|---|
| signed in | as if nothing had been wrong |
| retried | signed in, after the request was sent again |
| either | signed in; whether a request has to be sent again is a race between two machines |
| grant lost | `GrantLost`: the service granted the token, and the answer did not arrive; the person has to start again |
| unreachable | `Unreachable`: no verdict until the patience (before the code) or the code's life was over |

Every cell is also held to this: no redirect is followed, and the other host is never connected to; no request is sent
before the last one was answered or given up, none twice, none before its time (the interval, `Retry-After`) and none
after the code's life; the processor is idle while an answer is waited for; nothing takes longer than its time-outs allow.

The faults are those of `sso-oidc serve --fault`, and of `TestServer` in `sso-oidc-server`. *Struck once*: the first request
of the operation. *A poll*: one that finds the person undecided. *The grant*: the poll that would bring the token.

| fault | what happens | once: register | once: authorize | once: a poll | once: the grant | always: register | always: authorize | always: poll |
|---|---|---|---|---|---|---|---|---|
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for row in TABLE {
        let (name, about) = described(row);
        let endings = row.once.iter().chain(&row.always).map(|ending| word(*ending));
        let cells = endings.collect::<Vec<_>>().join(" | ");
        writeln!(page, "| `{name}` | {about} | {cells} |").unwrap();
    }
    page
}

fn described(row: &Row) -> (String, &'static str) {
    match row.wrong {
        Wrong::Server(strike) => (strike.to_string(), strike.fault().about()),
        Wrong::OverTls(strike) => {
            (format!("TLS: {strike}"), "307 from TLS to plain HTTP on another host; nothing was done")
        }
        Wrong::Certificate(Certificate::Good) => unreachable!("no row is about a good certificate"),
        Wrong::Certificate(Certificate::Expired) => {
            ("TLS: expired".to_owned(), "the certificate is past its life")
        }
        Wrong::Certificate(Certificate::OtherName) => {
            ("TLS: other name".to_owned(), "the certificate is for another name")
        }
        Wrong::Certificate(Certificate::UnknownAuthority) => {
            ("TLS: unknown CA".to_owned(), "the certificate is from an authority that nobody knows")
        }
    }
}

const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Unharmed => "signed in",
        Ending::Retried => "retried",
        Ending::SignedIn => "either",
        Ending::GrantLost => "grant lost",
        Ending::Unreachable => "unreachable",
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
