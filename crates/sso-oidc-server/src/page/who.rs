//! The question who approves, and the answer in a form.

use core::fmt::Write as _;

use device_authority::UserDecision;

use super::form;
use super::html::Text;
use crate::People;

/// Returns the part of a form that asks who approves. One person is not asked, and in a hidden field.
pub(super) fn question(people: &People) -> String {
    if !people.are_several() {
        let subject = people.first().subject();
        return format!("<input type=\"hidden\" name=\"subject\" value=\"{}\">\n", Text(subject.as_str()));
    }
    let mut options = String::new();
    for person in people.iter() {
        let subject = person.subject();
        // A string takes all that is written to it.
        let _ = writeln!(
            options,
            "<option value=\"{}\">{}</option>",
            Text(subject.as_str()),
            Text(&person.label())
        );
    }
    format!(
        "<label for=\"subject\">You approve as</label>\n\
         <select id=\"subject\" name=\"subject\">\n\
         {options}\
         </select>\n"
    )
}

/// Returns the decision of a form, or what is wrong with the form. The first person approves if the form names none.
pub(super) fn decision(people: &People, body: &[u8]) -> Result<UserDecision, &'static str> {
    match form::field(body, "action").as_deref() {
        Some("approve") => match form::field(body, "subject") {
            None => Ok(people.approval()),
            Some(subject) => people
                .named(&subject)
                .map(|person| UserDecision::Approve(person.subject()))
                .ok_or("The form named a person that this server does not know."),
        },
        Some("deny") => Ok(UserDecision::Deny),
        _ => Err("The form said neither approve nor deny."),
    }
}
