//! The opening of the approval page in the user's browser.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::environment::Environment;

/// The time in which an opener's failure means that there is no page. A browser that fails later has shown it.
const MOMENT: Duration = Duration::from_secs(5);

/// The way to open a browser, or the reason not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BrowserChoice {
    /// Do not open one, for this reason. There is no reason if the user asked for that.
    None(Option<&'static str>),
    /// Run the first command of `BROWSER` that can be started.
    Commands(Vec<String>),
    /// Use the desktop's browser.
    Desktop,
}

impl BrowserChoice {
    /// Chooses from the environment.
    ///
    /// `BROWSER` always counts, as in AWS's tools. Without it, a remote shell or a machine without a display
    /// opens no browser. A text browser would take over the terminal, and a remote screen is out of sight.
    pub(crate) fn of(environment: &Environment, no_browser: bool) -> Self {
        if no_browser {
            return Self::None(None);
        }
        let own = environment.get("BROWSER").map(entries).unwrap_or_default();
        if !own.is_empty() {
            return Self::Commands(own);
        }
        if environment.first(&["SSH_CONNECTION", "SSH_TTY"]).is_some() {
            return Self::None(Some("this is a remote shell"));
        }
        if environment.get("CI").is_some_and(is_yes) {
            return Self::None(Some("this is a CI job"));
        }
        let is_wsl = environment.first(&["WSL_DISTRO_NAME", "WSL_INTEROP"]).is_some();
        let has_display = environment.first(&["DISPLAY", "WAYLAND_DISPLAY"]).is_some();
        if cfg!(all(unix, not(target_os = "macos"))) && !is_wsl && !has_display {
            return Self::None(Some("this machine has no display"));
        }
        Self::Desktop
    }

    /// Starts to open the page, and returns at once. `url` is `UserPrompt::browser_url`, which is only ever a web page,
    /// because the address comes from a server.
    ///
    /// # Errors
    /// The reason why it was not opened, for the user.
    pub(crate) fn open(&self, url: Option<&str>) -> Result<Opening, String> {
        let Some(url) = url else { return Err("the address is not a web page's".to_owned()) };
        match self {
            Self::None(None) => Ok(Opening::NotWanted),
            Self::None(Some(reason)) => Err((*reason).to_owned()),
            Self::Desktop => Ok(Opening::Desktop(url.to_owned())),
            Self::Commands(commands) => Commands::new(commands, url).first().map(Opening::Command),
        }
    }
}

/// An opener that works on its own. It may still fail.
#[must_use = "a failure is seen only if it is watched for"]
pub(crate) enum Opening {
    /// The user wants none.
    NotWanted,
    /// The desktop's opener for this address, which is started by the watch.
    Desktop(String),
    /// A command of `BROWSER`.
    Command(Running),
}

impl Opening {
    /// Watches the opener in a thread of its own, which ends with the program. `failed` gets the reason of a failure
    /// within a moment.
    pub(crate) fn watch(self, failed: impl FnOnce(&str) + Send + 'static) {
        let watching = move || {
            let error = match self {
                Self::NotWanted => return,
                Self::Desktop(url) => by_desktop(&url).err(),
                Self::Command(running) => running.error(),
            };
            if let Some(error) = error {
                failed(&error);
            }
        };
        drop(std::thread::Builder::new().name("browser".to_owned()).spawn(watching));
    }
}

/// Opens the page with the desktop's opener, and waits for a moment.
fn by_desktop(url: &str) -> Result<(), String> {
    open::that_detached_with_timeout(url, MOMENT).map_err(|error| match error.raw_os_error() {
        Some(_) => error.to_string(),
        // The crate's message is for developers.
        None => "the desktop could not open it".to_owned(),
    })
}

/// Returns the entries of `BROWSER`, a list like `PATH`.
fn entries(list: &str) -> Vec<String> {
    let separator = if cfg!(windows) { ';' } else { ':' };
    list.split(separator).map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// Returns whether a variable is set to anything but a negative value.
fn is_yes(value: &str) -> bool {
    !["false", "0", "no", "off"].iter().any(|no| value.trim().eq_ignore_ascii_case(no))
}

/// The commands of `BROWSER` that were not tried yet, and the errors of the others.
struct Commands {
    rest: VecDeque<String>,
    url: String,
    errors: Vec<String>,
}

impl Commands {
    fn new(commands: &[String], url: &str) -> Self {
        Self { rest: commands.iter().cloned().collect(), url: url.to_owned(), errors: Vec::new() }
    }

    /// Runs the first of the commands that can be started.
    ///
    /// # Errors
    /// The errors of all, for the user.
    fn first(mut self) -> Result<Running, String> {
        while let Some(command) = self.rest.pop_front() {
            match words(&command, &self.url).and_then(|words| spawn(&words)) {
                Ok((program, child)) => {
                    return Ok(Running { program, child, started: Instant::now(), others: self });
                }
                Err(error) => self.errors.push(error),
            }
        }
        Err(self.errors.join("; "))
    }
}

/// A command that was started.
pub(crate) struct Running {
    program: String,
    child: Child,
    started: Instant,
    others: Commands,
}

impl Running {
    /// Waits for the command's end. If it fails within a moment, the next one is tried, as Python's `webbrowser` does
    /// for AWS's tools. Returns the errors if all have failed.
    fn error(mut self) -> Option<String> {
        loop {
            // Without a wait, the child would stay a zombie while this program runs.
            let error = match self.child.wait() {
                Ok(status) if status.success() || is_explorer(&self.program) => return None,
                Ok(status) => status.to_string(),
                Err(_) => return None,
            };
            if self.started.elapsed() > MOMENT {
                return None;
            }
            self.others.errors.push(format!("{}: {error}", self.program));
            match self.others.first() {
                Ok(next) => self = next,
                Err(errors) => return Some(errors),
            }
        }
    }
}

/// Returns whether the program is Windows' Explorer, which WSL can run too. Its exit status is 1 after a success.
fn is_explorer(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    ["explorer", "explorer.exe"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Splits a command as a shell does, and puts the address in place of `%s`, or at the end. A trailing `&` is dropped,
/// because the program waits for no browser. The command may also be a file name with spaces.
fn words(command: &str, url: &str) -> Result<Vec<String>, String> {
    if Path::new(command).is_file() {
        return Ok(vec![command.to_owned(), url.to_owned()]);
    }
    // A shell treats a backslash as an escape; in a Windows path it is a separator.
    let escaped = if cfg!(windows) { command.replace('\\', "\\\\") } else { command.to_owned() };
    let words = shlex::split(&escaped).ok_or_else(|| format!("{command}: a quotation mark is not closed"))?;
    let words = words.strip_suffix(&["&".to_owned()]).unwrap_or(&words);
    let mut words = words.to_vec();
    let mut is_placed = false;
    for word in words.iter_mut().skip(1).filter(|word| word.contains("%s")) {
        *word = word.replace("%s", url);
        is_placed = true;
    }
    if !is_placed {
        words.push(url.to_owned());
    }
    Ok(words)
}

/// Runs a command. No shell is involved, so nothing in the address can be a command.
fn spawn(words: &[String]) -> Result<(String, Child), String> {
    let Some((program, arguments)) = words.split_first() else { return Err("BROWSER is empty".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C on the terminal cancels the sign-in, and must not end the browser with its other pages.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    Ok((program.clone(), child))
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
        assert_eq!(
            choose([("BROWSER", "w3m"), ("SSH_TTY", "x")]),
            BrowserChoice::Commands(vec!["w3m".to_owned()])
        );
        assert_eq!(
            choose([("BROWSER", if cfg!(windows) { ";ff %s;w3m" } else { ":ff %s:w3m" }), ("CI", "1")]),
            BrowserChoice::Commands(vec!["ff %s".to_owned(), "w3m".to_owned()])
        );
        assert_eq!(choose([("DISPLAY", ":0"), ("CI", "1")]), BrowserChoice::None(Some("this is a CI job")));
        let told_not_to = BrowserChoice::of(&Environment::from([("DISPLAY", ":0")]), true);
        assert_eq!(told_not_to, BrowserChoice::None(None));
    }

    #[test]
    fn what_is_no_web_page_is_not_opened_and_the_person_hears_why() {
        let told = BrowserChoice::Commands(vec!["/bin/false".to_owned()]).open(None);
        assert_eq!(told.err().as_deref(), Some("the address is not a web page's"));
    }

    #[test]
    fn ci_that_is_false_is_not_ci() {
        let choose = |ci| BrowserChoice::of(&Environment::from([("DISPLAY", ":0"), ("CI", ci)]), false);
        for ci in ["false", "FALSE", "0", "no", "off", ""] {
            assert_ne!(choose(ci), choose("true"), "{ci}");
        }
        for ci in ["true", "1", "woodpecker"] {
            assert_eq!(choose(ci), BrowserChoice::None(Some("this is a CI job")), "{ci}");
        }
    }

    #[test]
    fn a_command_is_split_as_a_shell_does() {
        for (command, expected) in [
            ("firefox", &["firefox", "URL"][..]),
            ("firefox --new-window", &["firefox", "--new-window", "URL"]),
            (
                "chrome --profile-directory=\"Profile 1\" %s",
                &["chrome", "--profile-directory=Profile 1", "URL"],
            ),
            ("'/opt/my browser/ff' -u 'x=%s'", &["/opt/my browser/ff", "-u", "x=URL"]),
            ("ff %s &", &["ff", "URL"]),
            ("ff &", &["ff", "URL"]),
            ("ff -a %s -b", &["ff", "-a", "URL", "-b"]),
            ("ff '' \"a'b\"", &["ff", "", "a'b", "URL"]),
        ] {
            assert_eq!(words(command, "URL").unwrap(), expected, "{command}");
        }
        assert_eq!(words("ff 'x", "URL"), Err("ff 'x: a quotation mark is not closed".to_owned()));
    }

    #[test]
    #[cfg(windows)]
    fn a_backslash_in_a_command_is_part_of_a_path() {
        let quoted = r#""C:\Program Files\Mozilla Firefox\firefox.exe" -new-tab %s"#;
        let expected = [r"C:\Program Files\Mozilla Firefox\firefox.exe", "-new-tab", "URL"];
        assert_eq!(words(quoted, "URL").unwrap(), expected);
        assert_eq!(words(r"D:\ff.exe -P work", "URL").unwrap(), [r"D:\ff.exe", "-P", "work", "URL"]);
    }

    #[test]
    #[cfg(windows)]
    fn a_command_of_windows_that_fails_at_once_is_told() {
        let error = |command: &str| Commands::new(&[command.to_owned()], "x").first().unwrap().error();
        assert_eq!(error("cmd /c exit 0"), None);
        assert_eq!(error("cmd /c exit 3").as_deref(), Some("cmd: exit code: 3"));
    }

    #[test]
    fn a_file_may_have_blanks_in_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Program Files' chrome.exe");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(words(file, "URL").unwrap(), [file, "URL"]);
    }

    /// Waits until a background command has created this file.
    #[cfg(unix)]
    fn appears(file: &Path) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            file.exists()
        })
    }

    #[test]
    #[cfg(unix)]
    fn the_address_reaches_the_command_as_one_argument() {
        let dir = tempfile::tempdir().unwrap();
        let command = format!("cp /dev/null {}/%s", dir.path().display());
        // The text is not a URL, so that the test can see its effect. The check for a web page is in `open`.
        Commands::new(&[command], "a;touch${IFS}b").first().unwrap();
        assert!(appears(&dir.path().join("a;touch${IFS}b")));
        assert!(!dir.path().join("b").exists());
    }

    #[test]
    #[cfg(unix)]
    fn the_next_entry_is_tried_if_one_cannot_be_started() {
        let dir = tempfile::tempdir().unwrap();
        let touch = format!("touch '{}/%s' &", dir.path().display());
        let commands = ["no-such-browser".to_owned(), "open 'quote".to_owned(), touch];
        Commands::new(&commands, "opened").first().unwrap();
        assert!(appears(&dir.path().join("opened")));
        let error = Commands::new(&commands[..2], "x").first().err().unwrap();
        assert!(error.contains("no-such-browser: ") && error.contains("not closed"), "{error}");
    }
    /// Returns the error of an opener with these commands, if it fails within a moment.
    #[cfg(unix)]
    fn failure(commands: &[&str]) -> Option<String> {
        let commands: Vec<String> = commands.iter().map(|&command| command.to_owned()).collect();
        Commands::new(&commands, "http://127.0.0.1/").first().unwrap().error()
    }

    #[test]
    #[cfg(unix)]
    fn a_command_that_fails_at_once_is_told_after_the_next_ones_have_failed_too() {
        assert_eq!(failure(&["true"]), None);
        assert_eq!(failure(&["false"]).as_deref(), Some("false: exit status: 1"));
        assert_eq!(failure(&["false", "true", "false"]), None);
        let all = failure(&["false", "no-such-browser", "sh -c 'exit 3'"]).unwrap();
        assert!(all.starts_with("false: exit status: 1; no-such-browser: "), "{all}");
        assert!(all.ends_with("; sh: exit status: 3"), "{all}");
        let killed = failure(&["sh -c 'kill -9 $$'"]).unwrap();
        assert!(killed.contains("signal: 9"), "{killed}");
    }

    #[test]
    #[cfg(unix)]
    fn a_browser_that_fails_later_has_shown_the_page() {
        let mut running = Commands::new(&["false".to_owned(), "false".to_owned()], "x").first().unwrap();
        running.started = Instant::now().checked_sub(MOMENT).unwrap();
        assert_eq!(running.error(), None);
    }

    #[test]
    fn explorer_has_no_exit_status_to_go_by() {
        for program in ["explorer.exe", "/mnt/c/Windows/Explorer.EXE", "C:\\Windows\\explorer"] {
            assert!(is_explorer(program), "{program}");
        }
        for program in ["false", "/opt/explorer/run", "iexplore.exe", ""] {
            assert!(!is_explorer(program), "{program}");
        }
    }
}
