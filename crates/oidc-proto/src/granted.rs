//! The token response (RFC 6749 §5.1), read tolerantly so that no grant is lost.
//!
//! The response spends the code or refresh token. So only the access token is required; [`Token::warnings`]
//! lists any other missing or unreadable member.

use alloc::collections::BTreeMap;
use core::time::Duration;

use serde_json::value::RawValue;

use crate::answer_members::AnswerMembers;
use crate::json::to_vec;
use crate::member::{Number, Scopes, Text};
use crate::words::without_mark;
use crate::{Dialect, InvalidResponse, InvalidResponseKind, Operation, Secret, Token, TokenWarning};

const OP: Operation = Operation::CreateToken;

/// A dialect's member names and guarantees.
pub(crate) struct Spelling {
    pub(crate) access_token: &'static str,
    pub(crate) token_type: &'static str,
    pub(crate) expires_in: &'static str,
    pub(crate) refresh_token: &'static str,
    pub(crate) id_token: &'static str,
    /// The member for the granted scopes, if the dialect has one.
    pub(crate) scope: Option<&'static str>,
    /// `expires_in` is always present.
    pub(crate) names_the_life: bool,
}

/// Creates a token from these members.
///
/// # Errors
/// Returns an error if there is no access token.
pub(crate) fn token(members: AnswerMembers<'_>, spelling: &Spelling) -> Result<Token, InvalidResponse> {
    let access_token = Secret::new(members.access_token.required(OP, spelling.access_token)?);
    let mut warnings = Warnings(Vec::new());
    Ok(Token {
        access_token,
        token_type: warnings.token_type(members.token_type, spelling),
        expires_in: warnings.life(members.expires_in, spelling),
        refresh_token: warnings.secret(members.refresh_token, spelling.refresh_token),
        id_token: warnings.secret(members.id_token, spelling.id_token),
        scope: spelling.scope.and_then(|name| warnings.scope(members.scope, name)),
        warnings: warnings.0,
        extra: None,
    })
}

/// Returns the members of the body without a field in a success, as the text of a JSON object.
#[cold]
pub(crate) fn extra(body: &[u8]) -> Option<Secret> {
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_slice(without_mark(body)).ok()?;
    members.retain(|name, _| !AnswerMembers::has_field(Dialect::OAuth, name));
    if members.is_empty() {
        return None;
    }
    String::from_utf8(to_vec(&members)).ok().map(Secret::new)
}

struct Warnings(Vec<TokenWarning>);

impl Warnings {
    fn add(&mut self, member: &'static str, kind: InvalidResponseKind) {
        self.0.push(TokenWarning { member, kind });
    }

    /// Reads the type; a missing one means Bearer, the only type that works without a key.
    fn token_type(&mut self, text: Text<'_>, spelling: &Spelling) -> String {
        match text.required(OP, spelling.token_type) {
            // Fast path: usually there is nothing to trim.
            Ok(token_type) if !token_type.is_empty() && token_type.trim().len() == token_type.len() => {
                return token_type;
            }
            Ok(token_type) if !token_type.trim().is_empty() => return token_type.trim().to_owned(),
            Ok(_) => self.add(spelling.token_type, InvalidResponseKind::Empty),
            Err(invalid) => self.add(spelling.token_type, invalid.kind),
        }
        "Bearer".to_owned()
    }

    /// Reads the lifetime. The OAuth dialect only recommends it, and some providers write 0 or -1 for a token
    /// without expiry.
    fn life(&mut self, number: Number, spelling: &Spelling) -> Option<Duration> {
        if number == Number::Absent && !spelling.names_the_life {
            return None;
        }
        match number.required_lifetime(OP, spelling.expires_in) {
            Ok(life) => Some(life),
            Err(invalid) => {
                self.add(spelling.expires_in, invalid.kind);
                None
            }
        }
    }

    /// Reads a secret. An empty one counts as absent, without a warning.
    fn secret(&mut self, text: Text<'_>, member: &'static str) -> Option<Secret> {
        if text == Text::Wrong {
            self.add(member, InvalidResponseKind::WrongType);
        }
        text.into_secret()
    }

    fn scope(&mut self, scopes: Scopes, member: &'static str) -> Option<Vec<String>> {
        match scopes {
            Scopes::Values(values) => Some(values).filter(|values| !values.is_empty()),
            Scopes::Absent => None,
            Scopes::Wrong => {
                self.add(member, InvalidResponseKind::WrongType);
                None
            }
        }
    }
}
