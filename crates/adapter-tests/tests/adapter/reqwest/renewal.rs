//! Cancellation of a renewal's future.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use adapter_tests::over_reqwest::{block_on, client_within};
use adapter_tests::stub::{Step, Stub};
use device_flow_reqwest::renewal::{MemoryStore, RenewalPolicy, SessionStore as _};
use device_flow_reqwest::{Client, Registration, Service, Session, Token, UnixSeconds};

/// The highest number of times that a test polls a future.
const BOUND: usize = 500;

const ANSWER: &str = r#"{"accessToken":"new","expiresIn":3600,"refreshToken":"r2"}"#;

fn store(service: &Service) -> MemoryStore {
    let token = Token::bearer("old".into(), Duration::from_secs(3_600)).with_refresh_token("r1".into());
    let end = UnixSeconds::from(SystemTime::now());
    MemoryStore::new(Some(Session::restored(
        service,
        Registration::new(Client::public("id")),
        token,
        Some(end),
    )))
}

fn access(store: &MemoryStore) -> String {
    store.session().unwrap().token.access_token.expose().to_owned()
}

#[test]
fn a_renewal_that_is_dropped_at_any_await_leaves_the_lock_free_and_the_session_whole() {
    let mut ends = 0;
    for polls in 1..BOUND {
        let stub = Stub::start(vec![Step::ok(ANSWER), Step::ok(ANSWER)]);
        let client = client_within(Duration::from_secs(10), &stub.endpoint());
        let store = store(client.service());
        block_on(async {
            let mut renewal = pin!(client.renew(&store, RenewalPolicy::default()));
            let mut left = polls;
            let ended = std::future::poll_fn(|cx: &mut Context<'_>| {
                if left == 0 {
                    return Poll::Ready(false);
                }
                left -= 1;
                match renewal.as_mut().poll(cx) {
                    Poll::Ready(result) => {
                        assert!(result.is_ok());
                        Poll::Ready(true)
                    }
                    Poll::Pending if left == 0 => Poll::Ready(false),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            ends += u32::from(ended);
            assert_eq!(access(&store), if ended { "new" } else { "old" });
        });
        assert!(store.try_lock().unwrap().is_some(), "the lock is free after {polls} polls");
        if ends > 0 {
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_renewal_in_a_task_of_its_own_goes_on_when_its_caller_is_dropped() {
    let stub = Stub::start(vec![Step::LateToken(Duration::from_millis(50))]);
    let client = client_within(Duration::from_secs(10), &stub.endpoint());
    let store = store(client.service());
    block_on(async {
        let done = Arc::new(tokio::sync::Notify::new());
        let task = {
            let (client, store, done) = (client.clone(), store.clone(), Arc::clone(&done));
            async move {
                let result = client.renew(&store, RenewalPolicy::default()).await;
                done.notify_one();
                result
            }
        };
        let caller = async { tokio::spawn(task).await };
        let dropped = tokio::time::timeout(Duration::ZERO, caller).await;
        assert!(dropped.is_err());
        tokio::time::timeout(Duration::from_secs(10), done.notified()).await.unwrap();
        assert_ne!(access(&store), "old");
    });
}
