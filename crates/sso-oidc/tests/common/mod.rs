//! A runner of the real binary, and a stub server with prepared responses.
#![allow(dead_code, unreachable_pub, reason = "every test file uses another part of this module")]

pub mod session;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use oidc_proto::UnixSeconds;
use tempfile::TempDir;

/// The grant type of a device code.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The portal that the tests sign in to.
pub const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// The command line of a sign-in there.
pub const LOGIN: [&str; 6] = ["login", "--start-url", START_URL, "--region", "eu-west-1", "--no-browser"];

/// Returns a path below a directory as the system writes it.
pub fn native(path: &str) -> String {
    path.replace('/', std::path::MAIN_SEPARATOR_STR)
}

/// Returns how a message names the process that holds a lock. Windows lets others not even read a locked file, so the
/// message may have no name there.
pub fn holder(process: u32) -> String {
    if cfg!(windows) { String::new() } else { format!("process {process} (for ") }
}

/// Returns the system's words for a missing file. Both Unix and Windows give it this number.
pub fn no_such_file() -> String {
    std::io::Error::from_raw_os_error(2).to_string()
}

/// Returns that command line with more flags.
pub fn with(extra: &[&'static str]) -> Vec<&'static str> {
    LOGIN.iter().chain(extra).copied().collect()
}

/// Returns the only token file in the cache: the JSON file with an access token.
pub fn token_file(program: &Program) -> PathBuf {
    let directory = program.home.path().join(native(".aws/sso/cache"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("accessToken"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// Returns the only stored token.
pub fn stored(program: &Program) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(token_file(program)).unwrap()).unwrap()
}

/// Changes the only stored token.
pub fn edit(program: &Program, change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let mut token = stored(program);
    change(token.as_object_mut().unwrap());
    std::fs::write(token_file(program), token.to_string()).unwrap();
}

/// Returns the time in so many seconds, as cache files have it.
pub fn after(seconds: i64) -> String {
    let now = UnixSeconds::from(SystemTime::now()).get();
    sso_cache::format_time(UnixSeconds::new(now + seconds))
}

/// The result of a run of the program.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Asserts success and returns standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts an exit code and an empty standard output, and returns standard error.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self.stderr
    }

    /// Returns the printed JSON.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

/// The program with a temporary home directory and no other environment.
pub struct Program {
    pub home: TempDir,
    variables: Vec<(String, String)>,
    stdin: String,
}

impl Program {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables: Vec::new(), stdin: String::new() }
    }

    /// Sets this environment variable.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the text on standard input.
    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Writes this `~/.aws/config`.
    pub fn config(self, text: &str) -> Self {
        std::fs::create_dir_all(self.home.path().join(".aws")).unwrap();
        self.file(".aws/config", text);
        self
    }

    /// Writes a file below the home directory and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Returns the command, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sso-oidc"));
        command.args(arguments).env_clear().env("HOME", self.home.path());
        // Windows finds its sockets and its randomness by this one.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        if cfg!(any(windows, target_os = "macos")) {
            // No page opens on the screen of the person who runs the tests. Elsewhere that needs a variable.
            command.env("SSH_CONNECTION", "none");
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that does not read its input may close it.
        let _ = stdin.write_all(self.stdin.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the program in an empty environment.
pub fn run(arguments: &[&str]) -> Run {
    Program::new().run(arguments)
}

/// A running server, which is killed on drop.
pub struct Serving {
    pub child: Child,
    pub out: BufReader<ChildStdout>,
    pub endpoint: String,
}

impl Serving {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_as(&Program::new(), arguments)
    }

    pub fn start_as(program: &Program, arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = ["serve"].iter().chain(arguments).copied().collect();
        let mut child = program.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let endpoint = line.trim_end().strip_prefix("listening on ").expect("the one line").to_owned();
        Self { child, out, endpoint }
    }

    pub fn address(&self) -> &str {
        self.endpoint.split_once("://").unwrap().1
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the bytes of an HTTP response.
pub fn response(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

/// Returns a success response with this JSON.
pub fn success(body: &str) -> String {
    response(200, &[("content-type", "application/json"), ("x-amzn-requestid", "request-1")], body)
}

/// Returns a fault in AWS's form.
pub fn fault(status: u16, exception: &str, error: &str, description: &str) -> String {
    let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
    let exception = format!("{exception}:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/");
    response(status, &[("x-amzn-errortype", &exception), ("x-amzn-requestid", "request-2")], &body)
}

/// A server with prepared responses, one per connection. It repeats the last one. `adapter-tests` has a
/// larger one, which is not published, so these tests could not use it when the crate is packaged.
pub struct Stub {
    pub endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub fn new(answers: &[String]) -> Self {
        Self::naming_itself(|_| answers.to_vec())
    }

    /// Starts a server whose responses contain its address.
    pub fn naming_itself(answers: impl FnOnce(&str) -> Vec<String>) -> Self {
        Self::serving(answers, || {})
    }

    /// Starts a server that performs an action before each of its responses.
    pub fn serving(answers: impl FnOnce(&str) -> Vec<String>, happens: impl Fn() + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (answers(&endpoint), Arc::clone(&requests));
        thread::spawn(move || {
            // No test makes this many connections.
            for (index, stream) in listener.incoming().take(64).enumerate() {
                let answer = answers.get(index).or_else(|| answers.last()).cloned().unwrap_or_default();
                let _ = answer_one(stream.unwrap(), &answer, &seen, &happens);
            }
        });
        Self { endpoint, requests }
    }

    /// Starts a server that performs an action, then gives one response to every request.
    pub fn meanwhile(answer: String, happens: impl Fn() + Send + 'static) -> Self {
        Self::serving(move |_| vec![answer], happens)
    }

    /// Starts a server that gives one response to every request.
    pub fn always(answer: String) -> Self {
        Self::new(&[answer])
    }

    /// Returns the request bodies.
    pub fn bodies(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer_one(
    stream: TcpStream,
    answer: &str,
    seen: &Mutex<Vec<String>>,
    happens: &dyn Fn(),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    for _ in 0..100 {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    seen.lock().unwrap().push(String::from_utf8(body).unwrap());
    happens();
    (&stream).write_all(answer.as_bytes())
}
