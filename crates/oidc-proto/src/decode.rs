//! Decodes a response in any dialect: body first, status second.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};

use crate::answer_members::{AnswerMembers, FaultMembers, Members};
use crate::headers::{ResponseHeaders, is_encoded, location};
use crate::json::starts_with;
use crate::member::Number;
use crate::wire::Wire;
use crate::words::{self, ErrorBody, without_mark};
use crate::{Answer, Dialect, Fault, FaultCode, Indeterminate, IndeterminateReason, printable};

/// Decodes the response to a `C`.
pub(crate) fn answer<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
) -> Answer<C::Success> {
    let heads = ResponseHeaders::of(response.headers());
    if !response.status().is_success() {
        return refusal(dialect, response, &heads);
    }
    success::<C, B>(dialect, response, &heads)
}

/// Decodes a response with a success status. Not inlined: its members need much stack, which a refusal would
/// pay for too.
#[inline(never)]
fn success<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
) -> Answer<C::Success> {
    let mut members = AnswerMembers::default();
    // A success is decided by its body, not by a header.
    if let Err(reason) = read(dialect, response, &mut members) {
        return rough_answer::<C, B>(dialect, response, heads, reason);
    }
    let interval = members.interval;
    if !C::is_granted(&members) {
        members.faults.interval = members.interval;
        if let Some(fault) = named(dialect, response, heads, &members.faults) {
            return Answer::Fault(fault);
        }
    }
    let has_extra = members.has_extra;
    match C::success_from(dialect, members) {
        Ok(mut success) => {
            if has_extra {
                C::keep_extra(&mut success, response.body().as_ref());
            }
            Answer::Success(success)
        }
        Err(mut invalid) => {
            // Some providers send "not yet" with a success status.
            if let Some(fault) = hidden(response, heads, interval) {
                return Answer::Fault(fault);
            }
            invalid.request_id = heads.request_id();
            Answer::InvalidResponse(invalid)
        }
    }
}

/// Decodes a success whose body is not valid JSON. The code is spent, so a token in it still counts.
#[cold]
fn rough_answer<C: Wire, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
    reason: IndeterminateReason,
) -> Answer<C::Success> {
    let text = String::from_utf8_lossy(response.body().as_ref());
    let mut members = AnswerMembers::default();
    // A partly unreadable token does not count.
    let is_whole = |members: &AnswerMembers<'_>| {
        members.access_token.non_empty().is_some_and(|token| !token.contains(char::REPLACEMENT_CHARACTER))
    };
    if members.read_roughly(dialect, &text)
        && C::is_granted(&members)
        && is_whole(&members)
        && let Ok(success) = C::success_from(dialect, members)
    {
        return Answer::Success(success);
    }
    indeterminate(reason, response, heads)
}

/// Decodes the response to a request whose success has no members. The body of a success may be unreadable,
/// but it may also name a fault.
pub(crate) fn bare_answer<B: AsRef<[u8]>>(dialect: Dialect, response: &Response<B>) -> Answer<()> {
    let heads = ResponseHeaders::of(response.headers());
    if !response.status().is_success() {
        return refusal(dialect, response, &heads);
    }
    let mut faults = FaultMembers::default();
    if read(dialect, response, &mut faults).is_err() {
        return Answer::Success(());
    }
    named(dialect, response, &heads, &faults).map_or(Answer::Success(()), Answer::Fault)
}

/// Decodes the response of a portal operation, whose successes have types of their own.
pub(crate) fn portal_answer<T, B: AsRef<[u8]>>(
    response: &Response<B>,
    read: impl FnOnce(&[u8]) -> serde_json::Result<Result<T, crate::InvalidResponse>>,
) -> Answer<T> {
    let heads = ResponseHeaders::of(response.headers());
    if !response.status().is_success() {
        return refusal(Dialect::Aws, response, &heads);
    }
    let body = response.body().as_ref();
    match read(body) {
        Ok(Ok(success)) => Answer::Success(success),
        Ok(Err(mut invalid)) => {
            invalid.request_id = heads.request_id();
            Answer::InvalidResponse(invalid)
        }
        Err(_) if is_encoded(response.headers()) => {
            indeterminate(IndeterminateReason::Encoded, response, &heads)
        }
        Err(error) => indeterminate(unreadable(body, &error), response, &heads),
    }
}

/// Decodes a response without a success status.
fn refusal<T, B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
) -> Answer<T> {
    // A redirect is never a verdict, even with an OAuth body: it may come from another party.
    if response.status().is_redirection() {
        return indeterminate(IndeterminateReason::Redirect, response, heads);
    }
    // No other members count, and these are cheaper to construct.
    let mut faults = FaultMembers::default();
    let reason = match read(dialect, response, &mut faults) {
        Ok(()) => IndeterminateReason::UnnamedError,
        Err(reason) => {
            // The header counts even if the body is unreadable.
            faults = FaultMembers::default();
            reason
        }
    };
    match named(dialect, response, heads, &faults) {
        Some(fault) => Answer::Fault(fault),
        None => indeterminate(reason, response, heads),
    }
}

#[cold]
fn indeterminate<T, B: AsRef<[u8]>>(
    reason: IndeterminateReason,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
) -> Answer<T> {
    let body = response.body().as_ref();
    let is_redirect = reason == IndeterminateReason::Redirect;
    // An unreadable success may hold a token, so none of it is quoted.
    let said = match reason {
        _ if response.status().is_success() => None,
        IndeterminateReason::Html => words::of_page(body),
        IndeterminateReason::UnnamedError => ErrorBody::read(body).and_then(|body| body.words()),
        IndeterminateReason::NotJson => words::of_text(body),
        IndeterminateReason::Redirect
        | IndeterminateReason::EmptyBody
        | IndeterminateReason::Encoded
        | IndeterminateReason::CutBody
        | IndeterminateReason::NotAnObject => None,
    };
    Answer::Indeterminate(Indeterminate {
        reason,
        status: response.status().as_u16(),
        retry_after: heads.retry_after(),
        request_id: heads.request_id(),
        said,
        location: is_redirect.then(|| location(response.headers())).flatten(),
    })
}

fn read<'a, B: AsRef<[u8]>, M: Members<'a>>(
    dialect: Dialect,
    response: &'a Response<B>,
    members: &mut M,
) -> Result<(), IndeterminateReason> {
    let body = response.body().as_ref();
    match members.read_json(dialect, body) {
        Ok(()) => Ok(()),
        Err(_) if dialect == Dialect::OAuth && is_form(response.headers()) && !is_blank(body) => {
            *members = M::from_form(body);
            Ok(())
        }
        Err(_) if is_encoded(response.headers()) => Err(IndeterminateReason::Encoded),
        Err(error) => Err(unreadable(body, &error)),
    }
}

/// Returns the reason why a body could not be read.
pub(crate) fn unreadable(body: &[u8], error: &serde_json::Error) -> IndeterminateReason {
    let body = without_mark(body);
    if is_blank(body) {
        IndeterminateReason::EmptyBody
    } else if starts_with(body, b'<') {
        IndeterminateReason::Html
    } else if error.is_eof() {
        IndeterminateReason::CutBody
    } else if error.is_data() && !starts_with(body, b'{') {
        IndeterminateReason::NotAnObject
    } else {
        IndeterminateReason::NotJson
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

/// Returns the fault that a response names in the header, in `__type` or `code`, or in `error`. The first
/// known name wins. Otherwise the first name keeps its text; in the OAuth dialect `error` precedes `code`,
/// which is the provider's own.
///
/// With a success status only the header and `error` count, because `code` may be any member.
fn named<B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
    members: &FaultMembers<'_>,
) -> Option<Fault> {
    let status = response.status();
    let header = heads.error_type();
    if status.is_success() && header.is_none() && members.error.non_empty().is_none() {
        return None;
    }
    // The header alone decides most of AWS's responses.
    let known = header
        .and_then(FaultCode::from_exception_bytes)
        .or_else(|| known_in_body(status.is_success(), members));
    if let Some(code) = known {
        let said = members.error_description.non_empty().or_else(|| members.message.non_empty());
        let description = match (said, &code) {
            (Some(text), _) => Some(words::cut(text)),
            (None, FaultCode::AuthorizationPending | FaultCode::SlowDown) => None,
            (None, _) => words(response, &code),
        };
        return Some(fault(code, description, response, heads, members));
    }
    unusual(dialect, response, heads, members)
}

/// Returns the fault that a response names in a non-standard way.
#[cold]
fn unusual<B: AsRef<[u8]>>(
    dialect: Dialect,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
    members: &FaultMembers<'_>,
) -> Option<Fault> {
    let success = response.status().is_success();
    let flat = [&members.type_name, &members.error, &members.code, &members.message];
    let code = flat
        .into_iter()
        .find_map(|text| FaultCode::from_spelling(text.non_empty()?))
        .or_else(|| ErrorBody::read(response.body().as_ref())?.code())
        .filter(|code| *code != FaultCode::AccessDenied || !is_a_gateways(response))
        .or_else(|| unknown_in_body(dialect, success, heads.error_type(), members))?;
    let description = members
        .error_description
        .non_empty()
        .or_else(|| members.message.non_empty())
        .filter(|text| FaultCode::from_spelling(text).is_none())
        .map(words::cut)
        .or_else(|| words(response, &code));
    Some(fault(code, description, response, heads, members))
}

/// Returns whether an `access_denied` may be a gateway's and not the person's. Gateways send `AccessDenied`
/// with a 403.
fn is_a_gateways<B: AsRef<[u8]>>(response: &Response<B>) -> bool {
    let standard = b"access_denied";
    let body = response.body().as_ref();
    response.status() == http::StatusCode::FORBIDDEN
        && !body.windows(standard.len()).any(|window| window.eq_ignore_ascii_case(standard))
}

/// Returns the fault in a success that lacks a required member.
#[cold]
fn hidden<B: AsRef<[u8]>>(
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
    interval: Number,
) -> Option<Fault> {
    let code = ErrorBody::read(response.body().as_ref())?.code()?;
    let description = words(response, &code);
    let members = FaultMembers { interval, ..FaultMembers::default() };
    Some(fault(code, description, response, heads, &members))
}

/// Returns the text in the body of a refusal, beside the code.
#[cold]
fn words<B: AsRef<[u8]>>(response: &Response<B>, code: &FaultCode) -> Option<String> {
    let words = ErrorBody::read(response.body().as_ref())?.words()?;
    (words != code.error()).then_some(words)
}

#[inline(always)]
fn fault<B>(
    code: FaultCode,
    description: Option<String>,
    response: &Response<B>,
    heads: &ResponseHeaders<'_>,
    members: &FaultMembers<'_>,
) -> Fault {
    Fault {
        code,
        description,
        uri: members.error_uri.non_empty().map(words::cut),
        reason: members.reason.non_empty().map(words::cut),
        endpoint: members.endpoint.non_empty().map(words::cut),
        region: members
            .region
            .non_empty()
            .map(printable)
            .filter(|text| !text.is_empty())
            .map(|text| words::cut(&text)),
        status: response.status().as_u16(),
        request_id: heads.request_id(),
        retry_after: heads.retry_after(),
        interval: members.interval.optional_wait(),
    }
}

/// `__type` and `code`, which count only without a success status.
fn shapes<'m>(success: bool, members: &'m FaultMembers<'_>) -> [Option<&'m str>; 2] {
    if success { [None, None] } else { [members.type_name.non_empty(), members.code.non_empty()] }
}

/// Returns the known fault that the standard members name.
#[inline]
fn known_in_body(success: bool, members: &FaultMembers<'_>) -> Option<FaultCode> {
    let [type_name, code] = shapes(success, members);
    type_name
        .and_then(FaultCode::from_exception)
        .or_else(|| code.and_then(FaultCode::from_exception))
        .or_else(|| members.error.non_empty().and_then(FaultCode::from_error))
        .or_else(|| code.and_then(FaultCode::from_error))
}

/// Returns the unknown fault's name. Only a shape name has a namespace and a suffix to cut off; an `error`
/// code may be a URN.
fn unknown_in_body(
    dialect: Dialect,
    success: bool,
    header: Option<&[u8]>,
    members: &FaultMembers<'_>,
) -> Option<FaultCode> {
    let [type_name, code] = shapes(success, members);
    let mut shapes = [header.and_then(|name| core::str::from_utf8(name).ok()), type_name, code]
        .into_iter()
        .flatten()
        .map(FaultCode::other)
        .filter(has_text);
    let error = members.error.non_empty().map(|text| FaultCode::Other(printable(text).into_owned()));
    let error = error.filter(has_text);
    match dialect {
        Dialect::Aws => shapes.next().or(error),
        Dialect::OAuth => error.or_else(|| shapes.next()),
    }
}

/// Returns whether the name has any printable text.
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
            let Answer::Indeterminate(none) = oauth(status, "application/x-www-form-urlencoded", body) else {
                panic!("{status} {body:?} is a verdict")
            };
            assert_eq!(none.reason, IndeterminateReason::EmptyBody, "{status} {body:?}");
        }
    }

    #[test]
    fn each_text_of_a_fault_is_cut_to_the_length_of_a_message() {
        let long = "t".repeat(9_000);
        let body = format!(
            r#"{{"error":"{long}","error_description":"{long}","error_uri":"{long}","reason":"{long}","region":"{long}","endpoint":"{long}"}}"#
        );
        for error in ["", "InvalidGrantException"] {
            let response = Response::builder().status(400).header("x-amzn-requestid", &long);
            let response = match error {
                "" => response,
                error => response.header("x-amzn-errortype", error),
            };
            let response = response.body(body.as_str()).unwrap();
            let Answer::Fault(fault) = answer::<CreateTokenRequest, _>(Dialect::Aws, &response) else {
                panic!("no fault")
            };
            let cut = Some(format!("{}…", "t".repeat(600)));
            let Fault { description, uri, reason, region, endpoint, request_id, .. } = fault;
            for text in [description, uri, reason, region, endpoint, request_id] {
                assert_eq!(text, cut);
            }
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
