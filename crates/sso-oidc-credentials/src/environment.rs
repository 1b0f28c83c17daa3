//! The environment variables, of the process or of a test.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads one variable.
type Variable = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Reads the environment. An empty variable counts as unset, as in AWS's tools.
#[derive(Clone)]
pub(crate) struct Environment(Arc<Variable>);

impl Environment {
    pub(crate) fn new(variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(variable))
    }

    /// Returns the environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::new(|name| std::env::var_os(name))
    }

    /// Returns the variable's value as a path.
    pub(crate) fn path(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// Returns the variable's value. A value that is not UTF-8 counts as unset: only paths may be such.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.path(name)?.into_string().ok()
    }

    /// Returns the variable as a boolean. Only `true`, in any letter case, is true, as in AWS's tools.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns the user's home directory. On Windows `HOME` comes last, because git's shell sets it to another one.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        let names = if cfg!(windows) { ["USERPROFILE", "HOME"] } else { ["HOME", "USERPROFILE"] };
        names.into_iter().find_map(|name| self.path(name)).map(PathBuf::from)
    }
}
