//! The paths of AWS's files: their variables, and the syntax of the values.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::Config;

impl Config {
    /// Returns the path of the config file: `AWS_CONFIG_FILE` if set and not empty, else `.aws/config` in the
    /// home directory. `None` if neither is known. `variable` reads the environment.
    ///
    /// In the value, `$NAME` and `${NAME}` are expanded first, on Windows `%NAME%` too, and then a leading `~`, as
    /// botocore does. An unset variable stays as written.
    ///
    /// ```
    /// use std::ffi::OsString;
    /// use std::path::Path;
    /// use sso_cache::Config;
    ///
    /// let variable = |name: &str| match name {
    ///     "AWS_CONFIG_FILE" => Some(OsString::from("${XDG_CONFIG_HOME}/aws")),
    ///     "XDG_CONFIG_HOME" => Some(OsString::from("/home/ada/.config")),
    ///     _ => None,
    /// };
    /// let home = Path::new("/home/ada");
    /// assert_eq!(Config::default_path(Some(home), variable).as_deref(), Some(Path::new("/home/ada/.config/aws")));
    /// assert_eq!(Config::default_path(Some(home), |_| None), Some(home.join(".aws").join("config")));
    /// assert_eq!(Config::default_path(None, |_| None), None);
    /// ```
    #[must_use]
    pub fn default_path(home: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        located("AWS_CONFIG_FILE", "config", home, variable)
    }

    /// Returns the path of the shared credentials file: `AWS_SHARED_CREDENTIALS_FILE`, expanded as in
    /// [`Config::default_path`], else `.aws/credentials` in the home directory.
    ///
    /// ```
    /// use std::ffi::OsString;
    /// use std::path::Path;
    /// use sso_cache::Config;
    ///
    /// let home = Path::new("/home/ada");
    /// let variable = |name: &str| (name == "AWS_SHARED_CREDENTIALS_FILE").then(|| OsString::from("~/keys"));
    /// assert_eq!(Config::default_credentials_path(Some(home), variable), Some(home.join("keys")));
    /// ```
    #[must_use]
    pub fn default_credentials_path(
        home: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Option<PathBuf> {
        located("AWS_SHARED_CREDENTIALS_FILE", "credentials", home, variable)
    }
}

fn located(
    name: &str,
    usual: &str,
    home: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    match variable(name).filter(|value| !value.is_empty()) {
        Some(value) => Some(expanded(&value, home, variable)),
        None => home.map(|home| home.join(".aws").join(usual)),
    }
}

/// Expands the variables and the `~` of a path. A path that is not UTF-8 stays unchanged.
fn expanded(path: &OsStr, home: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let Some(text) = path.to_str() else { return path.into() };
    let path = PathBuf::from(with_variables(text, cfg!(windows), variable));
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        (Ok(_) | Err(_), _) => path,
    }
}

/// Expands the variables of a text. Their values are not expanded again.
fn with_variables(text: &str, is_windows: bool, variable: impl Fn(&str) -> Option<OsString>) -> OsString {
    let signs: &[char] = if is_windows { &['$', '%', '\''] } else { &['$'] };
    let mut result = OsString::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, found)) = rest.find(signs).and_then(|at| rest.split_at_checked(at)) {
        result.push(before);
        let (name, written) = reference(found, is_windows);
        let (whole, after) = found.split_at_checked(written).unwrap_or((found, ""));
        match name.and_then(&variable) {
            Some(value) => result.push(value),
            // A doubled sign stands for one.
            None if is_windows && whole == "$$" => result.push("$"),
            None if whole == "%%" => result.push("%"),
            None => result.push(whole),
        }
        rest = after;
    }
    result.push(rest);
    result
}

/// Returns the name of the variable whose reference is at the start of a text, and the length of the reference. Without
/// a name, that text stays as it is.
fn reference(text: &str, is_windows: bool) -> (Option<&str>, usize) {
    let (sign, after) = text.split_at_checked(1).unwrap_or((text, ""));
    match sign {
        "$" if is_windows && after.starts_with('$') => (None, 2),
        "$" => {
            let (name, written) = name_at_start(after);
            (Some(name).filter(|name| !name.is_empty()), written + 1)
        }
        "%" => match after.split_once('%') {
            Some((name, _)) => (Some(name).filter(|name| !name.is_empty()), name.len() + 2),
            None => (None, text.len()),
        },
        // On Windows, Python expands nothing between single quotation marks.
        _ => (None, after.find('\'').map_or(text.len(), |end| end + 2)),
    }
}

/// Returns the variable's name at the start of a text, behind the `$`, and its length in bytes with its
/// braces.
fn name_at_start(text: &str) -> (&str, usize) {
    if let Some((name, _)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return (name, name.len() + 2);
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(value: &str) -> PathBuf {
        let variable = |name: &str| {
            let value = match name {
                "AWS_CONFIG_FILE" => value,
                "HOME" => "/home/a",
                "X" => "~/x",
                "Y" => "$X",
                "EMPTY" => "",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        Config::default_path(Some(Path::new("/home/a")), variable).unwrap()
    }

    #[test]
    fn a_path_has_its_variables_and_then_its_home_expanded_once() {
        // The expected values are those of Python's `os.path.expanduser(os.path.expandvars(…))`.
        for (value, expected) in [
            ("$HOME/alt/config", "/home/a/alt/config"),
            ("${HOME}/alt", "/home/a/alt"),
            ("~/c", "/home/a/c"),
            ("~", "/home/a"),
            ("$X/c", "/home/a/x/c"),
            ("$Y/c", "$X/c"),
            ("$UNSET/c", "$UNSET/c"),
            ("${UNSET}/c", "${UNSET}/c"),
            ("${HOME", "${HOME"),
            ("a$", "a$"),
            // Python has another rule for a doubled sign on Windows.
            ("a$$HOME", if cfg!(windows) { "a$HOME" } else { "a$/home/a" }),
            ("${}x", "${}x"),
            ("$-x", "$-x"),
            ("${EMPTY}/c", "/c"),
            ("$Xé", "/home/a/xé"),
            ("$HOME2", "$HOME2"),
            ("x/~/c", "x/~/c"),
            ("~other/c", "~other/c"),
            ("/etc/aws", "/etc/aws"),
        ] {
            assert_eq!(path(value), Path::new(expected), "{value}");
        }
    }

    #[test]
    fn windows_has_percent_signs_too() {
        let variable = |name: &str| match name {
            "USERPROFILE" => Some(OsString::from("C:\\Users\\Ada L")),
            "X" => Some(OsString::from("%USERPROFILE%")),
            _ => None,
        };
        // The expected values are those of Python's `ntpath.expandvars(…)`.
        for (value, expected) in [
            ("%USERPROFILE%\\aws", "C:\\Users\\Ada L\\aws"),
            ("$USERPROFILE\\aws", "C:\\Users\\Ada L\\aws"),
            ("${USERPROFILE}", "C:\\Users\\Ada L"),
            ("%X%\\c", "%USERPROFILE%\\c"),
            ("%UNSET%\\%X%", "%UNSET%\\%USERPROFILE%"),
            ("100%", "100%"),
            ("100%%\\%X%", "100%\\%USERPROFILE%"),
            ("a$$X", "a$X"),
            ("'%X%'\\%X%", "'%X%'\\%USERPROFILE%"),
            ("it's %X%", "it's %X%"),
            ("D:\\aws\\config", "D:\\aws\\config"),
        ] {
            assert_eq!(with_variables(value, true, variable), *expected, "{value}");
        }
        assert_eq!(with_variables("%X%'$X'", false, variable), *"%X%'%USERPROFILE%'");
    }

    #[test]
    fn a_variable_that_is_empty_counts_as_unset() {
        assert_eq!(path(""), Path::new("/home/a/.aws/config"));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_or_a_variable_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = OsStr::from_bytes(b"/\xff");
        let own = |name: &str| (name == "AWS_CONFIG_FILE").then(|| odd.to_owned());
        assert_eq!(Config::default_path(None, own), Some(odd.into()));
        let other = |name: &str| match name {
            "AWS_CONFIG_FILE" => Some("$X/c".into()),
            _ => Some(odd.to_owned()),
        };
        assert_eq!(Config::default_path(None, other), Some(Path::new(odd).join("c")));
    }
}
