//! What a response means, in any dialect: by body first, by status second.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

use crate::answer_members::AnswerMembers;
use crate::headers::Heads;
use crate::json::starts_with;
use crate::wire::Wire;
use crate::{Answer, Dialect, Fault, FaultCode, NoVerdict, NoVerdictReason, printable};

/// Why a response is no success.
pub(crate) enum Refusal {
    Fault(Fault),
    NoVerdict(NoVerdict),
}

/// The meaning of a response to a `C`.
pub(crate) fn answer<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
) -> Answer<C::Success> {
    let mut members = AnswerMembers::default();
    match read_success(dialect, response, &mut members) {
        Ok(()) => match C::success_from(dialect, members) {
            Ok(success) => Answer::Success(success),
            Err(mut violation) => {
                violation.request_id = Heads::of(response.headers()).request_id();
                Answer::Violation(violation)
            }
        },
        Err(Refusal::Fault(fault)) => Answer::Fault(fault),
        Err(Refusal::NoVerdict(no_verdict)) => Answer::NoVerdict(no_verdict),
    }
}

/// The members of a response that can be a success: it has a success status, and a body that names no error.
pub(crate) fn success_members<B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
) -> Result<AnswerMembers<'_>, Refusal> {
    let mut members = AnswerMembers::default();
    read_success(dialect, response, &mut members).map(|()| members)
}

fn read_success<'a, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &'a Response<B>,
    members: &mut AnswerMembers<'a>,
) -> Result<(), Refusal> {
    let (status, body) = (response.status(), response.body().as_ref());
    let heads = Heads::of(response.headers());
    let no_verdict = |reason| {
        Err(Refusal::NoVerdict(NoVerdict {
            reason,
            status: status.as_u16(),
            retry_after: heads.retry_after(),
            request_id: heads.request_id(),
        }))
    };
    // A redirect is no verdict even with an OAuth body: whoever redirects is not the service.
    if status.is_redirection() {
        return no_verdict(NoVerdictReason::Redirect);
    }
    match members.read_json(dialect, body) {
        Ok(()) => {}
        Err(_) if dialect == Dialect::OAuth && is_form(response.headers()) && !is_blank(body) => {
            *members = AnswerMembers::from_form(body);
        }
        Err(error) => {
            // The header is the service's word too, whatever became of the body; but a success must show its body.
            if !status.is_success()
                && let Some(fault) = named(dialect, status, &heads, &AnswerMembers::default())
            {
                return Err(Refusal::Fault(fault));
            }
            return no_verdict(unreadable(body, &error));
        }
    }
    if let Some(fault) = named(dialect, status, &heads, members) {
        return Err(Refusal::Fault(fault));
    }
    if !status.is_success() {
        return no_verdict(NoVerdictReason::UnnamedError);
    }
    Ok(())
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
    members: &AnswerMembers<'_>,
) -> Option<Fault> {
    let header = heads.error_type();
    let error = members.error.non_empty();
    let (type_name, code) = if status.is_success() {
        (None, None)
    } else {
        (members.type_name.non_empty(), members.code.non_empty())
    };
    let known = header
        .and_then(FaultCode::from_exception)
        .or_else(|| type_name.and_then(FaultCode::from_exception))
        .or_else(|| code.and_then(FaultCode::from_exception))
        .or_else(|| error.and_then(FaultCode::from_error))
        .or_else(|| code.and_then(FaultCode::from_error));
    // Only a shape name has a namespace and a suffix to cut off; an `error` code may be a URN.
    let unknown = || {
        let mut shapes =
            [header, type_name, code].into_iter().flatten().map(FaultCode::other).filter(has_text);
        let error = error.map(|text| FaultCode::Other(printable(text).into_owned())).filter(has_text);
        match dialect {
            Dialect::Aws => shapes.next().or(error),
            Dialect::OAuth => error.or_else(|| shapes.next()),
        }
    };
    let code = known.or_else(unknown)?;
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
