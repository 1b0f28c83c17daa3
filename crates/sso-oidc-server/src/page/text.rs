//! The texts of the page.

use core::time::Duration;

use device_authority::{PersonError, Review, UserCode, UserDecision};
use oidc_proto::Secret;

use super::html::{Text, document};
use super::who;
use crate::People;

/// Returns the form for a code, with the error of the previous one.
pub(super) fn enter(error: Option<&PersonError>, typed: &str) -> String {
    let (alert, described) = match error {
        Some(error) => (
            format!("<p class=\"alert\" role=\"alert\" id=\"problem\">{}</p>\n", problem(error)),
            " aria-describedby=\"problem hint\" aria-invalid=\"true\"",
        ),
        None => (String::new(), " aria-describedby=\"hint\""),
    };
    // A longer text cannot be a code, so the form does not repeat it.
    let typed: String = typed.chars().take(32).collect();
    let title = if error.is_some() { "That code does not work" } else { "Sign in a device" };
    document(
        title,
        "",
        &format!(
            "<h1>{title}</h1>\n\
             {alert}\
             <form method=\"get\" action=\"/device\">\n\
             <label for=\"user_code\">Code shown on your device or terminal</label>\n\
             <input id=\"user_code\" name=\"user_code\" class=\"code\" value=\"{}\" required maxlength=\"32\" \
              placeholder=\"XXXX-XXXX\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" \
              autofocus{described}>\n\
             <p class=\"hint\" id=\"hint\">Eight letters. Capitals and dashes do not matter.</p>\n\
             <div class=\"actions\"><button class=\"primary\">Continue</button></div>\n\
             </form>\n",
            Text(&typed)
        ),
    )
}

/// Returns the error of a code, with advice.
fn problem(error: &PersonError) -> String {
    match error {
        PersonError::NotACode => {
            "This is no code. A code has eight letters, without digits, and without A, E, I, O, U and Y."
                .to_owned()
        }
        PersonError::Expired => {
            "This code has expired. Start again on your device to get a new one.".to_owned()
        }
        PersonError::Decided => {
            "This code has been used already. If that was not you, start again on your device.".to_owned()
        }
        PersonError::TooManyGuesses(limit) => format!(
            "Too many wrong codes. None of your codes is looked at for the next {}; then try once more.",
            span(limit.wait.max(Duration::from_secs(1)))
        ),
        _ => "No device is waiting with this code. Compare it letter by letter with the one on your device."
            .to_owned(),
    }
}

/// Returns the confirmation page (RFC 8628 §3.3.1 and §5.4).
pub(super) fn confirm(review: &Review, token: &Secret, people: &People) -> String {
    let code = review.user_code;
    let scopes = match (review.scopes.is_empty(), &review.start_url) {
        (true, Some(_)) => "<li>Sign in, and use your AWS accounts and roles</li>".to_owned(),
        _ => scope_items(&review.scopes),
    };
    let place = review
        .start_url
        .as_ref()
        .map_or_else(String::new, |url| format!("<dt>Sign in at</dt><dd class=\"url\">{}</dd>\n", Text(url)));
    document(
        "Approve this device?",
        "",
        &format!(
            "<h1>Approve this device?</h1>\n\
             <p>Check that your device or terminal shows exactly this code:</p>\n\
             <p class=\"code\" id=\"code\">{code}</p>\n\
             <dl>\n\
             <dt>Asked by</dt><dd><strong>{name}</strong> <span class=\"hint\">a name that it gave itself</span></dd>\n\
             <dt>Wants to</dt><dd><ul>{scopes}</ul></dd>\n\
             {place}\
             <dt>Asked</dt><dd>{asked}</dd>\n\
             <dt>Time left</dt><dd>{left}</dd>\n\
             </dl>\n\
             <p class=\"warning\" role=\"note\"><strong>Only continue if you started this yourself.</strong> \
             If another person sent you this code or link, deny it: approving would sign <em>them</em> in as you.</p>\n\
             <form method=\"post\" action=\"/device\">\n\
             <input type=\"hidden\" name=\"user_code\" value=\"{code}\">\n\
             <input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\n\
             {who}\
             <div class=\"actions\">\n\
             <button class=\"primary\" name=\"action\" value=\"approve\" aria-describedby=\"code\">Approve</button>\n\
             <button class=\"secondary\" name=\"action\" value=\"deny\" aria-describedby=\"code\">Deny</button>\n\
             </div>\n\
             </form>\n\
             <p class=\"hint\"><a href=\"/device\">This is not my code</a></p>\n",
            name = Text(&review.client_name),
            asked = ago(review.asked),
            left = span(review.left),
            csrf = Text(token.expose()),
            who = who::question(people),
        ),
    )
}

/// Returns the items of a list of scopes. A client without scopes asks for a bare sign-in.
pub(super) fn scope_items(scopes: &[String]) -> String {
    match scopes {
        [] => "<li>Sign in</li>".to_owned(),
        scopes => scopes.iter().map(|scope| scope_item(scope)).collect(),
    }
}

/// Returns a scope as written, with a description if there is one.
fn scope_item(scope: &str) -> String {
    let words = match scope {
        "sso:account:access" => "Use your AWS accounts and roles ",
        _ => "",
    };
    format!("<li>{words}<code>{}</code></li>", Text(scope))
}

/// Returns the page after the decision.
pub(super) fn done(decision: UserDecision, people: &People) -> String {
    let (title, mark, words) = match decision {
        UserDecision::Approve(subject) => {
            // A person who was not asked need not be told.
            let person = people.get(&subject).filter(|_| people.are_several());
            let who = person.map(|person| format!(" as {}", Text(&person.label()))).unwrap_or_default();
            ("Approved", "ok", format!("Your device is being signed in{who}."))
        }
        _ => ("Denied", "no", "The device was turned away and gets no access.".to_owned()),
    };
    document(
        title,
        "",
        &format!(
            "<h1 class=\"{mark}\">{title}</h1>\n\
             <p role=\"status\">{words} You can close this page and return to your device.</p>\n"
        ),
    )
}

/// Returns the error page for a decision from outside our page.
pub(super) fn forged(typed: &str) -> String {
    document(
        "Nothing was decided",
        "",
        &format!(
            "<h1>Nothing was decided</h1>\n\
             <p class=\"alert\" role=\"alert\">This decision did not come from this site's own page, or the page's \
             cookie is missing. The device was neither approved nor denied.</p>\n\
             {}",
            way_on(typed)
        ),
    )
}

/// Returns the error page for a form without a decision.
pub(super) fn undecided(why: &str, typed: &str) -> String {
    document(
        "Nothing was decided",
        "",
        &format!(
            "<h1>Nothing was decided</h1>\n\
             <p class=\"alert\" role=\"alert\">{why}</p>\n\
             {}",
            way_on(typed)
        ),
    )
}

/// Returns the error page for a decision that is no form.
pub(super) fn not_a_form() -> String {
    document(
        "Nothing was decided",
        "",
        "<h1>Nothing was decided</h1>\n\
         <p class=\"alert\" role=\"alert\">A decision is a form: application/x-www-form-urlencoded. The device was \
         neither approved nor denied.</p>\n\
         <p><a href=\"/device\">Enter a code</a></p>\n",
    )
}

/// Returns the error page for a store that does not answer.
pub(super) fn unavailable() -> String {
    document(
        "Not at the moment",
        "",
        "<h1>Not at the moment</h1>\n\
         <p class=\"alert\" role=\"alert\">The server cannot reach its store now. Nothing was decided.</p>\n\
         <p><a href=\"/device\">Try again</a></p>\n",
    )
}

/// Returns the error page for missing entropy.
pub(super) fn broken() -> String {
    document(
        "Not at the moment",
        "",
        "<h1>Not at the moment</h1>\n\
         <p class=\"alert\" role=\"alert\">The server cannot make a safe form now. Nothing was decided.</p>\n\
         <p><a href=\"/device\">Try again</a></p>\n",
    )
}

/// Returns the replacement of a portal's start page.
pub(super) fn start(region: &str) -> String {
    document(
        "Start page",
        &format!("<meta name=\"region\" content=\"{}\"/>\n", Text(region)),
        "<h1>Start page</h1>\n\
         <p>This address stands in for an AWS access portal. Start a sign-in on your device, then enter its code.</p>\n\
         <p><a href=\"/device\">Enter a code</a></p>\n",
    )
}

/// Returns the text for clients that follow no redirect.
pub(super) fn moved() -> String {
    document("Sign in a device", "", "<p><a href=\"/device\">Enter a code</a></p>\n")
}

/// Returns a link to the confirmation if the text could be a code, or else to the form.
fn way_on(typed: &str) -> String {
    match UserCode::typed(typed) {
        Some(code) => format!("<p><a href=\"/device?user_code={code}\">Look at the request again</a></p>\n"),
        None => "<p><a href=\"/device\">Enter a code</a></p>\n".to_owned(),
    }
}

/// Returns the age of an event, in words.
fn ago(time: Duration) -> String {
    if time < Duration::from_secs(2) { "just now".to_owned() } else { format!("{} ago", span(time)) }
}

/// Returns a duration in words.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let count = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match seconds {
        0..=59 => count(seconds, "second"),
        60..=599 if !seconds.is_multiple_of(60) => {
            format!("{} {}", count(seconds / 60, "minute"), count(seconds % 60, "second"))
        }
        60..=7199 => count(seconds / 60, "minute"),
        _ => count(seconds / 3600, "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_words() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (119, "1 minute 59 seconds"),
            (600, "10 minutes"),
            (7200, "2 hours"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }
}
