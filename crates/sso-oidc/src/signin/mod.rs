//! The parts that `login` and `demo` share: prompt, browser, status line, and the message for each outcome.

mod browser;
mod end;
mod events;
mod hint;
mod prompt;
mod qr;
mod screen;
mod status;

pub(crate) use browser::{BrowserChoice, Opening};
pub(crate) use end::failure_of;
pub(crate) use events::Events;
pub(crate) use hint::Whom;
pub(crate) use hint::{of_answer, of_error};
pub(crate) use prompt::{Presenter, PromptArgs};
pub(crate) use screen::Screen;
pub(crate) use status::StatusLine;
