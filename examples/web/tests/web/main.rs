//! The server against the whole service, without a socket and in tokio's paused time.

mod world;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use device_flow_reqwest::{Endpoint, HttpClient, Policy};
use example_web::SignIns;
use sso_oidc_server::Config;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;

use world::{Network, PORTAL, Process, World, edit, service, waiting};

#[tokio::test(start_paused = true)]
async fn a_thousand_users_are_signed_in_across_a_restart() {
    const USERS: usize = 1_000;
    let world = World::new(Config::default());
    let process = Arc::new(world.begin().await);
    let mut starts = JoinSet::new();
    for _ in 0..USERS {
        let process = Arc::clone(&process);
        starts.spawn(async move { process.start().await });
    }
    let users = starts.join_all().await;
    let (early, late) = users.split_at(USERS / 2);
    for (_, code) in early {
        world.person().approve(code).unwrap();
    }
    for (id, _) in early {
        process.comes_to(id, "signed_in").await;
    }
    Arc::into_inner(process).unwrap().end().await;
    assert_eq!((world.count("flow"), world.count("session")), (USERS / 2, USERS / 2));

    let process = world.begin().await;
    for (_, code) in late {
        world.person().approve(code).unwrap();
    }
    for (id, _) in &users {
        process.comes_to(id, "signed_in").await;
    }
    assert_eq!((world.count("flow"), world.count("session")), (0, USERS));
    assert_eq!(world.registrations(), 1);
    world.check_that_no_answer_held_a_secret();
    process.end().await;
}

/// Returns the files that the process would leave if it were killed now.
async fn kill(process: Process) -> TempDir {
    let left = TempDir::new().unwrap();
    for file in fs::read_dir(process.world.directory()).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
    }
    process.end().await;
    left
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_killed_leaves_what_the_next_needs() {
    let world = World::new(Config::default());
    let (process, id, code) = waiting(&world).await;
    let left = kill(process).await;
    let process = world.begin_in(left.path()).await;
    assert_eq!(process.stands(&id).await["user_code"], code);
    world.person().approve(&code).unwrap();
    process.comes_to(&id, "signed_in").await;
    assert_eq!(world.registrations(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_lost_on_the_way_is_told_after_a_kill_too() {
    let world = World::new(Config::default());
    let (process, id, code) = waiting(&world).await;
    world.set(Network::OneWay);
    world.person().approve(&code).unwrap();
    sleep(Duration::from_secs(10)).await;
    let left = kill(process).await;
    world.set(Network::Up);
    let stands = world.begin_in(left.path()).await.comes_to(&id, "not_signed_in").await;
    assert!(stands["reason"].as_str().unwrap().contains("lost"), "{stands}");
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_told_and_leaves_no_file() {
    let world = World::new(Config::default());
    let (process, id, code) = waiting(&world).await;
    world.person().deny(&code).unwrap();
    let stands = process.comes_to(&id, "not_signed_in").await;
    assert!(stands["reason"].as_str().unwrap().contains("denied"), "{stands}");
    assert_eq!(world.count("flow"), 0);
    sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(process.ask("GET", &format!("/sign-in/{id}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_is_given_up_is_gone_with_its_file() {
    let world = World::new(Config::default());
    let (process, waiting, _) = waiting(&world).await;
    let (signed_in, code) = process.start().await;
    world.person().approve(&code).unwrap();
    process.comes_to(&signed_in, "signed_in").await;
    for id in [waiting, signed_in] {
        let path = format!("/sign-in/{id}");
        assert_eq!(process.ask("DELETE", &path).await.0, StatusCode::OK);
        for method in ["GET", "DELETE"] {
            assert_eq!(process.ask(method, &path).await.0, StatusCode::NOT_FOUND);
        }
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!((world.count("flow"), world.count("session")), (0, 0));
    process.end().await;
    assert_eq!((world.count("flow"), world.count("session")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_and_an_unknown_address_are_said_to_be_so() {
    let process = World::new(Config::default()).begin().await;
    for path in ["/sign-in/registration", "/sign-in/..%2Flock", "/elsewhere"] {
        let (status, answer) = process.ask("GET", path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(answer["error"].as_str().is_some_and(|error| error.starts_with("there is no")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_is_said_to_be_so_and_the_next_user_gets_a_code() {
    let world = World::new(Config::default());
    let process = world.begin().await;
    world.set(Network::Down);
    let (status, answer) = process.ask("POST", "/sign-in").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer["error"].as_str().unwrap().contains("network"), "{answer}");
    world.set(Network::Up);
    process.start().await;
}

#[tokio::test(start_paused = true)]
async fn users_who_come_while_one_registers_wait_for_that_registration() {
    let world = World::new(Config::default());
    let process = world.begin().await;
    world.set(Network::Down);
    tokio::join!(process.start(), process.start(), process.start(), async {
        sleep(Duration::from_secs(2)).await;
        world.set(Network::Up);
    });
    assert_eq!(world.registrations(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_code_is_turned_away_when_the_server_ends() {
    let world = World::new(Config::default());
    let process = world.begin().await;
    world.set(Network::Down);
    let (asked, ()) = tokio::join!(process.ask("POST", "/sign-in"), async {
        sleep(Duration::from_secs(2)).await;
        process.sign_ins.ending.cancel();
    });
    assert_eq!(
        (asked.0, &asked.1["error"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"the server is ending".into())
    );
    process.end().await;
    assert_eq!(world.count("flow"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_the_service_forgot_is_replaced_for_all() {
    let world = World::new(Config::default());
    let process = world.begin().await;
    process.start().await; // This one registers for all.
    let (id, old) = process.start().await;
    *world.0.service.lock().unwrap() = service(Config::default());
    for _ in 0..3 {
        process.start().await;
    }
    assert_eq!(world.registrations(), 2);
    // The waiting user's code has expired too.
    sleep(Duration::from_secs(10)).await;
    let stands = process.stands(&id).await;
    let new = stands["user_code"].as_str().unwrap();
    assert_ne!(new, old);
    world.person().approve(new).unwrap();
    process.comes_to(&id, "signed_in").await;
    let registrations = world.registrations();
    process.end().await;
    world.begin().await.start().await;
    assert_eq!(world.registrations(), registrations);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_ends_soon_is_replaced() {
    let world = World::new(Config::default());
    let (process, ..) = waiting(&world).await;
    process.end().await;
    let file = world.directory().join("registration.json");
    edit(&file, |kept| kept["registration"][1]["expires_at"] = 1_700_000_000.into());
    world.begin().await.start().await;
    assert_eq!(world.registrations(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_registration_of_another_service_is_not_shown_to_this_one() {
    let world = World::new(Config::default());
    let (process, ..) = waiting(&world).await;
    process.end().await;
    let file = world.directory().join("registration.json");
    let text = fs::read_to_string(&file).unwrap();
    let other = text.replace(world.person().endpoint(), "https://elsewhere.example");
    assert_ne!(text, other);
    fs::write(&file, other).unwrap();
    world.begin().await.start().await;
    assert_eq!(world.registrations(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_due_is_refreshed_and_kept() {
    // The lifetime is so short that a session is always due.
    let world = World::new(Config::default().with_access_ttl(Duration::from_secs(600)));
    let (process, id, code) = waiting(&world).await;
    world.person().approve(&code).unwrap();
    process.comes_to(&id, "signed_in").await;
    let file = world.directory().join(format!("{id}.json"));
    let first = fs::read(&file).unwrap();
    sleep(Duration::from_secs(61)).await;
    assert_ne!(fs::read(&file).unwrap(), first);
    assert_eq!(process.stands(&id).await["status"], "signed_in");
    world.check_that_no_answer_held_a_secret();
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_token_is_dead_and_the_service_says_no() {
    let world = World::new(Config::default());
    let (process, id, code) = waiting(&world).await;
    world.person().approve(&code).unwrap();
    process.comes_to(&id, "signed_in").await;
    process.end().await;
    let file = world.directory().join(format!("{id}.json"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // The token's expiry, the network's state, and the resulting state of the session.
    let cases = [
        (now + 300, Network::Up, "signed_in"),
        (now - 300, Network::Down, "signed_in"),
        (now - 300, Network::Up, "not_signed_in"),
    ];
    for (expires_at, network, status) in cases {
        edit(&file, |kept| {
            kept["session"]["expires_at"] = expires_at.into();
            kept["session"]["token"]["refresh_token"] = "unknown".into();
        });
        world.set(network);
        let process = world.begin().await;
        sleep(Duration::from_secs(600)).await;
        assert_eq!(process.stands(&id).await["status"], status, "{expires_at} {network:?}");
        process.end().await;
    }
    assert!(!file.exists());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_is_left_aside() {
    let world = World::new(Config::default());
    let (process, id, _) = waiting(&world).await;
    process.end().await;
    let file = world.directory().join(format!("{id}.json"));
    let torn = &fs::read(&file).unwrap()[..100];
    fs::write(world.directory().join("torn.json"), torn).unwrap();
    let process = world.begin().await;
    assert_eq!(process.stands(&id).await["status"], "waiting");
    assert_eq!(process.ask("GET", "/sign-in/torn").await.0, StatusCode::NOT_FOUND);
    process.end().await;
    assert_eq!(fs::read(world.directory().join("torn.json")).unwrap(), torn);
}

#[tokio::test(start_paused = true)]
async fn two_servers_do_not_share_a_directory() {
    let world = World::new(Config::default());
    let process = world.begin().await;
    let client = HttpClient::new(Endpoint::for_region("eu-west-1").unwrap()).unwrap();
    let second = SignIns::open(client, Policy::aws(PORTAL), world.directory()).await;
    assert_eq!(second.err().unwrap().to_string(), "another server uses this directory");
    process.end().await;
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new(Config::default());
    let directory = world.directory().join("new");
    let process = world.begin_in(&directory).await;
    let (id, _) = process.start().await;
    process.end().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in [&*id, "registration"] {
        assert_eq!(mode(&directory.join(format!("{name}.json"))), 0o600);
    }
}
