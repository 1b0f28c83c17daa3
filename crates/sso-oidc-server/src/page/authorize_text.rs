//! The texts of the page for an authorization request.

use device_authority::{AuthorizationError, AuthorizationReview};
use oidc_proto::{Secret, is_loopback_host};

use super::html::{Text, document};
use super::text::scope_items;
use super::who;
use crate::People;
use crate::forms::FormId;
use crate::reply::ErrorName;

/// Returns the page for the decision.
pub(super) fn confirm(
    review: &AuthorizationReview,
    query: &str,
    form: &FormId,
    token: &Secret,
    people: &People,
) -> String {
    let destination = &review.destination;
    let host = match destination.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => destination,
    };
    let place = if is_loopback_host(host) { "a program on this computer" } else { "another computer" };
    document(
        "Sign in to this program?",
        "",
        &format!(
            "<h1>Sign in to this program?</h1>\n\
             <dl>\n\
             <dt>Asked by</dt><dd><strong>{name}</strong> <span class=\"hint\">a name that it gave itself</span></dd>\n\
             <dt>Wants to</dt><dd><ul>{scopes}</ul></dd>\n\
             <dt>Answer goes to</dt><dd class=\"url\" id=\"destination\">{destination} \
              <span class=\"hint\">{place}</span></dd>\n\
             </dl>\n\
             <p class=\"warning\" role=\"note\"><strong>Only continue if you started this yourself.</strong> \
             If another person sent you this link, deny it: approving would sign <em>them</em> in as you.</p>\n\
             <form method=\"post\" action=\"/authorize?{query}\">\n\
             <input type=\"hidden\" name=\"csrf\" value=\"{form}.{csrf}\">\n\
             {who}\
             <div class=\"actions\">\n\
             <button class=\"primary\" name=\"action\" value=\"approve\" aria-describedby=\"destination\">Approve</button>\n\
             <button class=\"secondary\" name=\"action\" value=\"deny\" aria-describedby=\"destination\">Deny</button>\n\
             </div>\n\
             </form>\n",
            name = Text(&review.client_name),
            scopes = scope_items(&review.scopes),
            destination = Text(destination),
            query = Text(query),
            csrf = Text(token.expose()),
            form = form.as_str(),
            who = who::question(people),
        ),
    )
}

/// Returns the page that offers to bring an error to the client.
pub(super) fn stopped(url: &str, error: Option<&ErrorName>) -> String {
    let (url, error) = (Text(url), Text(error.map_or("", ErrorName::as_str)));
    document(
        "Not signed in",
        "",
        &format!(
            "<h1 class=\"no\">Not signed in</h1>\n\
             <p role=\"status\">The request cannot be granted ({error}).</p>\n\
             <p class=\"hint\"><a href=\"{url}\">Go back to the program that asked</a></p>\n"
        ),
    )
}

/// Returns the page that brings the answer to the client.
pub(super) fn sent(url: &str, error: Option<&ErrorName>) -> String {
    let (title, mark, words) = match error.map(ErrorName::as_str) {
        None => ("Approved", "ok", "Your program is being signed in."),
        Some("access_denied") => ("Denied", "no", "Your program was turned away and gets no access."),
        Some(_) => ("Not signed in", "no", "Your program's request cannot be granted. It gets the reason."),
    };
    let url = Text(url);
    document(
        title,
        &format!("<meta http-equiv=\"refresh\" content=\"0;url={url}\">\n"),
        &format!(
            "<h1 class=\"{mark}\">{title}</h1>\n\
             <p role=\"status\">{words} This page goes on to it by itself.</p>\n\
             <p class=\"hint\"><a href=\"{url}\">Go on, if nothing happens</a></p>\n"
        ),
    )
}

/// Returns the error page of a request whose answer may go nowhere.
pub(super) fn refused(error: &AuthorizationError) -> String {
    const ADVICE: &str = "<p>AWS's tools keep the registration of another or an earlier server for 90 days, in \
                          <code>~/.aws/sso/cache</code>. Remove it there, or start this server with \
                          <code>--registration-key</code> or <code>--accept-unknown-clients</code>.</p>\n";
    let (problem, advice) = match error {
        AuthorizationError::UnknownClient => {
            ("The program is not registered here, or its registration has expired.", ADVICE)
        }
        AuthorizationError::UnknownRedirectUri => {
            ("The program wants the answer at an address that it has not registered.", "")
        }
        _ => {
            ("The program's request lacks its client id or the address for the answer, or has one twice.", "")
        }
    };
    nothing(
        &format!("{problem} So it gets no answer."),
        &format!("{advice}<p>You can close this page and stop the program.</p>\n"),
    )
}

/// Returns the error page for a decision from outside our page.
pub(super) fn forged(query: &str) -> String {
    nothing(
        "This decision did not come from this site's own page, or the page's cookie is missing. The program was \
         neither approved nor denied.",
        &way_on(query),
    )
}

/// Returns the error page for a form that has decided.
pub(super) fn decided(query: &str) -> String {
    nothing("This page has decided before, and its answer is on its way or was used.", &way_on(query))
}

/// Returns the error page for a form whose decision is not kept any more.
pub(super) fn outdated(query: &str) -> String {
    nothing("This page is too old to decide.", &way_on(query))
}

/// Returns the error page for a form without a decision.
pub(super) fn undecided(why: &str, query: &str) -> String {
    nothing(why, &way_on(query))
}

/// Returns the error page for a decision that is no form.
pub(super) fn not_a_form() -> String {
    nothing(
        "A decision is a form: application/x-www-form-urlencoded. The program was neither approved nor denied.",
        "",
    )
}

/// Returns the error page for missing entropy.
pub(super) fn broken() -> String {
    nothing("The server cannot make a safe form now.", "")
}

fn nothing(problem: &str, way_on: &str) -> String {
    document(
        "Nothing was decided",
        "",
        &format!(
            "<h1>Nothing was decided</h1>\n\
             <p class=\"alert\" role=\"alert\">{problem}</p>\n\
             {way_on}"
        ),
    )
}

fn way_on(query: &str) -> String {
    format!("<p><a href=\"/authorize?{}\">Look at the request again</a></p>\n", Text(query))
}
