//! The shared credentials file. Its profiles are merged into the config file's, as botocore does.

use std::path::{Path, PathBuf};

use super::syntax::{self, File, Header};
use super::{Config, LoadError, SyntaxError, read_text};

/// The secret keys, which a sign-in does not need and so does not keep.
const SECRETS: [&str; 3] = ["aws_secret_access_key", "aws_session_token", "aws_security_token"];

impl Config {
    /// Merges the text of a shared credentials file. Each section is a profile, with the exact header as its
    /// name. For a key in both files the credentials file's value counts, as in AWS's command line. SSO
    /// sessions come from the config file alone. Secret keys are omitted.
    ///
    /// ```
    /// use sso_cache::Config;
    ///
    /// let mut config = Config::parse("[profile work]\nregion = eu-west-1\nsso_session = old\n[sso-session corp]\n\
    ///      sso_region = eu-west-1\nsso_start_url = https://d-1234567890.awsapps.com/start\n")?;
    /// config.merge_credentials("[work] # keys\naws_access_key_id = AKIAEXAMPLE\nsso_session = corp\n")?;
    /// let work = config.profile("work").ok_or("it is there")?;
    /// assert_eq!((work.region(), work.sso_session()), (Some("eu-west-1"), Some("corp")));
    /// assert_eq!(config.resolve_sso("work")?.required_region()?, "eu-west-1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the first malformed line. Nothing is merged then.
    pub fn merge_credentials(&mut self, text: &str) -> Result<(), SyntaxError> {
        for (header, section) in syntax::parse(text, File::Credentials)?.sections {
            if let Header::Profile(name) = header {
                let kept = section.into_iter().filter(|(key, _)| !SECRETS.contains(&key.as_str()));
                self.profiles.entry(name).or_default().extend(kept);
            }
        }
        Ok(())
    }

    /// Reads a shared credentials file and merges it; see [`Config::merge_credentials`]. A missing file
    /// changes nothing.
    ///
    /// ```
    /// # use sso_cache::Config;
    /// # let dir = tempfile::tempdir()?;
    /// # std::fs::write(dir.path().join("credentials"), "[work]\nsso_session = corp\n")?;
    /// let mut config = Config::default();
    /// config.load_credentials(dir.path().join("no such file"))?;
    /// config.load_credentials(dir.path().join("credentials"))?;
    /// assert!(config.profile_names().eq(["work"]));
    /// assert_eq!(config.credentials_path(), Some(dir.path().join("credentials").as_path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The file is unreadable, is not UTF-8, or has a malformed line. Nothing is merged then.
    pub fn load_credentials(&mut self, path: impl Into<PathBuf>) -> Result<(), LoadError> {
        let path = path.into();
        let text = read_text(&path);
        self.credentials_path = Some(path.clone());
        self.merge_credentials(&text?).map_err(|source| LoadError::Syntax { path, source })
    }

    /// Returns the shared credentials file that [`Config::load_credentials`] read last, whether or not it
    /// exists.
    #[must_use]
    pub fn credentials_path(&self) -> Option<&Path> {
        self.credentials_path.as_deref()
    }

    /// Returns the file's name for error texts.
    pub(super) fn credentials_origin(&self) -> String {
        let path = self.credentials_path.as_ref();
        path.map_or_else(|| "the AWS credentials file".to_owned(), |path| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SettingsError;
    use super::*;
    use crate::Identity;

    const SESSION: &str = "[sso-session corp]\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\n\
                           [sso-session other]\nsso_start_url = https://d-2.awsapps.com/start\nsso_region = eu-west-2\n";

    fn merged(config: &str, credentials: &str) -> Config {
        let mut config = Config::parse(&format!("{config}\n{SESSION}")).unwrap();
        config.merge_credentials(credentials).unwrap();
        config
    }

    #[test]
    fn a_profile_may_be_in_the_credentials_file_alone() {
        let config =
            merged("", "[work]\nsso_start_url = https://d-3.awsapps.com/start\nsso_region = eu-west-3\n");
        let sso = config.resolve_sso("work").unwrap();
        assert_eq!(sso.identity, Identity::StartUrl("https://d-3.awsapps.com/start".to_owned()));
        assert_eq!(sso.region.as_deref(), Some("eu-west-3"));
        let config = merged("", "[default]\nsso_session = corp\n");
        assert_eq!(config.resolve_sso("default").unwrap().identity, Identity::SessionName("corp".to_owned()));
    }

    #[test]
    fn keys_of_both_files_are_one_profile_in_which_the_credentials_win() {
        let config =
            merged("[profile work]\nsso_session = corp\nregion = a\n", "[work]\nSSO_Session = other\n");
        let work = config.profile("work").unwrap();
        assert_eq!((work.sso_session(), work.region()), (Some("other"), Some("a")));
        let config = merged("[profile work]\nsso_start_url = u\n", "[work]\nsso_region = r\n");
        assert_eq!(config.resolve_sso("work").unwrap().region.as_deref(), Some("r"));
        // Both spellings of the default profile are now one profile.
        let config =
            merged("[default]\nregion = a\n[profile default]\nregion = b\n", "[default]\noutput = text\n");
        let default = config.profile("default").unwrap();
        assert_eq!((default.region(), default.output()), (Some("b"), Some("text")));
    }

    #[test]
    fn what_looks_like_a_session_or_a_service_there_is_a_profile_of_that_name() {
        let config = merged(
            "[profile work]\nsso_session = mine\n",
            "[sso-session mine]\nsso_region = r\n[profile x]\n",
        );
        assert!(config.resolve_session("mine").is_err());
        assert!(config.profile("sso-session mine").is_some() && config.profile("profile x").is_some());
        assert!(config.profile("x").is_none());
    }

    #[test]
    fn secret_keys_are_not_kept() {
        let keys = "aws_access_key_id = i\nAWS_SECRET_ACCESS_KEY = SENTINEL\naws_session_token = SENTINEL\n";
        let config = merged("", &format!("[work]\n{keys}aws_security_token = SENTINEL\n"));
        let work = config.profile("work").unwrap();
        assert_eq!(work.text("aws_access_key_id"), Some("i"));
        for key in SECRETS {
            assert_eq!(work.text(key), None, "{key}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_the_file_in_which_it_stands() {
        let config = merged("[profile work]\nregion = a\n", "[work]\n\nuse_fips_endpoint = yes\n");
        let error = config.profile("work").unwrap().use_fips_endpoint().unwrap_err().to_string();
        assert!(error.ends_with("not `yes` (the AWS credentials file, line 3)"), "{error}");
        let config = merged("[profile work]\nsso_session = corp\n", "[work]\nsso_region = eu-west-9\n");
        assert_eq!(
            config.resolve_sso("work").unwrap_err().to_string(),
            "`sso_region` is `eu-west-9` in [work] of the AWS credentials file but `eu-west-1` in [sso-session corp] of \
             the AWS config; remove one of them"
        );
        let error = merged("", "[work]\nsso_region = r\n").resolve_sso("work").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sso_start_url` is missing in section [work] of the AWS credentials file"
        );
    }

    #[test]
    fn a_credentials_file_that_cannot_be_read_leaves_the_config_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(&path, "[work]\nregion = x\nnonsense\n").unwrap();
        let mut config = merged("[profile work]\nsso_session = corp\n", "");
        let error = config.load_credentials(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{}, line 3: expected `key = value`", path.display()));
        assert_eq!(config.profile("work").unwrap().region(), None);
        let got = config.load_credentials(dir.path()).unwrap_err();
        assert!(matches!(got, LoadError::Read { .. }), "{got:?}");
        assert_eq!(config.credentials_path(), Some(dir.path()));
        let error = config.resolve_sso("typo").unwrap_err();
        assert!(
            matches!(&error, SettingsError::NoSuchProfile { file, .. } if file.contains(" or ")),
            "{error}"
        );
    }
}
