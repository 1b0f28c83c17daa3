//! Passwords from a file of libpq: `~/.pgpass`.
//!
//! The rules are those of PostgreSQL's manual, "The Password File". No maintained crate reads it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use tokio_postgres::config::Host;

use crate::{ConnectError, PostgresConfig};

/// The port without one in the URL.
const PORT: u16 = 5432;
/// The directories of a local server's socket, of PostgreSQL and of Debian. The file calls them `localhost`.
const SOCKETS: [&str; 3] = ["/tmp", "/run/postgresql", "/var/run/postgresql"];
/// The most of a file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

impl PostgresConfig {
    /// Takes the password from a file of libpq, such as `~/.pgpass`, if there is none yet.
    ///
    /// A line is `HOST:PORT:DATABASE:USER:PASSWORD`. The first one that fits counts. `*` fits everything, and a
    /// backslash comes before a colon or backslash of a field. A line with `#` is a comment. A Unix socket in the
    /// default directory is `localhost`. A URL without a user means the user of this process.
    ///
    /// A file that is not there has no password. Neither has one without a line for each host of the URL: the store has
    /// one password, and a host must not see that of another.
    ///
    /// ```
    /// use sso_oidc_postgres::PostgresConfig;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join(".pgpass");
    /// let config = PostgresConfig::from_url("postgres://sso@db.example/sso")?;
    /// assert!(!config.clone().with_password_file(&file)?.has_password());
    ///
    /// std::fs::write(&file, "db.example:5432:*:sso:hunter2\n")?;
    /// # #[cfg(unix)]
    /// std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    /// assert!(config.with_password_file(&file)?.has_password());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::PasswordFile`] if other users can read the file, or if it cannot be read.
    pub fn with_password_file(self, path: impl AsRef<Path>) -> Result<Self, ConnectError> {
        if self.has_password() {
            return Ok(self);
        }
        let path = path.as_ref();
        let failed = |source: io::Error| ConnectError::PasswordFile { path: path.to_owned(), source };
        let Some(text) = read(path).map_err(failed)? else { return Ok(self) };
        Ok(match self.common_password(&text) {
            Some(password) => self.with_password(&password),
            None => self,
        })
    }

    /// Returns the password that the file has for every host.
    fn common_password(&self, text: &str) -> Option<String> {
        let mut passwords = self.places().into_iter().map(|place| place.password(text));
        let first = passwords.next()??;
        passwords.all(|password| password.as_ref() == Some(&first)).then_some(first)
    }

    /// Returns the places of the database, one for each host.
    fn places(&self) -> Vec<Place> {
        let database = &self.database;
        // As tokio-postgres does.
        let own = || whoami::username().unwrap_or_default();
        let user = database.get_user().map_or_else(own, ToOwned::to_owned);
        let hosts: Vec<String> = match database.get_hosts() {
            [] => database.get_hostaddrs().iter().map(ToString::to_string).collect(),
            hosts => hosts.iter().map(name).collect(),
        };
        let port = |at: usize| match *database.get_ports() {
            [] => PORT,
            [port] => port,
            ref ports => ports.get(at).copied().unwrap_or(PORT),
        };
        let place = |(at, host)| Place {
            host,
            port: port(at).to_string(),
            // A database without a name is called like the user.
            database: database.get_dbname().unwrap_or(&user).to_owned(),
            user: user.clone(),
        };
        hosts.into_iter().enumerate().map(place).collect()
    }
}

/// Returns what the file calls a host.
fn name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(directory) if SOCKETS.iter().any(|socket| directory == Path::new(socket)) => {
            "localhost".to_owned()
        }
        #[cfg(unix)]
        Host::Unix(directory) => directory.to_string_lossy().into_owned(),
    }
}

/// Reads the file, if it is there.
fn read(path: &Path) -> io::Result<Option<String>> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    // A device may be endless, and a pipe may block. `/dev/null` is how a file is switched off.
    if !found.is_file() {
        return Ok(None);
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            let why = format!("other users can read or change it (mode {mode:04o}); run `chmod 600 {path}`");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// The first four fields of a line.
struct Place {
    host: String,
    port: String,
    database: String,
    user: String,
}

impl Place {
    /// Returns the password of the first line that fits.
    fn password(&self, text: &str) -> Option<String> {
        let fields = [&self.host, &self.port, &self.database, &self.user];
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.find_map(|line| fields.iter().try_fold(line, |rest, field| after(rest, field)).map(unescaped))
    }
}

/// Returns what follows the first field of a line, if the field is `*` or this value.
fn after<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (mut letters, mut expected) = (line.chars(), value.chars());
    loop {
        let letter = match letters.next()? {
            ':' => return expected.next().is_none().then_some(letters.as_str()),
            '\\' => letters.next()?,
            letter => letter,
        };
        if expected.next()? != letter {
            return None;
        }
    }
}

/// Returns the last field, which ends at a colon.
fn unescaped(field: &str) -> String {
    let (mut letters, mut password) = (field.chars(), String::with_capacity(field.len()));
    while let Some(letter) = letters.next() {
        match letter {
            ':' => break,
            '\\' => password.push(letters.next().unwrap_or('\\')),
            letter => password.push(letter),
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(url: &str, text: &str) -> Option<String> {
        let config = PostgresConfig::from_url(url).unwrap();
        config.common_password(text)
    }

    /// Returns the password of the database `d` of the user `u` at `h`.
    fn of(text: &str) -> Option<String> {
        password("postgres://u@h/d", text)
    }

    #[test]
    fn the_first_line_whose_four_fields_fit_counts() {
        assert_eq!(of("h:5432:d:u:secret").as_deref(), Some("secret"));
        assert_eq!(of("x:5432:d:u:1\nh:1:d:u:2\nh:5432:x:u:3\nh:5432:d:x:4"), None);
        assert_eq!(of("*:*:*:*:any\nh:5432:d:u:exact").as_deref(), Some("any"));
        assert_eq!(of("#h:5432:d:u:comment\n\nh:*:*:u:second\r\n").as_deref(), Some("second"));
        for broken in ["h:5432:d:u", "h:5432:d", "", "hh:5432:d:u:x", "h\\", "**:5432:d:u:x", " h:5432:d:u:x"]
        {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_a_colon_and_a_backslash() {
        assert_eq!(of(r"h:5432:d:u:a\:b\\c\d").as_deref(), Some(r"a:b\cd"));
        // What follows the fifth field is left to later versions.
        assert_eq!(of("h:5432:d:u:secret:rest").as_deref(), Some("secret"));
        assert_eq!(password("postgres://u@[::1]/d", r"\:\:1:5432:d:u:x").as_deref(), Some("x"));
        assert_eq!(password("postgres://a%3Ab@h/d", r"h:5432:d:a\:b:x").as_deref(), Some("x"));
        assert_eq!(password("postgres://%2A@h/d", r"h:5432:d:\*:x").as_deref(), Some("x"));
    }

    #[test]
    fn the_names_of_a_place_are_those_of_the_url() {
        assert_eq!(password("postgres://u@h:7", "h:7:u:u:x").as_deref(), Some("x"));
        let own = whoami::username().unwrap();
        assert_eq!(password("postgres://h/d", &format!("h:*:d:{own}:x")).as_deref(), Some("x"));
        assert_eq!(password("postgres://h", &format!("h:*:{own}:{own}:x")).as_deref(), Some("x"));
        assert_eq!(
            password("postgres:///d?user=u&hostaddr=192.0.2.1", "192.0.2.1:*:d:u:x").as_deref(),
            Some("x")
        );
        let socket = |directory: &str| format!("postgres:///d?user=u&host={directory}");
        assert_eq!(password(&socket("/run/postgresql"), "localhost:*:d:u:x").as_deref(), Some("x"));
        assert_eq!(password(&socket("/srv"), "localhost:*:d:u:x\n/srv:*:d:u:y").as_deref(), Some("y"));
    }

    #[test]
    fn a_host_gets_no_password_of_another_host() {
        let two = "postgres://u@one:5,two:7/d";
        assert_eq!(password(two, "two:7:d:u:2\none:5:d:u:2").as_deref(), Some("2"));
        assert_eq!(password(two, "*:*:d:u:x").as_deref(), Some("x"));
        for unlike in ["two:7:d:u:2\none:5:d:u:1", "two:7:d:u:2", "one:5:d:u:1"] {
            assert_eq!(password(two, unlike), None, "{unlike}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_other_users_can_read_is_an_error_that_shows_no_password() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        fs::write(&file, "*:*:*:*:hunter2").unwrap();
        let with = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            PostgresConfig::from_url("postgres://u@h/d").unwrap().with_password_file(&file)
        };
        for mode in [0o400, 0o600, 0o700] {
            assert!(with(mode).unwrap().has_password(), "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o602, 0o610] {
            let refused = with(mode).unwrap_err();
            let said = format!("{refused} {refused:?}");
            assert!(said.contains("run `chmod 600 ") && !said.contains("hunter2"), "{mode:o}: {said}");
        }
        // Without need it is not even looked at.
        let has_one = PostgresConfig::from_url("postgres://u:mine@h/d").unwrap();
        let has_one = has_one.with_password_file(&file).unwrap();
        assert_eq!(has_one.database.get_password(), Some(&b"mine"[..]));
        for missing in ["/dev/null", "/nowhere/.pgpass"] {
            let config = PostgresConfig::from_url("postgres://u@h/d").unwrap();
            assert!(!config.with_password_file(missing).unwrap().has_password());
        }
    }
}
