//! What a response means, in any dialect: by body first, by status second.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

use crate::answer_members::AnswerMembers;
use crate::wire::Wire;
use crate::{Answer, Dialect, Fault, FaultCode, NoVerdict, NoVerdictReason, headers, printable};

/// The meaning of a response to a `C`.
pub(crate) fn answer<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
) -> Answer<C::Success> {
    let (status, headers, body) = (response.status(), response.headers(), response.body().as_ref());
    let no_verdict = |reason| {
        Answer::NoVerdict(NoVerdict {
            reason,
            status: status.as_u16(),
            retry_after: headers::retry_after(headers),
            request_id: headers::request_id(headers),
        })
    };
    // A redirect is no verdict even with an OAuth body: whoever redirects is not the service.
    if status.is_redirection() {
        return no_verdict(NoVerdictReason::Redirect);
    }
    let members = match AnswerMembers::from_json(dialect, body) {
        Ok(members) => members,
        Err(_) if dialect == Dialect::OAuth && is_form(headers) => AnswerMembers::from_form(body),
        Err(error) => {
            // The header is the service's word too, whatever became of the body; but a success must show its body.
            if !status.is_success()
                && let Some(fault) = named(status, headers, &AnswerMembers::default())
            {
                return Answer::Fault(fault);
            }
            return no_verdict(unreadable(body, &error));
        }
    };
    if let Some(fault) = named(status, headers, &members) {
        return Answer::Fault(fault);
    }
    if !status.is_success() {
        return no_verdict(NoVerdictReason::UnnamedError);
    }
    match C::success_from(dialect, members) {
        Ok(success) => Answer::Success(success),
        Err(mut violation) => {
            violation.request_id = headers::request_id(headers);
            Answer::Violation(violation)
        }
    }
}

/// Why a body could not be read.
fn unreadable(body: &[u8], error: &serde_json::Error) -> NoVerdictReason {
    if body.iter().all(u8::is_ascii_whitespace) {
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

fn starts_with(body: &[u8], first: u8) -> bool {
    body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&first)
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The fault that a response names, if it names one: in the header, in `__type` or `code`, in `error`. The first
/// name that the model knows wins; if none is known, the first name there is keeps its text.
///
/// Inside a success status only the header and `error` count, because `code` may be anybody's member.
fn named(status: StatusCode, headers: &HeaderMap, members: &AnswerMembers<'_>) -> Option<Fault> {
    let header = headers::text(headers, headers::ERROR_TYPE).filter(|text| !text.trim().is_empty());
    let error = members.error.non_empty();
    let (type_name, code) = if status.is_success() {
        (None, None)
    } else {
        (members.type_name.non_empty(), members.code.non_empty())
    };
    let known = [header, type_name, code]
        .into_iter()
        .flatten()
        .find_map(FaultCode::from_exception)
        .or_else(|| [error, code].into_iter().flatten().find_map(FaultCode::from_error));
    // Only a shape name has a namespace and a suffix to cut off; an `error` code may be a URN.
    let unknown = || {
        let shapes = [header, type_name, code].into_iter().flatten().map(FaultCode::other);
        let error = error.map(|text| FaultCode::Other(printable(text).into_owned()));
        shapes.chain(error).find(|code| !code.error().trim().is_empty())
    };
    let code = known.or_else(unknown)?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    Some(Fault {
        code,
        description: own(members.error_description.non_empty().or_else(|| members.message.non_empty())),
        reason: own(members.reason.non_empty()),
        endpoint: own(members.endpoint.non_empty()),
        region: own(members.region.non_empty()).map(|text| printable(&text).into_owned()),
        status: status.as_u16(),
        request_id: headers::request_id(headers),
        retry_after: headers::retry_after(headers),
    })
}

/// Whether a response with a success status is an error all the same.
pub(crate) fn names_an_error<B: AsRef<[u8]>>(response: &Response<B>) -> bool {
    AnswerMembers::from_json(Dialect::OAuth, response.body().as_ref())
        .is_ok_and(|members| named(response.status(), response.headers(), &members).is_some())
}

/// The meaning of a response that is no success, for an operation whose success has no members.
pub(crate) fn refusal<B: AsRef<[u8]>>(dialect: Dialect, response: &Response<B>) -> Result<Fault, NoVerdict> {
    let (status, headers, body) = (response.status(), response.headers(), response.body().as_ref());
    let reason = if status.is_redirection() {
        NoVerdictReason::Redirect
    } else {
        match AnswerMembers::from_json(dialect, body) {
            Ok(members) => match named(status, headers, &members) {
                Some(fault) => return Ok(fault),
                None => NoVerdictReason::UnnamedError,
            },
            Err(error) => unreadable(body, &error),
        }
    };
    Err(NoVerdict {
        reason,
        status: status.as_u16(),
        retry_after: headers::retry_after(headers),
        request_id: headers::request_id(headers),
    })
}
