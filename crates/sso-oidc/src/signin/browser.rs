//! Opening the page in the person's browser, if there is one on this machine.

use std::process::{Command, Stdio};

use crate::environment::Environment;

/// Whether and how to open a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BrowserChoice {
    /// Do not; say why, if the person did not ask for that.
    None(Option<&'static str>),
    /// The person's own command, from `BROWSER`.
    Command(String),
    /// What the desktop uses.
    Desktop,
}

impl BrowserChoice {
    /// What the person wants and the machine has.
    ///
    /// `BROWSER` counts everywhere, as in AWS's tools. Without it a remote shell or a machine without a display gets
    /// no browser: a text browser that takes over the terminal, or one on a screen far away, helps nobody.
    pub(crate) fn of(environment: &Environment, no_browser: bool) -> Self {
        if no_browser {
            return Self::None(None);
        }
        // A list, as `xdg-open` and Python read it; the first entry will do.
        let own = environment
            .get("BROWSER")
            .and_then(|list| list.split(':').find(|entry| !entry.trim().is_empty()));
        if let Some(command) = own {
            return Self::Command(command.to_owned());
        }
        if environment.first(&["SSH_CONNECTION", "SSH_TTY"]).is_some() {
            return Self::None(Some("this is a remote shell"));
        }
        if environment.get("CI").is_some() {
            return Self::None(Some("this is a CI job"));
        }
        let is_wsl = environment.first(&["WSL_DISTRO_NAME", "WSL_INTEROP"]).is_some();
        let has_display = environment.first(&["DISPLAY", "WAYLAND_DISPLAY"]).is_some();
        if cfg!(all(unix, not(target_os = "macos"))) && !is_wsl && !has_display {
            return Self::None(Some("this machine has no display"));
        }
        Self::Desktop
    }

    /// Opens the page, and returns at once. `url` is `UserPrompt::browser_url`, which has web pages only: the address comes
    /// from a server.
    ///
    /// # Errors
    /// Why it was not opened, for the person.
    pub(crate) fn open(&self, url: Option<&str>) -> Result<(), String> {
        let Some(url) = url else { return Err("the address is not a web page's".to_owned()) };
        match self {
            Self::None(None) => Ok(()),
            Self::None(Some(reason)) => Err((*reason).to_owned()),
            Self::Desktop => open::that_detached(url).map_err(|error| error.to_string()),
            Self::Command(command) => spawn(command, url),
        }
    }
}

/// Runs the person's command, with the address in place of `%s`, or at its end. No shell is involved, so nothing in
/// the address can be a command.
fn spawn(command: &str, url: &str) -> Result<(), String> {
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let mut placed = false;
    for word in words.iter_mut().skip(1) {
        if word.contains("%s") {
            *word = word.replace("%s", url);
            placed = true;
        }
    }
    if !placed {
        words.push(url.to_owned());
    }
    let Some((program, arguments)) = words.split_first() else { return Err("BROWSER is empty".to_owned()) };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    // Somebody must wait for the child, or it stays a zombie for as long as this program runs.
    let waiting = std::thread::Builder::new().name("browser".to_owned()).spawn(move || {
        let mut child = child;
        drop(child.wait());
    });
    drop(waiting);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_opened_only_where_there_is_one() {
        let choose = |variables: [(&str, &str); 2]| BrowserChoice::of(&Environment::from(variables), false);
        assert_eq!(
            choose([("DISPLAY", ":0"), ("LANG", "C")]),
            if cfg!(unix) { BrowserChoice::Desktop } else { choose([("A", "a"), ("B", "b")]) }
        );
        assert_eq!(
            choose([("DISPLAY", ":0"), ("SSH_TTY", "x")]),
            BrowserChoice::None(Some("this is a remote shell"))
        );
        assert_eq!(choose([("BROWSER", "w3m"), ("SSH_TTY", "x")]), BrowserChoice::Command("w3m".to_owned()));
        assert_eq!(
            choose([("BROWSER", ":ff %s:w3m"), ("CI", "1")]),
            BrowserChoice::Command("ff %s".to_owned())
        );
        assert_eq!(choose([("DISPLAY", ":0"), ("CI", "1")]), BrowserChoice::None(Some("this is a CI job")));
        let told_not_to = BrowserChoice::of(&Environment::from([("DISPLAY", ":0")]), true);
        assert_eq!(told_not_to, BrowserChoice::None(None));
    }

    #[test]
    fn what_is_no_web_page_is_not_opened_and_the_person_hears_why() {
        let told = BrowserChoice::Command("/bin/false".to_owned()).open(None);
        assert_eq!(told, Err("the address is not a web page's".to_owned()));
    }

    #[test]
    #[cfg(unix)]
    fn the_address_reaches_the_command_as_one_argument() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let command = format!("cp /dev/null {}/%s", dir.path().display());
        // Not a web page, so that the test can see it: `spawn` is below that check.
        spawn(&command, "a;touch${IFS}b").unwrap();
        let made = dir.path().join("a;touch${IFS}b");
        for _ in 0..200 {
            if made.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(made.exists());
        assert!(!out.exists());
    }
}
