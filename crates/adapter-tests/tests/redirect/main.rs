//! The listener for the browser's redirect, in both adapters: browsers, foreign programs, and pasted addresses.

mod browser;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use device_flow::{
    BrowserPrompt, Callback, Outcome, Policy, ResponseBody, SignInError, SignedIn, TransportError,
    VirtualTime,
};
use http::Response;
use oidc_proto::{Client, Endpoint, Secret};

use browser::{Connection, get, target};

const TOKEN: &str = r#"{"accessToken":"t","expiresIn":3600,"refreshToken":"r"}"#;

fn policy() -> Policy {
    Policy::aws("https://d-1234567890.awsapps.com/start")
        .with_client(Client::new("id", Secret::from("secret")))
}

fn service() -> Endpoint {
    Endpoint::custom("http://127.0.0.1:9").unwrap()
}

/// Answers each request with the next of these bodies and statuses.
fn answers(
    bodies: &[(u16, &'static str)],
) -> impl Fn(&http::Request<&[u8]>) -> Result<Response<ResponseBody>, TransportError> + Send + Sync + 'static
{
    let bodies = Mutex::new(bodies.to_vec());
    move |_| {
        let mut bodies = bodies.lock().unwrap();
        let (status, body) = bodies.remove(0);
        Ok(Response::builder().status(status).body(ResponseBody::from(body)).unwrap())
    }
}

/// What acts as the person and the browser.
type Person = Box<dyn FnOnce(BrowserPrompt, Paste) + Send>;

/// A sign-in by one adapter, with what acts as the person and the browser.
type Run = fn(Policy, &[(u16, &'static str)], Person) -> Ended;

struct Ended {
    result: Result<SignedIn, SignInError>,
    port: u16,
}

/// The way in for a pasted address, of either adapter.
enum Paste {
    Blocking(device_flow_ureq::Paste),
    Async(device_flow_reqwest::Paste),
}

impl Paste {
    fn address(&self, address: &str) -> Callback {
        match self {
            Self::Blocking(paste) => paste.address(address),
            Self::Async(paste) => runtime().block_on(paste.address(address)),
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs the person in a thread of its own, with a copy of the prompt.
fn in_thread(person: Option<Person>, prompt: &BrowserPrompt, paste: Paste) {
    let (person, prompt) = (person.expect("one prompt"), prompt.clone());
    std::thread::spawn(move || person(prompt, paste));
}

fn blocking(policy: Policy, bodies: &[(u16, &'static str)], person: Person) -> Ended {
    let client =
        device_flow_ureq::HttpClient::builder(service()).answered_by(answers(bodies)).build().unwrap();
    let listener = device_flow_ureq::Listener::bind().unwrap();
    let (port, paste) = (listener.redirect_uri().port(), listener.paste());
    let mut person = Some(person);
    let result = client.code_login(policy, listener).run(|prompt| {
        in_thread(person.take(), prompt, Paste::Blocking(paste.clone()));
    });
    Ended { result, port }
}

fn r#async(policy: Policy, bodies: &[(u16, &'static str)], person: Person) -> Ended {
    let client =
        device_flow_reqwest::HttpClient::builder(service()).answered_by(answers(bodies)).build().unwrap();
    runtime().block_on(async {
        let listener = device_flow_reqwest::Listener::bind().await.unwrap();
        let (port, paste) = (listener.redirect_uri().port(), listener.paste());
        let mut person = Some(person);
        let login = client.code_login(policy, listener);
        let signing_in =
            login.run(move |prompt| in_thread(person.take(), prompt, Paste::Async(paste.clone())));
        // A sign-in can run in a task of its own.
        let result = tokio::spawn(signing_in).await.unwrap();
        Ended { result, port }
    })
}

const BOTH: [Run; 2] = [blocking, r#async];

/// Sends what the person saw to the test.
fn told<T: Send + 'static>(
    act: impl FnOnce(BrowserPrompt, Paste) -> T + Send + 'static,
) -> (Person, std::sync::mpsc::Receiver<T>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let act = move |prompt: BrowserPrompt, paste: Paste| drop(sender.send(act(prompt, paste)));
    (Box::new(act), receiver)
}

#[test]
fn the_browser_that_brings_the_code_is_told_that_the_person_is_signed_in() {
    for run in BOTH {
        let (person, page) = told(|prompt, _| get(&prompt, &target(&prompt, "code=c")));
        let ended = run(policy(), &[(200, TOKEN)], person);
        assert_eq!(ended.result.unwrap().token.refresh_token, Some(Secret::from("r")));
        let page = page.recv().unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("You are signed in"), "{page}");
        assert!(Connection::open(ended.port).is_none(), "the port is closed");
    }
}

#[test]
fn a_request_whose_lines_end_with_a_bare_line_feed_is_answered_like_any_other() {
    for run in BOTH {
        let (person, page) = told(|prompt, _| {
            let request = format!("GET {} HTTP/1.1\nHost: 127.0.0.1\n\n", target(&prompt, "code=c"));
            browser::exchange(prompt.redirect_uri.port(), &request)
        });
        assert!(run(policy(), &[(200, TOKEN)], person).result.is_ok());
        assert!(page.recv().unwrap().contains("You are signed in"));
    }
}

#[test]
fn a_refused_exchange_and_a_denial_are_told_to_the_browser_too() {
    for run in BOTH {
        let refusal = r#"{"error":"invalid_grant","error_description":"<b>evil</b>"}"#;
        let (person, page) = told(|prompt, _| get(&prompt, &target(&prompt, "code=c")));
        let ended = run(policy(), &[(400, refusal)], person);
        assert!(matches!(ended.result.unwrap_err().outcome, Outcome::Rejected { .. }));
        let page = page.recv().unwrap();
        assert!(page.contains("You are not signed in") && !page.contains("evil"), "{page}");

        let (person, page) = told(|prompt, _| get(&prompt, &target(&prompt, "error=access_denied")));
        let ended = run(policy(), &[], person);
        assert!(matches!(ended.result.unwrap_err().outcome, Outcome::Denied(_)));
        assert!(page.recv().unwrap().contains("The sign-in was denied on the approval page"));
    }
}

#[test]
fn foreign_requests_and_speculative_connections_hold_up_no_browser() {
    for run in BOTH {
        let (person, pages) = told(|prompt, _| {
            let port = prompt.redirect_uri.port();
            // More than the listener keeps. The oldest give way.
            let silent: Vec<_> = (0..40).map(|_| Connection::open(port).unwrap()).collect();
            let mut partial = Connection::open(port).unwrap();
            partial.send("GET /oauth/callback?code=half");
            let pages = [
                get(&prompt, "/favicon.ico"),
                get(&prompt, "/oauth/callback?code=c&state=guess"),
                browser::exchange(
                    port,
                    "POST /oauth/callback HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                ),
                browser::exchange(port, "\x16\x03\x01 no http\r\n\r\n"),
                get(&prompt, &target(&prompt, "code=c")),
                get(&prompt, &target(&prompt, "code=c")),
            ];
            drop((silent, partial));
            pages
        });
        assert!(run(policy(), &[(200, TOKEN)], person).result.is_ok());
        let pages = pages.recv().unwrap();
        let statuses = pages.each_ref().map(|page| page.get(..12).unwrap_or_default());
        assert_eq!(
            statuses[..5],
            ["HTTP/1.1 404", "HTTP/1.1 400", "HTTP/1.1 405", "HTTP/1.1 400", "HTTP/1.1 200"]
        );
        // The sign-in is over by then, and perhaps the port is closed.
        assert!(["HTTP/1.1 410", ""].contains(&statuses[5]), "{}", statuses[5]);
    }
}

#[test]
fn a_pasted_address_signs_in() {
    for run in BOTH {
        let (person, answers) = told(|prompt, paste| {
            let good =
                format!(" http://127.0.0.1:{}{}\n", prompt.redirect_uri.port(), target(&prompt, "code=c"));
            ["https://example.com/", "", &good.replace("state=", "state=x"), &good]
                .map(|text| paste.address(text))
        });
        assert!(run(policy(), &[(200, TOKEN)], person).result.is_ok());
        let expected = [Callback::NotFound, Callback::NotFound, Callback::Unrelated, Callback::Accepted];
        assert_eq!(answers.recv().unwrap(), expected);
    }
}

#[test]
fn a_browser_that_never_comes_back_ends_the_sign_in_after_the_policys_time() {
    for run in BOTH {
        let (person, _) = told(|_, _| ());
        let ended = run(policy().with_redirect_timeout(Duration::from_millis(100)), &[], person);
        assert_eq!(ended.result.unwrap_err().outcome, Outcome::NoRedirect);
        assert!(Connection::open(ended.port).is_none(), "the port is closed");
    }
}

#[test]
fn with_virtual_time_the_wait_for_a_browser_is_real_and_ends_at_the_deadline_all_the_same() {
    let policy = || policy().with_redirect_timeout(Duration::from_millis(100));
    let blocking = |time: &VirtualTime| {
        let client = device_flow_ureq::HttpClient::builder(service()).answered_by(answers(&[]));
        let listener = device_flow_ureq::Listener::bind().unwrap();
        client.build().unwrap().code_login(policy(), listener).clock(time.clone()).run(|_| ())
    };
    let r#async = |time: &VirtualTime| {
        let client = device_flow_reqwest::HttpClient::builder(service()).answered_by(answers(&[]));
        runtime().block_on(async {
            let listener = device_flow_reqwest::Listener::bind().await.unwrap();
            client.build().unwrap().code_login(policy(), listener).clock(time.clone()).run(|_| ()).await
        })
    };
    ends_at_the_deadline(blocking);
    ends_at_the_deadline(r#async);
}

/// Checks a sign-in whose browser has 100 ms, and does not come back.
fn ends_at_the_deadline(run: impl FnOnce(&VirtualTime) -> Result<SignedIn, SignInError>) {
    let (began, time) = (Instant::now(), VirtualTime::default());
    let before = time.now();
    assert_eq!(run(&time).unwrap_err().outcome, Outcome::NoRedirect);
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(time.now().since(before), Duration::from_millis(100));
}

#[test]
fn only_the_loopback_address_of_the_redirect_uri_listens() {
    let listener = device_flow_ureq::Listener::bind().unwrap();
    let port = listener.redirect_uri().port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    if cfg!(target_os = "linux") {
        assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_err());
    }
}

#[test]
fn a_blocking_sign_in_is_cancelled_while_it_listens() {
    let client = device_flow_ureq::HttpClient::builder(service()).answered_by(answers(&[])).build().unwrap();
    let cancel = device_flow_ureq::Cancel::new();
    let by_person = cancel.clone();
    let listener = device_flow_ureq::Listener::bind().unwrap();
    let login = client.code_login(policy(), listener).cancelled_by(&cancel);
    let end = login.run(|_| by_person.cancel()).unwrap_err();
    assert_eq!((end.outcome, end.prompted), (Outcome::Cancelled, true));
}

#[test]
fn a_dropped_async_sign_in_closes_its_port() {
    let client =
        device_flow_reqwest::HttpClient::builder(service()).answered_by(answers(&[])).build().unwrap();
    runtime().block_on(async {
        let listener = device_flow_reqwest::Listener::bind().await.unwrap();
        let port = listener.redirect_uri().port();
        let signing_in = client.code_login(policy(), listener).run(|_| ());
        let soon = tokio::time::timeout(Duration::from_millis(50), signing_in).await;
        assert!(soon.is_err() && Connection::open(port).is_none());
    });
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let blocking = device_flow_ureq::Listener::on_port(port).unwrap_err();
    let r#async = runtime().block_on(device_flow_reqwest::Listener::on_port(port)).unwrap_err();
    for (text, kind) in
        [(blocking.to_string(), blocking.source.kind()), (r#async.to_string(), r#async.source.kind())]
    {
        assert_eq!(text, format!("cannot listen on 127.0.0.1:{port} for the browser's redirect"));
        assert_eq!(kind, std::io::ErrorKind::AddrInUse);
    }
}
