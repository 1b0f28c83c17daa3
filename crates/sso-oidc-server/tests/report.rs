//! The report, for a rude client and a polite one, at virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use serde_json::Value;
use sso_oidc_server::{Approval, Client, Config, Finding, InProcess, Rotation, SlowDown};

/// A client by hand, and its service.
struct World {
    service: InProcess,
    seconds: Arc<AtomicU64>,
}

impl World {
    fn new(config: Config) -> Self {
        let seconds = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&seconds);
        let config = config.with_client(Client::public("tool")).with_interval(Duration::from_secs(5));
        let now = move || Duration::from_secs(time.load(Ordering::Relaxed));
        Self { service: InProcess::new(config.with_report(), now).unwrap(), seconds }
    }

    fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn form(&self, path: &str, form: &str) -> Value {
        let url = format!("{}{path}", self.service.endpoint());
        let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.service.answer(&request.body(form.as_bytes()).unwrap());
        serde_json::from_slice(answer.body()).unwrap()
    }

    fn start(&self) -> String {
        let codes = self.form("/oauth/device_authorization", "client_id=tool&scope=openid");
        codes["device_code"].as_str().unwrap().to_owned()
    }

    fn poll(&self, code: &str) -> Value {
        let grant = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
        self.form("/oauth/token", &format!("{grant}&client_id=tool&device_code={code}"))
    }

    fn refresh(&self, token: &Value) -> Value {
        let token = token["refresh_token"].as_str().unwrap();
        self.form("/oauth/token", &format!("grant_type=refresh_token&client_id=tool&refresh_token={token}"))
    }

    fn findings(&self) -> Vec<(Finding, u64)> {
        self.service.handle().report().findings()
    }
}

#[test]
fn a_polite_client_signs_in_and_refreshes_without_a_finding() {
    let world = World::new(Config::default().with_approval(Approval::AfterPolls(2)));
    let code = world.start();
    let mut answer = Value::Null;
    for _ in 0..3 {
        world.wait(5);
        answer = world.poll(&code);
    }
    answer = world.refresh(&answer);
    assert!(world.refresh(&answer)["access_token"].is_string());
    assert_eq!(world.findings(), []);
    let report = world.service.handle().report();
    assert_eq!((report.polls, report.sign_ins, report.repeats_after_loss), (3, 1, 0));
}

#[test]
fn a_code_that_is_used_again_in_its_grace_is_no_spent_secret() {
    let config = Config::default().with_approval(Approval::Auto).with_device_grace(Duration::from_secs(30));
    let world = World::new(config);
    let code = world.start();
    let first = world.poll(&code);
    world.wait(29);
    let again = world.poll(&code);
    assert_eq!(
        (&again["access_token"], &again["refresh_token"]),
        (&first["access_token"], &first["refresh_token"])
    );
    assert_eq!(world.findings(), []);
    world.wait(1);
    assert_eq!(world.poll(&code)["error"], "invalid_grant");
    let spent = world.findings().into_iter().find(|(finding, _)| *finding == Finding::SpentSecrets);
    assert_eq!(spent, Some((Finding::SpentSecrets, 1)));
}

#[test]
fn a_rude_client_is_told_everything() {
    let world = World::new(
        Config::default()
            .with_approval(Approval::AfterPolls(3))
            .with_slow_down(SlowDown::Strict)
            .with_rotation(Rotation::Grace),
    );
    let code = world.start();
    world.poll(&code);
    world.wait(1);
    assert_eq!(world.poll(&code)["error"], "slow_down");
    world.wait(5);
    assert_eq!(world.poll(&code)["error"], "slow_down", "ten seconds were due");
    world.wait(15);
    let token = world.poll(&code);
    assert!(token["access_token"].is_string(), "{token}");
    world.refresh(&token);
    world.refresh(&token);
    world.poll(&code);
    world.form("/oauth/token?refresh_token=x", "");
    assert_eq!(
        world.findings(),
        [
            (Finding::EarlyPolls, 1),
            (Finding::SlowDownsIgnored, 1),
            (Finding::PollsAfterEnd, 1),
            (Finding::SpentSecrets, 2),
            (Finding::SecretsInQuery, 1),
        ]
    );
}

#[test]
fn polls_after_a_denial_or_an_expiry_are_too_many() {
    for approval in [Approval::Deny, Approval::Expire] {
        let world = World::new(Config::default().with_approval(approval));
        let code = world.start();
        for _ in 0..4 {
            world.wait(5);
            world.poll(&code);
        }
        // `Expire` begins with the second poll.
        let expected = if approval == Approval::Deny { 3 } else { 2 };
        assert_eq!(world.findings(), [(Finding::PollsAfterEnd, expected)], "{approval}");
    }
}

#[test]
fn a_server_that_is_not_asked_for_a_report_has_none() {
    let service = InProcess::new(Config::default(), || Duration::ZERO).unwrap();
    let url = format!("{}/token?device_code=x", service.endpoint());
    let _ = service.answer(&Request::post(url).body(&b"{}"[..]).unwrap());
    assert_eq!(service.handle().report(), Default::default());
}

#[test]
fn a_client_is_judged_by_the_interval_of_its_script() {
    let script = r#"
        [[sign_in]]
        interval = 10
        polls = ["pending"]
        [[sign_in]]
        interval = 2
        device_code = "same"
        polls = [{ answer = "pending", times = 2 }, "deny"]
        [[sign_in]]
        device_code = "same"
        polls = [{ answer = "pending", times = 3 }, "deny"]
    "#;
    let world = World::new(Config::default().with_script(script.parse().unwrap()));
    let polls = |gaps: &[u64]| {
        let code = world.start();
        for gap in gaps {
            world.poll(&code);
            world.wait(*gap);
        }
    };
    polls(&[10, 10]);
    assert_eq!(world.findings(), []);
    polls(&[2, 2, 2]);
    assert_eq!(world.findings(), [], "the interval of the server is longer");
    polls(&[5, 5, 5]);
    assert_eq!(world.findings(), [], "a code that was chosen twice is no poll after the end");
    polls(&[2, 2]);
    assert_eq!(
        world.findings(),
        [(Finding::EarlyPolls, 1)],
        "without a sign-in the interval of the server counts"
    );
}
