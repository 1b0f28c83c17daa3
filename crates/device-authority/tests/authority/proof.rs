//! Registrations that outlive the store.

use core::time::Duration;
use device_authority::{Capacity, Memory, RegistrationKey, ServerPolicy, UserDecision};
use oidc_proto::{Client, FaultCode, RegisterClientRequest, Registration, Secret, grant_type};

use crate::common::{Bench, fault};

fn key(text: &str) -> RegistrationKey {
    RegistrationKey::new(Secret::new(text.repeat(43))).unwrap()
}

fn proving() -> ServerPolicy {
    ServerPolicy::default().with_registration_key(key("k"))
}

/// Restarts the server without any clients.
fn restart(bench: &mut Bench) {
    bench.store = Memory::new(Capacity::default());
}

fn registered(bench: &mut Bench) -> Registration {
    bench.register(&RegisterClientRequest::new("tool").with_scopes(["sso:account:access"])).unwrap()
}

#[test]
fn a_client_that_proves_its_registration_signs_in_after_a_restart_and_is_the_same_client() {
    let mut bench = Bench::new(proving());
    let mut ask = RegisterClientRequest::new("a ‘tool’").with_scopes(["a", "b"]);
    ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned(), grant_type::REFRESH_TOKEN.to_owned()];
    ask.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    ask.issuer_url = Some("https://d-1234567890.awsapps.com/start".to_owned());
    let registration = bench.register(&ask).unwrap();
    let before = bench.store.client(&registration.client.id).cloned().unwrap();
    restart(&mut bench);

    let device = bench.start(&registration.client).unwrap();
    let mut after = bench.store.client(&registration.client.id).cloned().unwrap();
    assert!(before.forget_at.since(after.forget_at) < Duration::from_secs(1));
    after.forget_at = before.forget_at;
    assert_eq!(after, before);
    let review = bench.store.review(&bench.policy, None, &device.user_code, bench.now).unwrap();
    assert_eq!((review.client_name.as_str(), review.scopes.len()), ("a ‘tool’", 2));
    bench.person(&device.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&registration.client, &device.device_code).unwrap().refresh_token.is_some());
}

#[test]
fn without_a_key_a_restart_makes_every_client_unknown() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = registered(&mut bench).client;
    restart(&mut bench);
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
}

#[test]
fn a_registration_of_another_key_or_with_anything_changed_proves_nothing() {
    let mut bench = Bench::new(proving());
    let (one, other) = (registered(&mut bench).client, registered(&mut bench).client);
    let secret = |client: &Client| client.secret.as_ref().unwrap().expose().to_owned();
    let (payload, code) = secret(&one).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    restart(&mut bench);
    let with = |id: &str, secret: String| Client::new(id, Secret::new(secret));
    let forged = [
        with(&other.id, secret(&one)),
        with(&one.id, secret(&other)),
        with(&one.id, format!("{payload}.")),
        with(&one.id, payload.clone()),
        with(&one.id, format!(".{code}")),
        with(&one.id, format!("{payload}.{}", &code[..code.len() - 2])),
        with(&one.id, format!("{}.{code}", payload.replacen('e', "f", 1))),
        with(&one.id, format!("{payload}.{code}.{code}")),
        with(&one.id, "x".repeat(64)),
        Client::public(one.id.clone()),
    ];
    for client in forged {
        assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient, "{client:?}");
        assert_eq!(fault(bench.refresh(&client, &Secret::from("x"))), FaultCode::InvalidClient);
    }
    bench.policy = ServerPolicy::default().with_registration_key(key("q"));
    assert_eq!(fault(bench.start(&one)), FaultCode::InvalidClient);
    bench.policy = proving();
    assert!(bench.start(&one).is_ok());
}

#[test]
fn a_registration_expires_after_a_restart_when_it_would_have_expired_without() {
    let mut bench = Bench::new(proving());
    let client = registered(&mut bench).client;
    bench.wait(7_776_000.0 - 1.0);
    restart(&mut bench);
    assert!(bench.start(&client).is_ok());
    bench.wait(1.0);
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
    restart(&mut bench);
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
    assert_eq!(bench.store.counts().clients, 0, "an expired one takes no place");
}

#[test]
fn a_recognized_client_hears_of_its_lost_grant_and_not_that_it_is_unknown_and_takes_no_place() {
    let mut bench = Bench::new(proving());
    let client = registered(&mut bench).client;
    let token = bench.sign_in(&client).refresh_token.unwrap();
    restart(&mut bench);
    assert_eq!(fault(bench.refresh(&client, &token)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.poll(&client, &token)), FaultCode::InvalidGrant);
    assert_eq!(bench.store.counts().clients, 0);
}

#[test]
fn a_client_that_is_refused_drives_no_other_out_of_a_full_store() {
    let mut bench = Bench::with_capacity(proving(), Capacity::default().with_clients(1));
    let other = registered(&mut bench).client;
    let known = registered(&mut bench).client;
    assert!(bench.store.client(&other.id).is_none() && bench.store.client(&known.id).is_some());
    assert!(bench.start_at(&other, "no address").is_err());
    assert!(bench.store.client(&known.id).is_some(), "it was not driven out");
    bench.wait(601.0);
    assert!(bench.start(&other).is_ok() && bench.store.client(&other.id).is_some());
}

#[test]
fn a_client_that_was_driven_out_of_a_full_store_comes_back_by_itself() {
    let mut bench = Bench::with_capacity(proving(), Capacity::default().with_clients(2));
    let clients: Vec<Client> = (0..5).map(|_| registered(&mut bench).client).collect();
    assert!(bench.store.client(&clients[0].id).is_none());
    for client in clients {
        bench.wait(601.0);
        let device = bench.start(&client).unwrap();
        bench.person(&device.user_code, UserDecision::APPROVE);
        assert!(bench.poll(&client, &device.device_code).is_ok());
        assert!(bench.store.counts().clients <= 2);
    }
}

#[test]
fn a_registration_that_proves_itself_may_carry_half_as_much_so_that_no_record_grows() {
    let long = |bytes: usize| {
        let mut ask = RegisterClientRequest::new("tool");
        ask.issuer_url = Some("x".repeat(bytes));
        ask
    };
    let mut bench = Bench::new(proving());
    assert!(bench.register(&long(2048 - 4)).is_ok());
    let refused = bench.register(&long(2048 - 3)).unwrap_err();
    assert_eq!(refused.code, FaultCode::InvalidClientMetadata);
    assert!(refused.description.unwrap().contains("2048"));
    for escaped in ["\u{1}", "\"", "\\"] {
        let mut ask = RegisterClientRequest::new("tool");
        ask.issuer_url = Some(escaped.repeat(2000));
        if let Ok(registration) = bench.register(&ask) {
            assert!(registration.client.secret.unwrap().expose().len() <= 4096, "{escaped:?}");
        }
        ask.issuer_url = Some("\u{1}".repeat(2000));
        assert!(bench.register(&ask).is_err());
    }
    bench.policy = ServerPolicy::default();
    assert!(bench.register(&long(4096 - 4)).is_ok());
    assert!(bench.register(&long(4096 - 3)).is_err());
}

#[test]
fn unknown_clients_are_believed_if_the_owner_says_so_and_the_first_secret_of_an_id_counts() {
    let client = |secret: &str| Client::new("wnJ2GiD2tgIyYm8o", Secret::from(secret));
    let mut bench = Bench::new(ServerPolicy::default().with_unknown_clients_accepted());
    assert_eq!(fault(bench.refresh(&client("one"), &Secret::from("x"))), FaultCode::InvalidGrant);
    let device = bench.start(&client("one")).unwrap();
    assert_eq!(fault(bench.start(&client("two"))), FaultCode::InvalidClient);
    bench.person(&device.user_code, UserDecision::APPROVE);
    let token = bench.poll(&client("one"), &device.device_code).unwrap();
    assert!(token.refresh_token.is_some(), "as one that registered for the portal's scope");
    bench.policy = ServerPolicy::default();
    assert!(bench.start(&client("one")).is_ok(), "it is known by now");
}

#[test]
fn what_cannot_be_a_client_is_not_believed_either() {
    let mut bench = Bench::new(ServerPolicy::default().with_unknown_clients_accepted());
    for client in [
        Client::public("no-secret"),
        Client::new("x".repeat(257), Secret::from("s")),
        Client::new("with space", Secret::from("s")),
        Client::new("id", Secret::new("s".repeat(4097))),
        Client::new("id", Secret::from("\u{1b}[2J")),
    ] {
        assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient, "{client:?}");
    }
}

#[test]
fn believed_clients_fill_no_more_than_the_store_holds() {
    let policy = ServerPolicy::default().with_unknown_clients_accepted();
    let mut bench = Bench::with_capacity(policy, Capacity::default().with_clients(3));
    for at in 0..20 {
        bench.wait(601.0);
        assert!(bench.start(&Client::new(format!("id-{at}"), Secret::from("s"))).is_ok());
        assert!(bench.store.counts().clients <= 3);
    }
}
