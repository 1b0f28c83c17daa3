//! The store in memory: its bounds and its eviction.

use core::net::Ipv4Addr;
use device_authority::{
    Capacity, ClientRecord, GuessLimit, Memory, ServerPolicy, SlowDown, Source, UserDecision,
};
use oidc_proto::{Client, FaultCode, RegisterClientRequest, Secret};

use crate::common::{Bench, fault};

#[test]
fn a_flood_of_registrations_drives_out_itself_and_not_those_that_are_used() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(100));
    let signed_in = bench.scoped_client();
    let token = bench.sign_in(&signed_in).refresh_token.unwrap();
    let waiting = bench.client();
    let device = bench.start(&waiting).unwrap();
    bench.wait(1.0);
    let unused = bench.client();
    let flood = |bench: &mut Bench, count| {
        for _ in 0..count {
            bench.wait(1.0);
            let newest = bench.client();
            assert!(bench.store.client(&newest.id).is_some());
        }
    };
    flood(&mut bench, 590);
    assert_eq!(bench.store.counts().clients, 100);
    assert_eq!(fault(bench.start(&unused)), FaultCode::InvalidClient);
    assert_eq!(fault(bench.poll(&waiting, &device.device_code)), FaultCode::AuthorizationPending);
    flood(&mut bench, 1000);
    assert_eq!(bench.store.counts().clients, 100);
    assert!(bench.refresh(&signed_in, &token).is_ok());
}

#[test]
fn a_flood_of_new_clients_that_ask_for_codes_drives_out_no_more_than_a_quarter_of_those_who_have_signed_in() {
    for people in [1, 100] {
        let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(100));
        let signed_in: Vec<_> = (0..people)
            .map(|_| {
                bench.wait(1.0);
                let client = bench.scoped_client();
                let token = bench.sign_in(&client).refresh_token.unwrap();
                (client, token)
            })
            .collect();
        bench.wait(601.0);
        let mut turned_away = 0;
        for _ in 0..1000 {
            bench.wait(1.0);
            match bench.register(&RegisterClientRequest::new("new")) {
                Ok(new) => assert!(bench.start(&new.client).is_ok()),
                Err(refused) => {
                    assert_eq!(refused.code, FaultCode::SlowDown);
                    turned_away += 1;
                }
            }
        }
        assert!(turned_away > 0);
        let latest = signed_in.iter().rev().take(people.min(75));
        for (client, token) in latest {
            assert!(bench.refresh(client, token).is_ok(), "of {people}");
        }
    }
}

#[test]
fn a_store_full_of_clients_with_live_codes_refuses_new_clients_with_slow_down_until_the_codes_die() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(10));
    let clients: Vec<_> = (0..10)
        .map(|_| {
            bench.wait(1.0);
            let client = bench.client();
            assert!(bench.start(&client).is_ok());
            client
        })
        .collect();
    assert_eq!(fault(bench.register(&RegisterClientRequest::new("more"))), FaultCode::SlowDown);
    for client in &clients {
        bench.wait(1.0);
        assert!(bench.start(client).is_ok());
    }
    bench.wait(600.0);
    assert!(bench.register(&RegisterClientRequest::new("more")).is_ok());
    assert_eq!(fault(bench.start(&clients[0])), FaultCode::InvalidClient);
    assert!(bench.start(&clients[1]).is_ok());
}

#[test]
fn a_registration_that_is_refused_evicts_no_client() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(1));
    let client = bench.client();
    assert_eq!(fault(bench.register(&RegisterClientRequest::new(" "))), FaultCode::InvalidClientMetadata);
    assert!(bench.start(&client).is_ok());
}

#[test]
fn a_full_store_refuses_new_devices_with_slow_down_and_serves_the_old_ones() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_devices(10));
    let client = bench.client();
    let first = bench.start(&client).unwrap();
    for _ in 0..9 {
        assert!(bench.start(&client).is_ok());
    }
    assert_eq!(fault(bench.start(&client)), FaultCode::SlowDown);
    assert_eq!(bench.store.counts().devices, 10);
    bench.person(&first.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&client, &first.device_code).is_ok());
}

#[test]
fn a_full_store_still_tells_a_bad_client_that_it_is_one() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_devices(1));
    let mut client = bench.client();
    assert!(bench.start(&client).is_ok());
    client.secret = Some("wrong".into());
    assert_eq!(fault(bench.start(&client)), FaultCode::InvalidClient);
}

#[test]
fn expired_devices_make_room_before_anybody_is_turned_away() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_devices(10));
    let client = bench.client();
    for _ in 0..10 {
        assert!(bench.start(&client).is_ok());
    }
    bench.wait(600.0);
    for _ in 0..10 {
        assert!(bench.start(&client).is_ok());
    }
    assert_eq!(fault(bench.start(&client)), FaultCode::SlowDown);
}

#[test]
fn devices_that_have_their_token_make_room_before_anybody_is_turned_away() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_devices(10));
    let client = bench.client();
    let waiting = bench.start(&client).unwrap();
    for _ in 0..100 {
        let _ = bench.sign_in(&client);
    }
    assert_eq!(bench.store.counts().devices, 10);
    bench.person(&waiting.user_code, UserDecision::APPROVE);
    assert!(bench.poll(&client, &waiting.device_code).is_ok());
}

#[test]
fn a_request_for_a_code_that_is_refused_makes_no_room() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_devices(1));
    let client = bench.scoped_client();
    let token = bench.sign_in(&client);
    assert_eq!(bench.store.counts().devices, 1);
    let unknown = Client::new("unknown", Secret::from("guess"));
    assert_eq!(fault(bench.start(&unknown)), FaultCode::InvalidClient);
    assert_eq!(fault(bench.start_at(&client, "nowhere")), FaultCode::InvalidRequest);
    assert_eq!(
        bench.store.counts().devices,
        1,
        "a code that was collected is still known if it turns up again"
    );
    assert!(bench.refresh(&client, &token.refresh_token.unwrap()).is_ok());
}

#[test]
fn a_client_that_was_driven_out_by_one_set_up_by_hand_is_not_spared_in_vain() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(2));
    let first = bench.client();
    bench.wait(1.0);
    bench.client();
    let own = Client::new("own", Secret::from("s"));
    bench.store.add_client(ClientRecord::preconfigured(own.clone(), None));
    assert!(bench.store.client(&first.id).is_none());
    bench.wait(1.0);
    let newest = bench.client();
    assert!(bench.store.client(&newest.id).is_some() && bench.store.client(&own.id).is_some());
}

#[test]
fn an_expired_device_is_remembered_for_ten_minutes_and_then_forgotten() {
    let mut bench = Bench::new(ServerPolicy::default().with_slow_down(SlowDown::Off));
    let client = bench.client();
    let old = bench.start(&client).unwrap();
    bench.wait(1199.0);
    assert_eq!(fault(bench.poll(&client, &old.device_code)), FaultCode::ExpiredToken);
    bench.wait(1.0);
    assert!(bench.start(&client).is_ok());
    assert_eq!(fault(bench.poll(&client, &old.device_code)), FaultCode::InvalidGrant);
    assert_eq!(bench.store.counts().devices, 1);
}

#[test]
fn the_store_shrinks_to_what_is_alive_as_new_records_come() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    for _ in 0..1000 {
        assert!(bench.start(&client).is_ok());
    }
    bench.wait(1200.0);
    for _ in 0..400 {
        assert!(bench.start(&client).is_ok());
    }
    assert_eq!(bench.store.counts().devices, 400);
}

#[test]
fn expired_registrations_make_room() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(3));
    for _ in 0..3 {
        let _ = bench.client();
    }
    bench.wait(7_776_000.0);
    let _ = bench.client();
    assert_eq!(bench.store.counts().clients, 1);
}

#[test]
fn refresh_chains_are_bounded_and_the_oldest_gives_way() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_families(2));
    let client = bench.scoped_client();
    let tokens = [0, 1, 2].map(|_| {
        bench.wait(1.0);
        bench.sign_in(&client).refresh_token.unwrap()
    });
    assert_eq!(bench.store.counts().families, 2);
    assert_eq!(fault(bench.refresh(&client, &tokens[0])), FaultCode::InvalidGrant);
    assert!(bench.refresh(&client, &tokens[1]).is_ok());
    assert!(bench.refresh(&client, &tokens[2]).is_ok());
    assert_eq!(bench.store.counts().families, 2, "a rotated token takes its own place");
}

#[test]
fn sources_of_guesses_are_bounded_and_all_guesses_still_count_together() {
    let limit = GuessLimit::default().with_everyone(5000).with_ceiling(5000);
    let mut bench = Bench::with_capacity(
        ServerPolicy::default().with_guesses(limit),
        Capacity::default().with_sources(100),
    );
    for i in 0..5000 {
        let source = Source::of(Ipv4Addr::from_bits(i).into());
        let _ = bench.store.review(&bench.policy, Some(source), "BBBB-BBBB", bench.now);
    }
    assert_eq!(bench.store.counts().sources, 100);
    let fresh = Source::of(Ipv4Addr::from_bits(9999).into());
    let refused = bench.store.review(&bench.policy, Some(fresh), "BBBB-BBBB", bench.now);
    assert!(matches!(refused, Err(device_authority::PersonError::TooManyGuesses(_))), "{refused:?}");
}

#[test]
fn a_user_code_that_is_taken_is_drawn_anew() {
    // Entropy that repeats after one authorization: the first draw of the second device is the first device's
    // code.
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let request = oidc_proto::StartDeviceAuthorizationRequest::new(client, "https://x.example/start");
    let mut calls = 0u8;
    let mut repeating = |bytes: &mut [u8]| {
        // Calls alternate: 64 bytes for the device code, 16 for the user code.
        let draw = calls / 2;
        let fill = if bytes.len() == 64 { draw } else { draw.saturating_sub(1) };
        bytes.fill(fill);
        calls += 1;
        Ok(())
    };
    let mut start = |bench: &mut Bench| {
        bench
            .store
            .start_device_authorization(&bench.policy, &request, bench.now, &mut repeating)
            .unwrap()
            .user_code
    };
    let codes = [start(&mut bench), start(&mut bench)];
    assert_ne!(codes[0], codes[1]);
    assert_eq!(calls, 6, "two draws for the second device");
}

#[test]
fn when_no_free_user_code_is_drawn_the_device_is_told_to_come_back() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let request = oidc_proto::StartDeviceAuthorizationRequest::new(client, "https://x.example/start");
    let mut stuck = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let mut start = || bench.store.start_device_authorization(&bench.policy, &request, bench.now, &mut stuck);
    assert!(start().is_ok());
    assert_eq!(fault(start()), FaultCode::SlowDown);
    assert_eq!(bench.store.counts().devices, 1);
}

#[test]
fn the_pending_codes_are_those_that_can_be_decided_on() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let codes = [0, 1, 2].map(|_| bench.start(&client).unwrap().user_code);
    bench.person(&codes[0], UserDecision::Deny);
    let pending: Vec<String> = bench.store.pending(bench.now).map(|code| code.to_string()).collect();
    assert_eq!(pending.len(), 2);
    assert!(!pending.contains(&codes[0]));
    bench.wait(600.0);
    assert_eq!(bench.store.pending(bench.now).count(), 0);
}

#[test]
fn the_store_can_be_kept_behind_a_lock_on_any_thread() {
    fn is_send_sync<T: Send + Sync + 'static>() {}
    is_send_sync::<Memory>();
    assert_eq!(Memory::new(Capacity::default()).counts().clients, 0);
}
