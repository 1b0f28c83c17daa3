//! Several stores in one database are one service.

mod common;

use core::time::Duration;
use std::sync::Arc;

use common::{Database, Tool, approve, at, entropy, meanwhile, policy};
use device_authority::{
    AuthorizationStatus, Capacity, Change, ClientRecord, DeviceKey, GuessLimit, Keys, PersonError, Records,
    Rotation, Selector, Source, Store, StoreError, UserCode, UserDecision,
};
use oidc_proto::oauth::RevocationRequest;
use oidc_proto::{
    Client, CreateTokenRequest, FaultCode, Grant, RegisterClientRequest, StartDeviceAuthorizationRequest,
};

async fn three(database: &Database) -> [Arc<dyn Store>; 3] {
    [Arc::new(database.store().await), Arc::new(database.store().await), Arc::new(database.store().await)]
}

#[tokio::test]
async fn a_code_of_one_store_is_approved_at_another_and_collected_at_a_third_once() {
    let Some(database) = Database::empty("test_three").await else { return };
    let [first, second, third] = three(&database).await;
    let tool = Tool::register(&*first).await;
    let device = tool.start(&*first, at(1)).await;
    let code = |exchanged: device_authority::Exchanged| exchanged.reply.unwrap_err().code;
    assert_eq!(code(tool.poll(&*second, &device, at(2)).await), FaultCode::AuthorizationPending);
    assert_eq!(third.pending(at(2)).await.unwrap(), [UserCode::typed(&device.user_code).unwrap()]);
    let review = third.review(&policy(), None, &device.user_code, at(3)).await.unwrap().unwrap();
    assert_eq!(review.client_name, "tool");
    approve(&*third, &device, at(3)).await;
    assert_eq!(first.pending(at(3)).await.unwrap(), []);
    let token = tool.poll(&*first, &device, at(4)).await.reply.unwrap();
    assert!(second.recognize_token(&token.access_token, at(5)).await.unwrap().is_ok());
    // RFC 6749 §4.1.2: a second use of the code ends its tokens.
    let again = tool.poll(&*second, &device, at(6)).await;
    assert!(again.ends_sign_in);
    assert_eq!(again.reply.unwrap_err().code, FaultCode::InvalidGrant);
    assert!(third.recognize_token(&token.access_token, at(7)).await.unwrap().is_err());
}

#[tokio::test]
async fn of_twelve_polls_at_once_one_gets_the_token() {
    let Some(database) = Database::empty("test_twelve").await else { return };
    let stores = three(&database).await;
    let tool = Tool::register(&*stores[0]).await;
    for round in 0..20 {
        let device = tool.start(&*stores[0], at(round)).await;
        approve(&*stores[1], &device, at(round)).await;
        let polls = (0..12).map(|i| {
            let (store, tool, device) = (Arc::clone(&stores[i % 3]), tool.clone(), device.clone());
            tokio::spawn(async move { tool.poll(&*store, &device, at(round)).await.reply })
        });
        let mut granted = 0;
        for poll in polls.collect::<Vec<_>>() {
            granted += usize::from(poll.await.unwrap().is_ok());
        }
        assert_eq!(granted, 1, "round {round}");
    }
}

#[tokio::test]
async fn of_twelve_uses_of_a_refresh_token_at_once_one_counts_if_it_rotates_strictly() {
    let Some(database) = Database::empty("test_refresh").await else { return };
    let stores = three(&database).await;
    let tool = Tool::register(&*stores[0]).await;
    for round in 0..10 {
        let (_, token) = tool.sign_in(&*stores[0], at(round)).await;
        let refresh_token = token.refresh_token.unwrap();
        let grant = Grant::RefreshToken { refresh_token };
        let request = CreateTokenRequest::new(tool.0.clone(), grant);
        let uses = (0..12).map(|i| {
            let (store, request) = (Arc::clone(&stores[i % 3]), request.clone());
            tokio::spawn(async move {
                let policy = policy().with_rotation(Rotation::Strict);
                store.create_token(&policy, &request, at(round), &mut entropy()).await.unwrap()
            })
        });
        let mut ends = (0, 0);
        for one in uses.collect::<Vec<_>>() {
            let exchanged = one.await.unwrap();
            ends.0 += usize::from(exchanged.reply.is_ok());
            ends.1 += usize::from(exchanged.ends_sign_in);
        }
        // The first reuse ends the family (RFC 9700 §4.14.2), and then there is none to end.
        assert_eq!(ends, (1, 1), "round {round}");
    }
}

#[tokio::test]
async fn a_grace_gives_every_concurrent_refresh_the_same_successor() {
    let Some(database) = Database::empty("test_grace").await else { return };
    let stores = three(&database).await;
    let tool = Tool::register(&*stores[0]).await;
    let (_, token) = tool.sign_in(&*stores[0], at(1)).await;
    let refresh_token = token.refresh_token.unwrap();
    let uses = (0..6).map(|i| {
        let (store, tool, refresh_token) = (Arc::clone(&stores[i % 3]), tool.clone(), refresh_token.clone());
        tokio::spawn(async move { tool.refresh(&*store, &refresh_token, at(2)).await.reply.unwrap() })
    });
    let mut successors = Vec::new();
    for one in uses.collect::<Vec<_>>() {
        successors.push(one.await.unwrap().refresh_token.unwrap());
    }
    assert!(successors.iter().all(|token| *token == successors[0] && *token != refresh_token));
    let revoke = RevocationRequest::refresh_token(tool.0.clone(), successors[0].clone());
    stores[1].revoke_token(&policy(), &revoke, at(3)).await.unwrap().unwrap();
    assert!(tool.refresh(&*stores[2], &successors[0], at(4)).await.reply.is_err());
}

#[tokio::test]
async fn wrong_codes_count_together_at_all_stores() {
    let Some(database) = Database::empty("test_guesses").await else { return };
    let stores = three(&database).await;
    let policy = policy().with_guesses(GuessLimit::default().with_per_source(6));
    let source = Some(Source::of("192.0.2.1".parse().unwrap()));
    let guesses = (0..12).map(|i| {
        let (store, policy) = (Arc::clone(&stores[i % 3]), policy.clone());
        tokio::spawn(
            async move { store.review(&policy, source, "BCDF-GHJK", at(1)).await.unwrap().unwrap_err() },
        )
    });
    let mut answers = (0, 0);
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap() {
            PersonError::Unknown => answers.0 += 1,
            PersonError::TooManyGuesses(_) => answers.1 += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(answers, (6, 6));
    let other = Some(Source::of("192.0.2.2".parse().unwrap()));
    let unknown = stores[0].review(&policy, other, "BCDF-GHJK", at(1)).await.unwrap();
    assert_eq!(unknown.unwrap_err(), PersonError::Unknown);
    // Seven wrong codes, at any of the stores, make a crowd.
    let crowd = policy.clone().with_guesses(policy.guesses.with_everyone(7).with_in_crowd(1));
    let refused = stores[1].review(&crowd, other, "BCDF-GHJK", at(1)).await.unwrap();
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    let fresh = Some(Source::of("192.0.2.3".parse().unwrap()));
    let unknown = stores[2].review(&crowd, fresh, "BCDF-GHJK", at(1)).await.unwrap();
    assert_eq!(unknown.unwrap_err(), PersonError::Unknown);
}

#[tokio::test]
async fn a_decision_about_old_records_is_made_again() {
    let Some(database) = Database::empty("test_again").await else { return };
    let [first, second, _] = three(&database).await;
    let tool = Tool::register(&*first).await;
    let device = tool.start(&*first, at(1)).await;
    let selector = Selector::of(&device.device_code).unwrap();
    let mut keys = Keys::default();
    keys.device = Some(DeviceKey::DeviceCode(selector));
    let mut calls = 0;
    let mut decide = |records: Records<'_>| {
        calls += 1;
        let mut state = records.device.unwrap().state.clone();
        if calls == 1 {
            // Between load and commit, a person approves at the other store.
            meanwhile(async || approve(&database.store().await, &device, at(2)).await);
            assert_eq!(state.status, AuthorizationStatus::Pending);
        } else {
            assert_eq!(state.status, AuthorizationStatus::Approved);
        }
        state.polls += 1;
        vec![Change::SetDevice { device: selector, state }]
    };
    first.transact(keys, at(3), &mut decide).await.unwrap();
    assert_eq!(calls, 2);
    let kept = second.device(selector, at(4)).await.unwrap().unwrap();
    assert_eq!(kept.state.status, AuthorizationStatus::Approved);
}

#[tokio::test]
async fn a_client_that_two_servers_recognize_at_once_has_the_record_of_the_first() {
    let Some(database) = Database::empty("test_recognized").await else { return };
    let [first, second, _] = three(&database).await;
    let record = |name: &str| {
        let mut record = ClientRecord::preconfigured(Client::public("shared"), None);
        name.clone_into(&mut record.name);
        record
    };
    let mut keys = Keys::default();
    keys.client = Some("shared");
    let mut names = Vec::new();
    let mut decide = |records: Records<'_>| {
        names.push(records.client.map(|client| client.name.clone()));
        if records.client.is_some() {
            return Vec::new();
        }
        meanwhile(async || {
            let mut add = |_: Records<'_>| vec![Change::AddClient(record("of the second"))];
            database.store().await.transact(Keys::default(), at(1), &mut add).await.unwrap();
        });
        vec![Change::AddClient(record("of the first"))]
    };
    first.transact(keys, at(1), &mut decide).await.unwrap();
    assert_eq!(names, [None, Some("of the second".to_owned())]);
    assert_eq!(second.counts().await.unwrap().clients, 1);
}

#[tokio::test]
async fn servers_that_sweep_one_after_another_remove_a_surplus_once() {
    let Some(database) = Database::empty("test_surplus").await else { return };
    let capacity = Capacity::default().with_families(10).with_access(20);
    let [first, second, third] = [
        database.store_of(capacity).await,
        database.store_of(capacity).await,
        database.store_of(capacity).await,
    ];
    let stores: [&dyn Store; 3] = [&first, &second, &third];
    let tool = Tool::register(stores[0]).await;
    let mut latest = None;
    for now in 0..30 {
        latest = Some(tool.sign_in(stores[0], at(now)).await.1);
    }
    // Each has seen the same surplus.
    for store in stores {
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.families, counts.access), (30, 30));
    }
    let mut gone = Vec::new();
    for store in stores {
        gone.push(store.sweep(at(30)).await.unwrap());
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.families, counts.access), (10, 20));
    }
    assert_eq!(gone, [30, 0, 0]);
    let latest = latest.unwrap();
    assert!(tool.refresh(stores[1], &latest.refresh_token.unwrap(), at(31)).await.reply.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_sweep_at_the_same_time_remove_a_surplus_once() {
    let Some(database) = Database::empty("test_surplus_at_once").await else { return };
    let capacity = Capacity::default().with_families(10);
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(database.store_of(capacity).await));
    }
    let tool = Tool::register(&*stores[0]).await;
    // All of them end at the same time.
    for _ in 0..30 {
        tool.sign_in(&*stores[0], at(1)).await;
    }
    let sweeps = (0..12).map(|i| {
        let store = Arc::clone(&stores[i % 3]);
        tokio::spawn(async move { store.sweep(at(2)).await.unwrap() })
    });
    let mut gone = 0;
    for sweep in sweeps.collect::<Vec<_>>() {
        gone += sweep.await.unwrap();
    }
    assert_eq!((gone, stores[1].counts().await.unwrap().families), (20, 10));
}

#[tokio::test]
async fn a_store_of_one_connection_makes_room() {
    let Some(database) = Database::empty("test_one_connection").await else { return };
    let config = database.config().with_connections(1).with_capacity(Capacity::default().with_devices(1));
    let config = config.with_patience(Duration::from_secs(2));
    let store: &dyn Store = &sso_oidc_postgres::PostgresStore::connect(config).await.unwrap();
    let tool = Tool::register(store).await;
    tool.start(store, at(1)).await;
    let later = at(1).after(Duration::from_secs(1300));
    tool.start(store, later).await;
    assert_eq!(store.counts().await.unwrap().devices, 1);
}

#[tokio::test]
async fn two_devices_never_have_the_same_user_code() {
    let Some(database) = Database::empty("test_user_code").await else { return };
    let store: &dyn Store = &database.store().await;
    let tool = Tool::register(store).await;
    let url = "https://d-1234567890.awsapps.com/start";
    let request = StartDeviceAuthorizationRequest::new(tool.0.clone(), url);
    // The first bytes are the device code, the rest the user code: other devices, always one user code.
    let mut rng = fastrand::Rng::with_seed(7);
    let mut draws = 0;
    let mut same = |bytes: &mut [u8]| {
        if bytes.len() == 16 {
            draws += 1;
            bytes.fill(1);
        } else {
            rng.fill(bytes);
        }
        Ok(())
    };
    store.start_device_authorization(&policy(), &request, at(1), &mut same).await.unwrap().unwrap();
    let full = store.start_device_authorization(&policy(), &request, at(1), &mut same).await.unwrap_err();
    assert!(matches!(full, StoreError::Full { what: "user codes", .. }), "{full}");
    assert_eq!(store.counts().await.unwrap().devices, 1);
    assert!(draws <= 2 * 6, "at most five draws, each of one or two blocks: {draws}");
}

#[tokio::test]
async fn text_that_postgresql_cannot_keep_as_such_is_kept() {
    let Some(database) = Database::empty("test_text").await else { return };
    let store: &dyn Store = &database.store().await;
    let request = RegisterClientRequest::new("a\0b\u{fffd}\"\\'").with_scopes(["sso:account:access"]);
    match store.register_client(&policy(), &request, at(0), &mut entropy()).await.unwrap() {
        Ok(registration) => {
            let device = Tool(registration.client).start(store, at(1)).await;
            let review = store.review(&policy(), None, &device.user_code, at(1)).await.unwrap().unwrap();
            assert_eq!(review.client_name, request.client_name);
        }
        Err(fault) => assert_eq!(fault.code, FaultCode::InvalidRequest, "{fault:?}"),
    }
    let unknown = Tool(Client::public("no\0body"));
    let url = "https://d-1234567890.awsapps.com/start";
    let request = StartDeviceAuthorizationRequest::new(unknown.0, url);
    let made = store.start_device_authorization(&policy(), &request, at(1), &mut entropy()).await.unwrap();
    assert_eq!(made.unwrap_err().code, FaultCode::InvalidClient);
}

#[tokio::test]
async fn a_full_table_refuses_and_has_room_again_after_the_expiry() {
    let Some(database) = Database::empty("test_full").await else { return };
    let capacity = Capacity::default().with_clients(2).with_devices(3);
    let store: &dyn Store = &database.store_of(capacity).await;
    let tool = Tool::register(store).await;
    for _ in 0..3 {
        tool.start(store, at(1)).await;
    }
    let full = tool.try_start(store, at(2)).await.unwrap_err();
    assert!(matches!(full, StoreError::Full { what: "devices", .. }), "{full}");
    // The records are forgotten ten minutes after the codes expire.
    let later = at(1).after(Duration::from_secs(1300));
    while store.sweep(later).await.unwrap() > 0 {}
    assert_eq!(store.counts().await.unwrap().devices, 0);
    tool.start(store, later).await;
}

#[tokio::test]
async fn a_registration_without_a_sign_in_makes_room_for_another_and_one_with_a_sign_in_stays() {
    let Some(database) = Database::empty("test_clients").await else { return };
    let store: &dyn Store = &database.store_of(Capacity::default().with_clients(2)).await;
    let used = Tool::register(store).await;
    used.sign_in(store, at(1)).await;
    let unused = Tool::register(store).await;
    let waits = {
        let request = RegisterClientRequest::new("third");
        store.register_client(&policy(), &request, at(2), &mut entropy()).await
    };
    assert!(waits.is_ok(), "{waits:?}");
    assert_eq!(store.counts().await.unwrap().clients, 2);
    used.start(store, at(3)).await;
    let url = "https://d-1234567890.awsapps.com/start";
    let request = StartDeviceAuthorizationRequest::new(unused.0, url);
    let gone = store.start_device_authorization(&policy(), &request, at(3), &mut entropy()).await.unwrap();
    assert_eq!(gone.unwrap_err().code, FaultCode::InvalidClient);
}

#[tokio::test]
async fn the_key_of_the_pages_is_the_same_at_every_store() {
    let Some(database) = Database::empty("test_page_key").await else { return };
    let stores = three(&database).await;
    let keys = (1..=9u8).map(|fresh| {
        let store = Arc::clone(&stores[usize::from(fresh) % 3]);
        tokio::spawn(async move { store.page_key([fresh; 32]).await.unwrap() })
    });
    let mut all = Vec::new();
    for key in keys.collect::<Vec<_>>() {
        all.push(key.await.unwrap());
    }
    assert!(all.iter().all(|key| *key == all[0]));
}

#[tokio::test]
async fn a_dropped_future_leaves_the_store_usable() {
    let Some(database) = Database::empty("test_dropped").await else { return };
    let store = database.config().with_connections(1);
    let store: &dyn Store = &sso_oidc_postgres::PostgresStore::connect(store).await.unwrap();
    let tool = Tool::register(store).await;
    let device = tool.start(store, at(1)).await;
    for micros in (0..3000).step_by(100) {
        let poll = tool.poll(store, &device, at(2));
        drop(tokio::time::timeout(Duration::from_micros(micros), poll).await);
    }
    let decided = store.decide(&policy(), None, &device.user_code, UserDecision::APPROVE, at(3)).await;
    decided.unwrap().unwrap();
    assert!(tool.poll(store, &device, at(4)).await.reply.is_ok());
}
