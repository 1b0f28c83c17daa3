//! The purposes of the requests.

use core::fmt;

/// The purpose of a request. Each request has it among its extensions, so a transport can read it there.
///
/// ```
/// use device_conform::Step;
/// assert_eq!(Step::EarlyPoll.to_string(), "a poll at once after another");
/// assert!(Step::ALL.contains(&Step::Codes));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The metadata, at one of its well-known addresses.
    Metadata,
    /// The registration of the client.
    Registration,
    /// The registration of a second client.
    OtherRegistration,
    /// The request for the codes that the polling checks use.
    Codes,
    /// A request for codes with an unknown parameter.
    UnknownParameter,
    /// A request for codes without a scope, if the usual one has one.
    NoScope,
    /// A request for codes with an empty scope.
    EmptyParameter,
    /// A request for codes with a parameter that occurs twice.
    RepeatedParameter,
    /// A request for codes without a client.
    NoClient,
    /// A request for codes by an unknown client.
    UnknownClient,
    /// A request for codes by GET.
    GetCodes,
    /// A request for codes in JSON.
    JsonCodes,
    /// A request for codes with an unknown scope.
    UnknownScope,
    /// The first poll, one interval after the codes.
    FirstPoll,
    /// A poll at once after another.
    EarlyPoll,
    /// A poll after `slow_down`, five seconds later than before.
    SlowerPoll,
    /// A poll at the old interval, after `slow_down`.
    OldPacePoll,
    /// A poll at the interval that two `slow_down` make.
    SlowestPoll,
    /// A poll by a client that the code does not belong to.
    OtherClientsPoll,
    /// The next poll of the client that the code belongs to.
    OwnersPoll,
    /// A poll with an unknown device code.
    UnknownCode,
    /// A poll without a device code.
    NoCode,
    /// A token request without a grant type.
    NoGrantType,
    /// A token request with an unknown grant type.
    UnknownGrantType,
    /// A poll with a device code that occurs twice.
    RepeatedCode,
    /// A poll by GET.
    GetToken,
    /// A poll by an unknown client in the `Authorization` header.
    UnknownBasicClient,
    /// A poll with a wrong client secret.
    WrongSecret,
    /// A poll without the client's secret.
    NoSecret,
    /// A poll with the secret in the header and in the body.
    TwoMethods,
    /// The request for the codes of the first approval.
    ApprovedCodes,
    /// A poll after the first approval.
    Redemption,
    /// The refresh of the token.
    Refresh,
    /// A refresh for a scope that was not granted.
    WiderRefresh,
    /// A refresh by another client.
    OtherClientsRefresh,
    /// A refresh with the first refresh token, again.
    OldRefresh,
    /// A refresh with the latest refresh token, after the first one was used twice.
    FamilyRefresh,
    /// The request for the codes of the second approval, or of a fourth one if the second was refused for its scope.
    CrowdCodes,
    /// One of twelve polls at once, after the second approval or a fourth one.
    CrowdPoll,
    /// A poll after those, if none of them got the token.
    LaterPoll,
    /// A poll with a device code that has brought its token.
    Replay,
    /// The request for the codes of the third approval, with PKCE if the server lists it.
    ProofCodes,
    /// A poll with a wrong code verifier.
    WrongVerifier,
    /// A poll without the code verifier.
    NoVerifier,
    /// A poll with the code verifier.
    RightVerifier,
    /// The revocation of an unknown token.
    UnknownRevocation,
    /// The revocation of the refresh token.
    Revocation,
    /// A refresh with the revoked token.
    RevokedRefresh,
    /// The request for the codes of the denial.
    DeniedCodes,
    /// A poll after the denial.
    DeniedPoll,
    /// The revocation of a token that is left at the end.
    LastRevocation,
    /// A poll after the expiry of the codes.
    ExpiredPoll,
    /// A request for a page with a wrong user code.
    Guess,
}

impl Step {
    /// All steps, in the order of a run.
    pub const ALL: [Self; 53] = [
        Self::Metadata,
        Self::Registration,
        Self::OtherRegistration,
        Self::Codes,
        Self::UnknownParameter,
        Self::NoScope,
        Self::EmptyParameter,
        Self::RepeatedParameter,
        Self::NoClient,
        Self::UnknownClient,
        Self::GetCodes,
        Self::JsonCodes,
        Self::UnknownScope,
        Self::FirstPoll,
        Self::EarlyPoll,
        Self::SlowerPoll,
        Self::OldPacePoll,
        Self::SlowestPoll,
        Self::OtherClientsPoll,
        Self::OwnersPoll,
        Self::UnknownCode,
        Self::NoCode,
        Self::NoGrantType,
        Self::UnknownGrantType,
        Self::RepeatedCode,
        Self::GetToken,
        Self::UnknownBasicClient,
        Self::WrongSecret,
        Self::NoSecret,
        Self::TwoMethods,
        Self::ApprovedCodes,
        Self::Redemption,
        Self::Refresh,
        Self::WiderRefresh,
        Self::OtherClientsRefresh,
        Self::OldRefresh,
        Self::FamilyRefresh,
        Self::CrowdCodes,
        Self::CrowdPoll,
        Self::LaterPoll,
        Self::Replay,
        Self::ProofCodes,
        Self::WrongVerifier,
        Self::NoVerifier,
        Self::RightVerifier,
        Self::UnknownRevocation,
        Self::Revocation,
        Self::RevokedRefresh,
        Self::DeniedCodes,
        Self::DeniedPoll,
        Self::LastRevocation,
        Self::ExpiredPoll,
        Self::Guess,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::Metadata => "the metadata",
            Self::Registration => "the registration of the client",
            Self::OtherRegistration => "the registration of a second client",
            Self::Codes => "the request for codes",
            Self::UnknownParameter => "a request for codes with an unknown parameter",
            Self::NoScope => "a request for codes without a scope",
            Self::EmptyParameter => "a request for codes with an empty scope",
            Self::RepeatedParameter => "a request for codes with a repeated parameter",
            Self::NoClient => "a request for codes without a client",
            Self::UnknownClient => "a request for codes by an unknown client",
            Self::GetCodes => "a request for codes by GET",
            Self::JsonCodes => "a request for codes in JSON",
            Self::UnknownScope => "a request for codes with an unknown scope",
            Self::FirstPoll => "the first poll, after one interval",
            Self::EarlyPoll => "a poll at once after another",
            Self::SlowerPoll => "a poll after slow_down, at the longer interval",
            Self::OldPacePoll => "a poll after slow_down, at the old interval",
            Self::SlowestPoll => "a poll after the second slow_down, at its interval",
            Self::OtherClientsPoll => "a poll by another client",
            Self::OwnersPoll => "the next poll of the code's own client",
            Self::UnknownCode => "a poll with an unknown device code",
            Self::NoCode => "a poll without a device code",
            Self::NoGrantType => "a token request without a grant type",
            Self::UnknownGrantType => "a token request with an unknown grant type",
            Self::RepeatedCode => "a poll with a repeated parameter",
            Self::GetToken => "a poll by GET",
            Self::UnknownBasicClient => "a poll by an unknown client with Basic",
            Self::WrongSecret => "a poll with a wrong client secret",
            Self::NoSecret => "a poll without the client's secret",
            Self::TwoMethods => "a poll with the client's secret in two places",
            Self::ApprovedCodes => "the request for the codes of the first approval",
            Self::Redemption => "a poll after the first approval",
            Self::Refresh => "a refresh",
            Self::WiderRefresh => "a refresh for a scope that was not granted",
            Self::OtherClientsRefresh => "a refresh by another client",
            Self::OldRefresh => "a refresh with the first refresh token, again",
            Self::FamilyRefresh => "a refresh with the latest refresh token, after that",
            Self::CrowdCodes => "the request for the codes of twelve polls",
            Self::CrowdPoll => "one of twelve polls at once, after an approval",
            Self::LaterPoll => "a poll after those",
            Self::Replay => "a poll with a device code that has brought its token",
            Self::ProofCodes => "the request for the codes of the third approval",
            Self::WrongVerifier => "a poll with a wrong code verifier",
            Self::NoVerifier => "a poll without the code verifier",
            Self::RightVerifier => "a poll after the third approval",
            Self::UnknownRevocation => "the revocation of an unknown token",
            Self::Revocation => "the revocation of the refresh token",
            Self::RevokedRefresh => "a refresh with the revoked token",
            Self::DeniedCodes => "the request for the codes of the denial",
            Self::DeniedPoll => "a poll after the denial",
            Self::LastRevocation => "the revocation of a token that is left",
            Self::ExpiredPoll => "a poll after the expiry of the codes",
            Self::Guess => "a wrong user code at the page",
        }
    }

    /// Whether the request goes to the token endpoint as a well-formed POST, and so gets a response of RFC 6749 §5.
    pub(crate) const fn is_token_request(self) -> bool {
        !matches!(
            self,
            Self::Metadata
                | Self::Registration
                | Self::OtherRegistration
                | Self::Guess
                | Self::GetToken
                | Self::UnknownRevocation
                | Self::Revocation
                | Self::LastRevocation
        ) && !self.is_code_request()
            && !matches!(self, Self::GetCodes | Self::JsonCodes)
    }

    /// Whether the request goes to the device authorization endpoint as a form.
    pub(crate) const fn is_code_request(self) -> bool {
        matches!(
            self,
            Self::Codes
                | Self::UnknownParameter
                | Self::NoScope
                | Self::EmptyParameter
                | Self::RepeatedParameter
                | Self::NoClient
                | Self::UnknownClient
                | Self::UnknownScope
                | Self::ApprovedCodes
                | Self::CrowdCodes
                | Self::ProofCodes
                | Self::DeniedCodes
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_step_once_in_order() {
        assert!(Step::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Step::ALL.last(), Some(&Step::Guess));
    }
}
