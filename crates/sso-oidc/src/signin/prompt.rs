//! The prompt: QR code, URLs and, last, the code, so that it stays visible.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use clap::{Args, ValueEnum};
use device_flow::{BrowserPrompt, Callback, Flow, Observer, Status, Stop, UserPrompt};
use device_flow_ureq::Paste;
use oidc_proto::{Endpoint, Operation, printable};

use super::status::StatusLine;
use super::{BrowserChoice, Opening, Screen, qr};
use crate::environment::Environment;

/// The flags of the prompt.
#[derive(Args, Debug, Clone)]
pub(crate) struct PromptArgs {
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_browser: bool,

    /// Show a QR code of the URL; auto means on a terminal that has room for it
    #[arg(
        long,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) qr: QrChoice,

    /// Copy the code, or the address of the page, to the terminal's clipboard (OSC 52)
    #[arg(long)]
    pub(crate) copy: bool,
}

/// The wait for a browser before a reminder. Most people need longer, and none needs it sooner.
const PATIENCE: Duration = Duration::from_secs(30);

/// What helps if the page refuses the client or its redirect URI. It must not redirect then (RFC 6749 §4.1.2.1), so
/// this program would wait in vain.
const REFUSED: &str = "If the page shows an error, nothing comes back here: press Ctrl-C, and sign in again. If it \
shows the error again, pass --force for a new client, or --flow device.";

/// When to show a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QrChoice {
    /// On a terminal that has room for it and can show it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Shows a sign-in on standard error.
pub(crate) struct Presenter {
    screen: Screen,
    qr: QrChoice,
    copies: bool,
    browser: BrowserChoice,
    /// The service's name for messages.
    whom: String,
    status: StatusLine,
    /// The way in for a pasted address.
    paste: Option<Paste>,
    /// Whether a reminder is on its way. A second prompt needs none.
    has_reminder: bool,
}

impl Presenter {
    /// Creates a presenter for sign-ins at this service.
    pub(crate) fn new(
        args: &PromptArgs,
        environment: &Environment,
        screen: Screen,
        whom: impl std::fmt::Display,
    ) -> Self {
        Self {
            screen,
            qr: args.qr,
            copies: args.copy && screen.is_live,
            browser: BrowserChoice::of(environment, args.no_browser),
            whom: whom.to_string(),
            status: StatusLine::new(screen),
            paste: None,
            has_reminder: false,
        }
    }

    /// Returns the same presenter, which takes a pasted address from a terminal.
    pub(crate) fn with_paste(mut self, paste: Paste) -> Self {
        self.paste = Some(paste);
        self
    }

    /// Returns the text for a device code. `note` is the reason why no browser was opened.
    fn device_text(&self, prompt: &UserPrompt, note: Option<&str>) -> String {
        let complete = prompt.complete_url();
        let mut words = Vec::new();
        if prompt.replaces_earlier {
            words.push("The earlier code is void. This is a new one.".to_owned());
        }
        if let Some(note) = note {
            words.push(format!("No browser was opened: {}.", printable(note)));
        }
        let plain = prompt.plain_url().filter(|url| Some(*url) != complete);
        let plain = plain.map(|url| format!("{url}  and enter the code."));
        match (complete, plain) {
            (Some(complete), Some(plain)) => {
                words.push(format!("Open   {complete}"));
                words.push(format!("  or   {plain}"));
            }
            (Some(complete), None) => words.push(format!("Open   {complete}")),
            (None, Some(plain)) => words.push(format!("Open   {plain}")),
            (None, None) => {
                words.push(format!(
                    "The address from {} is not a web page's, so do not open it as a link:",
                    printable(&self.whom)
                ));
                words.push(format!("       {}", prompt.address_as_text()));
            }
        }
        if prompt.browser_url().is_some_and(is_unencrypted) {
            words.push("Careful: the page is not encrypted, so others can read and change it.".to_owned());
        }
        words.push("Approve only if you started this yourself and the page shows this code:".to_owned());
        let (bold, off) = if self.screen.colored { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let code = format!("{bold}{}{off}", printable(&prompt.user_code));

        // Text, code and status line must stay visible below the QR code.
        let below = words.len() + 2;
        let picture = prompt.browser_url().map(|url| self.qr_lines(url, below)).unwrap_or_default();
        if picture.is_empty() {
            // There is room for empty lines.
            format!("\n{}\n\n       {code}\n\n", words.join("\n"))
        } else {
            format!("{}\n{}\nCode   {code}\n", picture.join("\n"), words.join("\n"))
        }
    }

    /// Returns the text for a browser on this machine.
    fn browser_text(&mut self, prompt: &BrowserPrompt, note: Option<&str>) -> String {
        let mut words = Vec::new();
        if prompt.replaces_earlier {
            words.push("The earlier address is void. This is a new one.".to_owned());
        }
        match (&self.browser, note) {
            (_, Some(note)) => {
                words.push(format!(
                    "No browser was opened: {}. Open this address on this machine:",
                    printable(note)
                ));
            }
            (BrowserChoice::None(_), None) => words.push("Open this address on this machine:".to_owned()),
            (_, None) => words.push(
                "Opening the sign-in page in your browser. If it does not appear, open this address:"
                    .to_owned(),
            ),
        }
        words.push(format!("\n{}\n", prompt.url));
        if is_unencrypted(&prompt.url) {
            words.push("Careful: the page is not encrypted, so others can read and change it.".to_owned());
        }
        let may_read = self.screen.has_reader && io::stdin().is_terminal() && is_in_foreground();
        if let Some(paste) = self.paste.take().filter(|_| may_read) {
            words.push(
                "If the browser is on another machine, paste the address that it ends at here.".to_owned(),
            );
            take_pasted(paste, prompt.redirect_uri.to_string());
        }
        format!("\n{}\n", words.join("\n"))
    }

    /// Returns the QR code of a URL, to show above this many lines of text.
    fn qr_lines(&self, url: &str, below: usize) -> Vec<String> {
        let (columns, rows) = match self.qr {
            QrChoice::Never => return Vec::new(),
            QrChoice::Always => (usize::MAX, usize::MAX),
            QrChoice::Auto if self.screen.is_live && self.screen.has_unicode => {
                (self.screen.size.0, self.screen.size.1.saturating_sub(below))
            }
            QrChoice::Auto => return Vec::new(),
        };
        qr::lines(&printable(url), self.screen.colored, columns, rows).unwrap_or_default()
    }
}

/// A prompt of either flow, on this screen.
pub(crate) trait Shown {
    /// What to say if the sign-in still waits after a while.
    const REMINDER: Option<&'static str>;

    /// Returns the address to open, if it is a web page's.
    fn url(&self) -> Option<&str>;

    /// Returns the text. `note` is the reason why no browser was opened.
    fn text(&self, presenter: &mut Presenter, note: Option<&str>) -> String;

    /// Returns what a person types or opens.
    fn to_copy(&self) -> &str;
}

impl Shown for UserPrompt {
    const REMINDER: Option<&'static str> = None;

    fn url(&self) -> Option<&str> {
        self.browser_url()
    }

    fn text(&self, presenter: &mut Presenter, note: Option<&str>) -> String {
        presenter.device_text(self, note)
    }

    fn to_copy(&self) -> &str {
        &self.user_code
    }
}

impl Shown for BrowserPrompt {
    const REMINDER: Option<&'static str> = Some(REFUSED);

    fn url(&self) -> Option<&str> {
        Some(&self.url)
    }

    fn text(&self, presenter: &mut Presenter, note: Option<&str>) -> String {
        presenter.browser_text(self, note)
    }

    fn to_copy(&self) -> &str {
        &self.url
    }
}

/// Returns the control sequence that copies a text to the clipboard, also over SSH (xterm's OSC 52).
fn clipboard(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(printable(text).as_bytes()))
}

/// Returns whether the page comes unencrypted from another machine.
fn is_unencrypted(url: &str) -> bool {
    let is_http = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    is_http
        && !Endpoint::custom(url.split(['?', '#']).next().unwrap_or_default())
            .is_ok_and(|page| page.is_loopback())
}

impl<F: Flow<Prompt: Shown>> Observer<F> for Presenter {
    fn sending(&mut self, operation: Operation) {
        // Before the code, this is the only message. Polls have the status line of `waiting`.
        if operation != Operation::CreateToken {
            self.status.contacting(&self.whom);
        }
    }

    fn prompt(&mut self, prompt: &F::Prompt) -> Result<(), Stop> {
        self.status.clear();
        let (opening, note) = match self.browser.open(prompt.url()) {
            Ok(opening) => (opening, None),
            Err(reason) => (Opening::NotWanted, Some(reason)),
        };
        let mut text = prompt.text(self, note.as_deref());
        if self.copies {
            text.push_str(&clipboard(prompt.to_copy()));
        }
        let _ = io::stderr().lock().write_all(text.as_bytes());
        let aside = self.status.aside();
        if let Some(words) = F::Prompt::REMINDER.filter(|_| !std::mem::replace(&mut self.has_reminder, true))
        {
            self.status.aside().say_after(PATIENCE, words);
        }
        opening.watch(move |reason| {
            aside.say(format_args!("Could not open a browser: {reason}; open the address yourself."));
        });
        Ok(())
    }

    fn waiting(&mut self, status: &Status<'_, F>) {
        self.status.waiting(status, &self.whom);
    }
}

/// Returns whether this process is in the foreground of its terminal. Otherwise a read would stop all of it.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[cfg(not(unix))]
const fn is_in_foreground() -> bool {
    true
}

/// The longest line that a terminal passes on, without its end. macOS takes 1,024 bytes, Linux 4,096.
const LONGEST_LINE: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 4095 } else { 1023 };

/// What to say about a line of that length. Its end is missing, so the flow must not see it.
const CUT: &str =
    "The terminal has cut that address, which is longer than its lines. Use --flow device instead.";

/// Returns what to say about a pasted address, if it is not the end of the sign-in.
fn objection(callback: Callback, redirect_uri: &str) -> Option<String> {
    match callback {
        Callback::Accepted | Callback::Late => None,
        Callback::NotFound => Some(format!(
            "That is not the address that the browser ends at; it begins with {}",
            printable(redirect_uri)
        )),
        _ => Some("That address belongs to another sign-in.".to_owned()),
    }
}

/// Returns a pasted text without the quotes around it, and without the marks of a bracketed paste.
fn unquoted(line: &str) -> &str {
    let line = line.trim().trim_start_matches("\u{1b}[200~").trim_end_matches("\u{1b}[201~");
    line.trim().trim_matches(['"', '\'', '<', '>'])
}

/// Takes pasted addresses from the terminal, until one is accepted. The thread ends with the program.
fn take_pasted(paste: Paste, redirect_uri: String) {
    let reading = move || {
        // Text that was typed ahead for the shell is no address.
        let is_address = |line: &String| line.contains("code=") || line.contains("error=");
        for line in io::stdin().lines().map_while(Result::ok).filter(is_address) {
            let answer = if line.len() >= LONGEST_LINE {
                CUT.to_owned()
            } else {
                match objection(paste.address(unquoted(&line)), &redirect_uri) {
                    Some(answer) => answer,
                    None => return,
                }
            };
            let _ = writeln!(io::stderr().lock(), "\r\x1b[K{answer}");
            if !is_in_foreground() {
                return;
            }
        }
    };
    drop(std::thread::Builder::new().name("paste".to_owned()).spawn(reading));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presenter(screen: Screen, qr: QrChoice) -> Presenter {
        let args = PromptArgs { no_browser: true, qr, copy: false };
        let mut presenter =
            Presenter::new(&args, &Environment::from([]), Screen { is_live: false, ..screen }, "");
        presenter.screen = screen;
        presenter
    }

    #[test]
    fn what_is_wrong_with_a_pasted_address_is_told_with_the_right_one() {
        let said = |callback| objection(callback, "http://localhost:8400/cb");
        assert!(said(Callback::NotFound).unwrap().ends_with("begins with http://localhost:8400/cb"));
        assert!(said(Callback::Unrelated).unwrap().contains("another sign-in"));
        for callback in [Callback::Accepted, Callback::Late] {
            assert_eq!(said(callback), None);
        }
    }

    #[test]
    fn the_code_is_copied_with_oscs_52_and_without_control_characters() {
        assert_eq!(clipboard("PMPJ-\u{7}VZCJ"), "\x1b]52;c;UE1QSi1WWkNK\x07");
    }

    #[test]
    fn a_pasted_address_may_be_quoted() {
        let address = "http://127.0.0.1:8400/cb?code=c&state=s";
        for pasted in [
            address.to_owned(),
            format!(" \"{address}\" "),
            format!("'{address}'"),
            format!("<{address}>"),
            format!("\u{1b}[200~{address}\u{1b}[201~"),
        ] {
            assert_eq!(unquoted(&pasted), address, "{pasted:?}");
        }
    }

    fn prompt() -> UserPrompt {
        let uri = "https://device.sso.eu-west-1.amazonaws.com/";
        UserPrompt::new("PMPJ-\u{1b}[5mVZCJ", uri, Duration::from_secs(600))
            .with_complete_uri(format!("{uri}?user_code=PMPJ-VZCJ"))
    }

    const LIVE: Screen =
        Screen { has_reader: true, is_live: true, has_unicode: true, size: (80, 24), colored: false };

    #[test]
    fn the_prompt_with_its_qr_code_and_status_fits_80_by_24_with_the_code_last() {
        let text = presenter(LIVE, QrChoice::Auto).device_text(&prompt(), None);
        assert!(text.contains('█'), "{text}");
        // The status line is one more.
        assert!(text.lines().count() < 24, "{} lines", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.lines().last().unwrap(), "Code   PMPJ-[5mVZCJ");
    }

    #[test]
    fn an_address_that_is_no_web_pages_is_neither_a_link_nor_a_picture_and_a_page_in_the_clear_is_warned_of()
    {
        let shown = |address: &str| {
            let mut prompt = prompt();
            prompt.verification_uri_complete = None;
            prompt.verification_uri = address.to_owned();
            presenter(LIVE, QrChoice::Always).device_text(&prompt, None)
        };
        for address in ["javascript:alert(1)", "https://login.example@evil.example/x", "file:///etc/passwd"] {
            let text = shown(address);
            assert!(!text.contains('█') && !text.contains(address), "{text}");
            assert!(text.contains("not a web page's"), "{text}");
        }
        assert!(shown("http://id.example/device").contains("not encrypted"));
        assert!(!shown("http://127.0.0.1:8080/device").contains("not encrypted"));
        assert!(!shown("https://id.example/device").contains("not encrypted"));
    }

    #[test]
    fn a_small_or_plain_screen_gets_the_addresses_and_the_code_alone() {
        for screen in [
            Screen { size: (80, 20), ..LIVE },
            Screen { size: (30, 60), ..LIVE },
            Screen { has_unicode: false, ..LIVE },
            Screen { is_live: false, ..LIVE },
        ] {
            let text =
                presenter(screen, QrChoice::Auto).device_text(&prompt(), Some("this is a remote shell"));
            assert!(!text.contains('█'));
            assert!(text.contains("https://device.sso.eu-west-1.amazonaws.com/  and"));
            assert!(text.contains("?user_code=PMPJ-VZCJ") && text.contains("remote shell"));
            assert_eq!(text.trim_end().lines().last().unwrap().trim(), "PMPJ-[5mVZCJ");
        }
        let always = presenter(Screen { is_live: false, ..LIVE }, QrChoice::Always);
        assert!(always.device_text(&prompt(), None).contains('█'));
    }

    #[test]
    fn the_prompt_prints_no_escape_sequence_of_the_servers() {
        let text = presenter(LIVE, QrChoice::Never).device_text(&prompt(), Some("this is a remote shell"));
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
