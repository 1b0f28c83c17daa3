//! Several people: who approves, and what the record of a sign-in says.

mod common;

use common::browser::{Browser, csrf, waiting};
use common::code::{Browser as Requests, query, refreshed};
use common::{Http, start, text};
use serde_json::{Value, json};
use sso_oidc_server::{
    Approval, Client, Config, Control, DeviceStatus, People, Person, PersonError, Secret, Subject, TestServer,
};

fn people() -> People {
    let person = |subject| Person::new(Subject::new(subject).unwrap());
    People::new([
        person("alice").with_name("Alice Example").with_email("alice@example.com"),
        person("b<o>b&").with_name("Bob \"<b>\" & Co"),
        person("carol"),
    ])
    .unwrap()
}

fn config() -> Config {
    Config::default().with_people(people()).with_client(Client::public("public"))
}

fn server() -> TestServer {
    TestServer::with(config()).unwrap()
}

/// Returns who approved the only device that was approved and has no token yet.
#[track_caller]
fn approver(server: &TestServer) -> String {
    let devices = server.handle().devices().unwrap();
    let approved = devices.iter().find(|device| device.status == DeviceStatus::Approved);
    approved.unwrap_or_else(|| panic!("none is approved: {devices:?}")).approved_by.unwrap().to_string()
}

#[test]
fn the_page_asks_who_approves_and_the_device_has_that_person() {
    let server = server();
    let (mut http, client, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let page = browser.look(&device.user_code);
    let options: Vec<&str> = page.body.lines().filter(|line| line.starts_with("<option")).collect();
    assert_eq!(
        options,
        [
            "<option value=\"alice\">Alice Example (alice@example.com)</option>",
            "<option value=\"b&lt;o&gt;b&amp;\">Bob &quot;&lt;b&gt;&quot; &amp; Co (b&lt;o&gt;b&amp;)</option>",
            "<option value=\"carol\">carol</option>",
        ]
    );
    assert!(page.body.contains("<label for=\"subject\">") && page.body.contains("<select id=\"subject\""));
    let done = browser.press(&device.user_code, &csrf(&page), "approve&subject=b%3Co%3Eb%26", &[]);
    assert_eq!(done.status, 200);
    assert!(done.body.contains("signed in as Bob &quot;&lt;b&gt;&quot; &amp; Co"), "{}", done.body);
    assert_eq!(approver(&server), "b<o>b&");
    assert_eq!(http.poll(&client, &device).status, 200);
}

#[test]
fn a_form_without_a_person_is_the_first_ones_and_one_with_an_unknown_person_decides_nothing() {
    let server = server();
    let (_, _, device) = waiting(&server);
    let mut browser = Browser::at(&server);
    let token = csrf(&browser.look(&device.user_code));
    for unknown in
        ["approve&subject=", "approve&subject=dave", "approve&subject=Alice", "approve&subject=a%00"]
    {
        let refused = browser.press(&device.user_code, &token, unknown, &[]);
        assert_eq!(refused.status, 400, "{unknown}");
        assert!(refused.body.contains("a person that this server does not know"), "{}", refused.body);
    }
    assert_eq!(server.pending(), [device.user_code.as_str()]);
    assert_eq!(browser.press(&device.user_code, &token, "approve", &[]).status, 200);
    assert_eq!(approver(&server), "alice");
}

#[test]
fn one_person_is_not_asked() {
    let alone = People::new([Person::new(Subject::new("alice").unwrap()).with_name("Alice")]).unwrap();
    for (config, subject) in [(Config::default().with_people(alone), "alice"), (Config::default(), "person")]
    {
        let server = TestServer::with(config).unwrap();
        let (_, _, device) = waiting(&server);
        let mut browser = Browser::at(&server);
        let page = browser.look(&device.user_code);
        assert!(!page.body.contains("<select"), "{}", page.body);
        let done = browser.press(&device.user_code, &csrf(&page), "approve", &[]);
        assert!(done.body.contains("Your device is being signed in."), "{}", done.body);
        assert_eq!(approver(&server), subject);
    }
}

#[test]
fn a_form_of_the_code_flow_is_for_one_person() {
    let server = server();
    let query = query(&[]);
    let mut browser = Requests::at(&server);
    let (page, csrf) = browser.look(&query);
    assert!(page.body.contains("<option value=\"carol\">carol</option>"), "{}", page.body);
    assert_eq!(browser.press(&query, &csrf, "approve&subject=dave", &[]).status, 400);
    let first = refreshed(&browser.press(&query, &csrf, "approve&subject=carol", &[]));
    for other in ["approve", "approve&subject=alice", "deny"] {
        assert_eq!(browser.press(&query, &csrf, other, &[]).status, 410, "{other}");
    }
    assert_eq!(refreshed(&browser.press(&query, &csrf, "approve&subject=carol", &[])), first);
}

#[test]
fn a_simulated_person_is_the_first_one() {
    let server = TestServer::with(config().with_approval(Approval::Auto)).unwrap();
    waiting(&server);
    assert_eq!(approver(&server), "alice");
}

#[test]
fn a_test_approves_as_a_person() {
    let server = server();
    let (_, _, device) = waiting(&server);
    for unknown in ["dave", "two words", "", "Carol"] {
        assert_eq!(
            server.approve_as(&device.user_code, unknown),
            Err(PersonError::NoSuchPerson),
            "{unknown}"
        );
    }
    server.approve_as(&device.user_code, "carol").unwrap();
    assert_eq!(approver(&server), "carol");
}

#[test]
fn the_control_api_approves_as_a_person_and_tells_who_approved() {
    let config = config().with_control(Control::new(Secret::from("t")));
    let server = TestServer::with(config).unwrap();
    let mut control = Http::to_endpoint(server.handle().control_endpoint().unwrap());
    let mut ask = |method: &str, path: &str, body: &Value| {
        let path = format!("/_control/{path}");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let response = control.send(method, &path, &[("Authorization", "Bearer t")], &body);
        (response.status, response.json())
    };
    let mut http = Http::to(&server);
    for (subject, recorded) in [(json!("carol"), "carol"), (Value::Null, "alice")] {
        let device = start(&mut http, "public", "openid");
        let code = text(&device, "user_code");
        let (status, said) = ask("POST", "approve", &json!({ "user_code": code, "subject": "dave" }));
        assert_eq!((status, text(&said, "error")), (404, "unknown_person"));
        let approval = ask("POST", "approve", &json!({ "user_code": code, "subject": subject }));
        assert_eq!(approval, (200, json!({})));
        let (_, devices) = ask("GET", "devices", &Value::Null);
        let devices = devices["devices"].as_array().unwrap();
        let device = devices.iter().find(|device| device["user_code"] == code).unwrap();
        assert_eq!((&device["state"], &device["approved_by"]), (&json!("approved"), &json!(recorded)));
    }
}
