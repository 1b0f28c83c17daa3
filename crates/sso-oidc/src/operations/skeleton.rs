//! The members of each operation, and the skeletons made from them.

use oidc_proto::Operation;

use crate::exit::{Failure, print_data};
use crate::output::{Document, Format, Rehearsal, Surroundings};

/// The type of an input member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A list of strings.
    List,
}

/// Returns the members of the operation's input, in the order of the API model.
pub(super) const fn input_members(operation: Operation) -> &'static [(&'static str, Kind)] {
    match operation {
        Operation::RegisterClient => &[
            ("clientName", Kind::Text),
            ("clientType", Kind::Text),
            ("scopes", Kind::List),
            ("redirectUris", Kind::List),
            ("grantTypes", Kind::List),
            ("issuerUrl", Kind::Text),
            ("entitledApplicationArn", Kind::Text),
        ],
        Operation::StartDeviceAuthorization => {
            &[("clientId", Kind::Text), ("clientSecret", Kind::Text), ("startUrl", Kind::Text)]
        }
        Operation::CreateToken => &[
            ("clientId", Kind::Text),
            ("clientSecret", Kind::Text),
            ("grantType", Kind::Text),
            ("deviceCode", Kind::Text),
            ("code", Kind::Text),
            ("refreshToken", Kind::Text),
            ("scope", Kind::List),
            ("redirectUri", Kind::Text),
            ("codeVerifier", Kind::Text),
        ],
        _ => &[],
    }
}

/// Prints the skeleton for `--cli-input-json`: every member, empty.
pub(super) fn print_input(operation: Operation) -> Result<(), Failure> {
    let member = |(name, kind): &(&str, Kind)| {
        let empty = Document::from("");
        let value = match kind {
            Kind::Text => empty,
            Kind::List => Document::List(vec![empty]),
        };
        ((*name).to_owned(), value)
    };
    let skeleton = Document::Map(input_members(operation).iter().map(member).collect());
    print_data(&Format::Json.render(&skeleton, "", Surroundings { width: 80, colored: false }))
}

/// Returns samples of the operation's result. The optional members are those that the response parser does not
/// require.
pub(super) fn rehearsal(operation: Operation) -> Rehearsal {
    const OPTIONAL: [&str; 7] = [
        "clientIdIssuedAt",
        "clientSecretExpiresAt",
        "authorizationEndpoint",
        "tokenEndpoint",
        "verificationUriComplete",
        "refreshToken",
        "idToken",
    ];
    Rehearsal::new(output(operation), |member| OPTIONAL.contains(&member))
}

/// Returns a sample of the operation's output: each text is its member's name, each number is 0.
pub(super) fn output(operation: Operation) -> Document {
    let text = |name: &str| (name.to_owned(), Document::from(name));
    let number = |name: &str| (name.to_owned(), Document::Number(0.into()));
    Document::Map(match operation {
        Operation::RegisterClient => vec![
            text("clientId"),
            text("clientSecret"),
            number("clientIdIssuedAt"),
            number("clientSecretExpiresAt"),
            text("authorizationEndpoint"),
            text("tokenEndpoint"),
        ],
        Operation::StartDeviceAuthorization => vec![
            text("deviceCode"),
            text("userCode"),
            text("verificationUri"),
            text("verificationUriComplete"),
            number("expiresIn"),
            number("interval"),
        ],
        Operation::CreateToken => vec![
            text("accessToken"),
            text("tokenType"),
            number("expiresIn"),
            text("refreshToken"),
            text("idToken"),
        ],
        _ => Vec::new(),
    })
}
