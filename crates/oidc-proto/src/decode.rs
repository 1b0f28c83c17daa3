//! What a response means, in any dialect: by body first, by status second.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

use crate::answer_members::{AnswerMembers, FaultMembers, Members};
use crate::headers::Heads;
use crate::json::starts_with;
use crate::wire::Wire;
use crate::{Answer, Dialect, Fault, FaultCode, NoVerdict, NoVerdictReason, printable};

/// The meaning of a response to a `C`.
pub(crate) fn answer<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
) -> Answer<C::Success> {
    let heads = Heads::of(response.headers());
    if !response.status().is_success() {
        return refusal(dialect, response, &heads);
    }
    let mut members = AnswerMembers::default();
    // Whatever a header says, a success must show its body.
    if let Err(reason) = read(dialect, response, &mut members) {
        return no_verdict(reason, response.status(), &heads);
    }
    if let Some(fault) = named(dialect, response.status(), &heads, &members.faults) {
        return Answer::Fault(fault);
    }
    match C::success_from(dialect, members) {
        Ok(success) => Answer::Success(success),
        Err(mut violation) => {
            violation.request_id = heads.request_id();
            Answer::Violation(violation)
        }
    }
}

/// The meaning of a response to a request whose success has no members: the body of a success status need not even be
/// readable, but it may name a fault.
pub(crate) fn bare_answer<B: AsRef<[u8]>>(dialect: Dialect, response: &Response<B>) -> Answer<()> {
    let heads = Heads::of(response.headers());
    if !response.status().is_success() {
        return refusal(dialect, response, &heads);
    }
    let mut faults = FaultMembers::default();
    if read(dialect, response, &mut faults).is_err() {
        return Answer::Success(());
    }
    named(dialect, response.status(), &heads, &faults).map_or(Answer::Success(()), Answer::Fault)
}

/// What a response without a success status says.
fn refusal<T, B: AsRef<[u8]>>(dialect: Dialect, response: &Response<B>, heads: &Heads<'_>) -> Answer<T> {
    let status = response.status();
    // A redirect is no verdict even with an OAuth body: whoever redirects is not the service.
    if status.is_redirection() {
        return no_verdict(NoVerdictReason::Redirect, status, heads);
    }
    // No other members count, and these are quicker to make and to drop.
    let mut faults = FaultMembers::default();
    let reason = match read(dialect, response, &mut faults) {
        Ok(()) => NoVerdictReason::UnnamedError,
        Err(reason) => {
            // The header is the service's word too, whatever became of the body.
            faults = FaultMembers::default();
            reason
        }
    };
    match named(dialect, status, heads, &faults) {
        Some(fault) => Answer::Fault(fault),
        None => no_verdict(reason, status, heads),
    }
}

fn no_verdict<T>(reason: NoVerdictReason, status: StatusCode, heads: &Heads<'_>) -> Answer<T> {
    Answer::NoVerdict(NoVerdict {
        reason,
        status: status.as_u16(),
        retry_after: heads.retry_after(),
        request_id: heads.request_id(),
    })
}

fn read<'a, B: AsRef<[u8]>, M: Members<'a>>(
    dialect: Dialect,
    response: &'a Response<B>,
    members: &mut M,
) -> Result<(), NoVerdictReason> {
    let body = response.body().as_ref();
    match members.read_json(dialect, body) {
        Ok(()) => Ok(()),
        Err(_) if dialect == Dialect::OAuth && is_form(response.headers()) && !is_blank(body) => {
            *members = M::from_form(body);
            Ok(())
        }
        Err(error) => Err(unreadable(body, &error)),
    }
}

/// Why a body could not be read.
fn unreadable(body: &[u8], error: &serde_json::Error) -> NoVerdictReason {
    if is_blank(body) {
        NoVerdictReason::EmptyBody
    } else if starts_with(body, b'<') {
        NoVerdictReason::Html
    } else if error.is_eof() {
        NoVerdictReason::CutBody
    } else if error.is_data() && !starts_with(body, b'{') {
        NoVerdictReason::NotAnObject
    } else {
        NoVerdictReason::NotJson
    }
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fault that a response names, if it names one: in the header, in `__type` or `code`, in `error`. The first
/// name that the model knows wins; if none is known, the first name there is keeps its text, and in the OAuth dialect
/// `error` comes first: `code` is a provider's own there.
///
/// Inside a success status only the header and `error` count, because `code` may be anybody's member.
fn named(
    dialect: Dialect,
    status: StatusCode,
    heads: &Heads<'_>,
    members: &FaultMembers<'_>,
) -> Option<Fault> {
    let header = heads.error_type();
    if status.is_success() && header.is_none() && members.error.non_empty().is_none() {
        return None;
    }
    // The header alone settles most answers of AWS's.
    let code = header
        .and_then(FaultCode::from_exception_bytes)
        .or_else(|| name_in_body(dialect, status.is_success(), header, members))?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    Some(Fault {
        code,
        description: own(members.error_description.non_empty().or_else(|| members.message.non_empty())),
        reason: own(members.reason.non_empty()),
        endpoint: own(members.endpoint.non_empty()),
        region: members
            .region
            .non_empty()
            .map(printable)
            .filter(|text| !text.is_empty())
            .map(Cow::into_owned),
        status: status.as_u16(),
        request_id: heads.request_id(),
        retry_after: heads.retry_after(),
    })
}

/// The name of a fault where the header has none that the model knows.
fn name_in_body(
    dialect: Dialect,
    success: bool,
    header: Option<&[u8]>,
    members: &FaultMembers<'_>,
) -> Option<FaultCode> {
    let error = members.error.non_empty();
    let (type_name, code) =
        if success { (None, None) } else { (members.type_name.non_empty(), members.code.non_empty()) };
    let known = type_name
        .and_then(FaultCode::from_exception)
        .or_else(|| code.and_then(FaultCode::from_exception))
        .or_else(|| error.and_then(FaultCode::from_error))
        .or_else(|| code.and_then(FaultCode::from_error));
    // Only a shape name has a namespace and a suffix to cut off; an `error` code may be a URN.
    let unknown = || {
        let mut shapes = [header.and_then(|name| core::str::from_utf8(name).ok()), type_name, code]
            .into_iter()
            .flatten()
            .map(FaultCode::other)
            .filter(has_text);
        let error = error.map(|text| FaultCode::Other(printable(text).into_owned())).filter(has_text);
        match dialect {
            Dialect::Aws => shapes.next().or(error),
            Dialect::OAuth => error.or_else(|| shapes.next()),
        }
    };
    known.or_else(unknown)
}

/// Whether anything of the name is left that a person could read.
fn has_text(code: &FaultCode) -> bool {
    !code.error().trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CreateTokenRequest;

    fn oauth(status: u16, content_type: &str, body: &'static str) -> Answer<crate::Token> {
        let response =
            Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body).unwrap();
        answer::<CreateTokenRequest, _>(Dialect::OAuth, &response)
    }

    #[test]
    fn an_empty_form_is_an_empty_body() {
        for (status, body) in [(200, ""), (200, " \n"), (500, "")] {
            let Answer::NoVerdict(none) = oauth(status, "application/x-www-form-urlencoded", body) else {
                panic!("{status} {body:?} is a verdict")
            };
            assert_eq!(none.reason, NoVerdictReason::EmptyBody, "{status} {body:?}");
        }
    }

    #[test]
    fn an_unknown_error_keeps_its_text_beside_a_code_of_the_providers_own() {
        let Answer::Fault(fault) =
            oauth(400, "application/json", r#"{"error":"urn:x:no_seat","code":"E17"}"#)
        else {
            panic!("no fault")
        };
        assert_eq!(fault.code, FaultCode::Other("urn:x:no_seat".to_owned()));
    }
}
