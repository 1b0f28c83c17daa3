//! A snapshot of the environment variables. Tests of precedence pass their own values instead.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A snapshot of the environment. An empty variable counts as unset, as in AWS's tools. On Windows the case of a name's
/// letters does not matter.
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.map(|(name, value)| (key(&name), value)).collect())
    }

    /// Returns the variable's value. A value that is not UTF-8 counts as unset: only paths may be such.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.path(name).and_then(OsStr::to_str)
    }

    /// Returns the variable's value as a path.
    pub(crate) fn path(&self, name: &str) -> Option<&OsStr> {
        self.0.get(&key(OsStr::new(name))).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns the variables whose names start like this, with their values.
    pub(crate) fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a OsStr)> {
        let named = self.0.iter().filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())));
        named.filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
    }

    /// Returns the value of the first of these variables that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Returns the name of the first of these variables that is set.
    pub(crate) fn which<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().copied().find(|name| self.get(name).is_some())
    }

    /// Returns the variable as a boolean. Only `true`, in any letter case, is true, as in AWS's tools.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns the user's home directory.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.home_on(cfg!(windows))
    }

    /// Finds the directory as Python and the AWS CLI do. On Windows `HOME` comes last, because git's shell and Cygwin
    /// set it to other directories.
    fn home_on(&self, is_windows: bool) -> Option<PathBuf> {
        let (home, profile) = (self.path("HOME"), self.path("USERPROFILE"));
        if !is_windows {
            return home.or(profile).map(PathBuf::from);
        }
        let on_drive = || {
            let mut whole = self.path("HOMEDRIVE").unwrap_or_default().to_owned();
            whole.push(self.path("HOMEPATH")?);
            Some(PathBuf::from(whole))
        };
        profile.map(PathBuf::from).or_else(on_drive).or_else(|| home.map(PathBuf::from))
    }
}

/// Returns the form of a name in which it is compared.
fn key(name: &OsStr) -> OsString {
    if cfg!(windows) { name.to_ascii_uppercase() } else { name.to_owned() }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self::of(variables.into_iter().map(|(name, value)| (name.into(), value.into())))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Environment::from([("A", ""), ("B", "b"), ("C", "TRUE"), ("D", "1")]);
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.first(&["A", "B"]), Some("b"));
        assert_eq!((environment.flag("C"), environment.flag("D")), (Some(true), Some(false)));
    }

    #[test]
    fn the_case_of_a_name_matters_except_on_windows() {
        let environment = Environment::from([("Aws_Profile", "a")]);
        assert_eq!(environment.get("AWS_PROFILE"), cfg!(windows).then_some("a"));
        assert_eq!(environment.get("Aws_Profile"), Some("a"));
    }

    #[test]
    fn home_is_userprofile_on_windows_and_home_elsewhere() {
        let home = |is_windows, environment: Environment| environment.home_on(is_windows).unwrap();
        let both = || Environment::from([("HOME", "/cygdrive/h"), ("USERPROFILE", "C:\\Users\\a")]);
        assert_eq!(home(false, both()), Path::new("/cygdrive/h"));
        assert_eq!(home(true, both()), Path::new("C:\\Users\\a"));
        let drive = [("HOME", "/h"), ("HOMEDRIVE", "D:"), ("HOMEPATH", "\\a"), ("USERPROFILE", "")];
        assert_eq!(home(true, Environment::from(drive)), Path::new("D:\\a"));
        assert_eq!(home(true, Environment::from([("HOME", "/h")])), Path::new("/h"));
        assert_eq!(home(false, Environment::from([("USERPROFILE", "/u")])), Path::new("/u"));
        assert_eq!(Environment::from([("HOME", "")]).home_on(true), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_home_that_is_not_utf_8_is_one() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = OsString::from_vec(b"/h\xff".to_vec());
        let environment = Environment([("HOME".into(), odd.clone())].into());
        assert_eq!(environment.home(), Some(odd.into()));
        assert_eq!(environment.get("HOME"), None);
    }
}
