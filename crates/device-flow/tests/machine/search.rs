//! The metadata search in virtual time: which addresses it requests, when, and the results.

use std::io;
use std::time::Duration;

use device_flow::{
    Failure, MetadataSearch, NotFollowed, ResponseBody, SearchAction, SearchError, Tick, TransportError,
};
use http::{Response, StatusCode};
use oidc_proto::oauth::{Metadata, MetadataError};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

pub(crate) type Answer = Result<Response<ResponseBody>, TransportError>;

const ISSUER: &str = "https://id.example/t";
pub(crate) const OPENID: &str = "https://id.example/t/.well-known/openid-configuration";
pub(crate) const OAUTH_INSERTED: &str = "https://id.example/.well-known/oauth-authorization-server/t";
pub(crate) const OAUTH_APPENDED: &str = "https://id.example/t/.well-known/oauth-authorization-server";
pub(crate) const OPENID_INSERTED: &str = "https://id.example/.well-known/openid-configuration/t";
pub(crate) const ALL: [&str; 4] = [OPENID, OAUTH_INSERTED, OAUTH_APPENDED, OPENID_INSERTED];

pub(crate) const WHOLE: &str = r#"{"issuer":"https://id.example/t","device_authorization_endpoint":"https://id.example/d","token_endpoint":"https://id.example/t"}"#;
pub(crate) const NO_DEVICE: &str = r#"{"issuer":"https://id.example/t","token_endpoint":"https://id.example/t","scopes_supported":["first"]}"#;

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Ok(Response::builder().status(status).body(ResponseBody::from(body)).unwrap())
}

pub(crate) fn with(status: u16, header: (&str, &str), body: &str) -> Answer {
    Ok(Response::builder().status(status).header(header.0, header.1).body(ResponseBody::from(body)).unwrap())
}

pub(crate) fn moved(location: &str) -> Answer {
    with(302, ("location", location), "")
}

fn lost(failure: Failure) -> Answer {
    Err(TransportError::new(failure, io::Error::from(io::ErrorKind::ConnectionReset)))
}

pub(crate) fn search() -> MetadataSearch {
    MetadataSearch::of(ISSUER, Tick::ZERO).unwrap()
}

/// The requested addresses, each with its second.
pub(crate) type Asked = Vec<(u64, String)>;

/// Runs a search to its end. The closure gets the address and the number of its earlier requests.
pub(crate) fn run(
    mut search: MetadataSearch,
    mut answer: impl FnMut(&str, usize) -> Answer,
) -> (Asked, Result<Metadata, SearchError>) {
    let (mut now, mut asked): (Tick, Asked) = (Tick::ZERO, Vec::new());
    loop {
        assert!(asked.len() < 150, "it goes on for ever: {asked:?}");
        match search.poll(now) {
            SearchAction::Get { address, .. } => {
                let address = address.to_string();
                let before = asked.iter().filter(|(_, one)| *one == address).count();
                asked.push((now.elapsed().as_secs(), address.clone()));
                search.on_result(now, answer(&address, before));
            }
            SearchAction::Wait(until) => {
                assert!(until > now);
                now = until;
            }
            SearchAction::Done => break,
        }
    }
    assert_eq!(search.poll(now), SearchAction::Done, "the end is the end");
    (asked, search.finish())
}

pub(crate) fn urls(asked: &Asked) -> Vec<&str> {
    asked.iter().map(|(_, url)| url.as_str()).collect()
}

fn seconds(asked: &Asked) -> Vec<u64> {
    asked.iter().map(|(second, _)| *second).collect()
}

pub(crate) fn metadata_error(error: SearchError) -> MetadataError {
    match error {
        SearchError::Metadata { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_usual_address_is_enough_and_the_document_is_found_at_any_of_the_four() {
    for (index, place) in ALL.iter().enumerate() {
        let (asked, found) =
            run(search(), |url, _| if url == *place { answer(200, WHOLE) } else { answer(404, "") });
        assert_eq!(urls(&asked), ALL[..=index], "in this order, and no more");
        assert_eq!(seconds(&asked), vec![0; index + 1]);
        assert!(found.unwrap().provider().is_ok());
    }
}

#[test]
fn a_metadata_url_is_understood_and_asked_first() {
    for url in ALL {
        let search = MetadataSearch::of(url, Tick::ZERO).unwrap();
        assert_eq!(search.issuer(), ISSUER);
        let (asked, found) = run(search, |_, _| answer(200, WHOLE));
        assert_eq!(urls(&asked), [url]);
        assert!(found.is_ok());
    }
}

#[test]
fn no_answer_is_waited_out_as_at_registration_and_the_same_address_is_asked_again() {
    for failure in [Failure::NotSent, Failure::Unknown] {
        let (asked, found) =
            run(search(), |_, before| if before < 2 { lost(failure) } else { answer(200, WHOLE) });
        assert_eq!((urls(&asked), seconds(&asked)), (vec![OPENID; 3], vec![0, 1, 3]));
        assert!(found.is_ok());

        let (asked, found) = run(search(), |_, _| lost(failure));
        assert_eq!(seconds(&asked), [0, 1, 3, 7, 15], "and not after 20 s");
        let error = found.unwrap_err();
        assert!(
            matches!(&error, SearchError::Transport { address, source, .. } if *address == OPENID && source.failure() == failure),
            "{error:?}"
        );
    }
}

#[test]
fn the_retry_window_is_as_long_as_told_and_a_jump_of_the_clock_costs_no_more_than_itself() {
    let (asked, _) = run(search().with_retry_window(Duration::from_secs(60)), |_, _| lost(Failure::NotSent));
    assert_eq!(seconds(&asked), [0, 1, 3, 7, 15, 31]);
    let (asked, _) = run(search().with_retry_window(Duration::ZERO), |_, _| lost(Failure::NotSent));
    assert_eq!(seconds(&asked), [0]);

    let mut search = search();
    let later = Tick::ZERO + Duration::from_secs(10);
    for now in [later, Tick::ZERO] {
        let got = search.poll(now);
        assert!(matches!(got, SearchAction::Get { .. }), "{got:?}");
    }
    search.on_result(Tick::ZERO, lost(Failure::NotSent));
    assert_eq!(search.poll(Tick::ZERO), SearchAction::Wait(later + Duration::from_secs(1)));
}

#[test]
fn too_many_requests_and_retry_after_leave_the_whole_host_in_peace() {
    let cases = [
        (with(429, ("x", "y"), ""), 1),
        (with(429, ("retry-after", "7"), "{}"), 7),
        (with(503, ("retry-after", "9"), "<html>"), 9),
        (with(500, ("retry-after", "0"), ""), 1),
    ];
    for (busy, second) in cases {
        let mut busy = Some(busy);
        let (asked, found) = run(search(), |_, _| busy.take().unwrap_or_else(|| answer(200, WHOLE)));
        assert_eq!((urls(&asked), seconds(&asked)), (vec![OPENID; 2], vec![0, second]));
        assert!(found.is_ok());
    }
    let (asked, found) = run(search(), |_, _| with(429, ("retry-after", "3600"), ""));
    assert_eq!(urls(&asked), [OPENID], "longer than the retry window: it ends at once");
    let retry_after = Some(Duration::from_secs(3600));
    let got = metadata_error(found.unwrap_err());
    assert!(
        matches!(got, MetadataError::Unavailable { status: 429, retry_after: asked, .. } if asked == retry_after),
        "{got:?}"
    );
}

#[test]
fn a_failure_of_one_address_sends_on_to_the_next_and_is_asked_again_in_a_later_round() {
    for status in [408, 425, 500, 502, 503, 504] {
        let (asked, found) =
            run(search(), |url, _| if url == OPENID { answer(status, "") } else { answer(200, WHOLE) });
        assert_eq!((urls(&asked), seconds(&asked)), (vec![OPENID, OAUTH_INSERTED], vec![0, 0]), "{status}");
        assert!(found.is_ok());
    }
    // The two addresses with errors, not those that refused, in the same order.
    let (asked, found) = run(search(), |url, before| match (url, before) {
        (OAUTH_INSERTED | OPENID_INSERTED, 0) => answer(503, ""),
        (OPENID_INSERTED, _) => answer(200, WHOLE),
        _ => answer(404, ""),
    });
    assert_eq!(urls(&asked), [&ALL[..], &[OAUTH_INSERTED, OPENID_INSERTED]].concat());
    assert_eq!(seconds(&asked), [0, 0, 0, 0, 1, 1]);
    assert!(found.is_ok());
    // Rounds are as far apart as any attempts; a refusal in between does not shorten the wait.
    let (asked, found) =
        run(search(), |url, _| if url == OPENID { answer(500, "") } else { answer(404, "") });
    assert_eq!(seconds(&asked), [0, 0, 0, 0, 1, 3, 7, 15]);
    assert!(
        matches!(metadata_error(found.unwrap_err()), MetadataError::Unavailable { status: 500, .. }),
        "there may be metadata, so it is not said that there is none"
    );
}

#[test]
fn a_plain_no_everywhere_is_no_metadata_and_costs_no_time() {
    for status in [400, 404, 405, 410, 501] {
        let (asked, found) = run(search(), |_, _| answer(status, "{}"));
        assert_eq!((urls(&asked), seconds(&asked)), (ALL.to_vec(), vec![0; 4]));
        assert_eq!(metadata_error(found.unwrap_err()), MetadataError::Status(status));
    }
}

#[test]
fn the_most_telling_answer_is_the_error() {
    let page = || answer(200, "<html>");
    let other = || answer(200, &WHOLE.replace("https://id.example/t\",\"d", "https://evil.example\",\"d"));
    let no = || answer(404, "");
    let mut cases: Vec<(Vec<Answer>, &str)> = vec![
        (vec![no(), answer(410, ""), answer(410, ""), answer(410, "")], "HTTP 404"),
        (vec![no(), answer(403, ""), no(), no()], "HTTP 403"),
        (vec![no(), page(), answer(403, ""), no()], "an HTML page"),
        (vec![page(), moved("http://a.b/"), no(), no()], "`http://a.b/`"),
        (vec![moved("http://a.b/"), no(), answer(200, "{}"), no()], "no `issuer`"),
        (vec![no(), answer(200, "{}"), other(), no()], "https://evil.example"),
        (vec![other(), page(), no(), no()], "https://evil.example"),
    ];
    for (answers, told) in &mut cases {
        let mut answers = answers.drain(..);
        let (asked, found) = run(search(), |_, _| answers.next().unwrap());
        assert_eq!(urls(&asked), ALL);
        let error = found.unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {cause}").contains(*told), "{told}: {error}: {cause}");
    }
}

#[test]
fn a_document_of_another_issuer_is_never_the_result() {
    let evil = WHOLE.replace("\"https://id.example/t\",\"d", "\"https://evil.example\",\"d");
    let (asked, found) = run(search(), |_, _| answer(200, &evil));
    assert_eq!(urls(&asked), ALL);
    let got = metadata_error(found.unwrap_err());
    assert!(matches!(got, MetadataError::Issuer { .. }), "{got:?}");
    let (_, found) = run(search(), |url, _| answer(200, if url == OAUTH_INSERTED { WHOLE } else { &evil }));
    assert_eq!(found.unwrap().issuer, ISSUER);
}

/// Checks that a host's error ends a search, and behind a redirect only that address.
#[track_caller]
fn ends_at_the_host(error: impl Fn() -> TransportError) -> TransportError {
    let (asked, found) = run(search(), |url, _| match url {
        OPENID => moved("https://other.example/m"),
        OAUTH_INSERTED => answer(200, WHOLE),
        _ => Err(error()),
    });
    assert_eq!(urls(&asked), [OPENID, "https://other.example/m", OAUTH_INSERTED]);
    assert!(found.is_ok());
    let (asked, found) = run(search(), |_, _| Err(error()));
    assert_eq!((urls(&asked), seconds(&asked)), (vec![OPENID], vec![0]));
    match found.unwrap_err() {
        SearchError::Transport { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_search_and_behind_a_redirect_only_that_address() {
    let expired = || TransportError::new(Failure::NotSent, io::Error::other("expired"));
    assert!(ends_at_the_host(|| expired().with_untrusted_certificate()).is_untrusted_certificate());
}

#[test]
fn a_proxy_that_refuses_ends_the_search_and_behind_a_redirect_only_that_address() {
    let no_tunnel = || TransportError::new(Failure::NotSent, io::Error::other("no tunnel"));
    let refused = ends_at_the_host(|| no_tunnel().with_proxy_answer(Some(StatusCode::FORBIDDEN)));
    assert_eq!(refused.proxy_status(), Some(StatusCode::FORBIDDEN));
    // A transient proxy error is retried, as the service's would be.
    let (asked, _) = run(search(), |_, _| Err(no_tunnel().with_proxy_answer(Some(StatusCode::BAD_GATEWAY))));
    assert!(asked.len() > 4, "{:?}", urls(&asked));
}

#[test]
fn an_http_client_that_follows_redirects_by_itself_ends_the_search() {
    let (asked, found) = run(search(), |_, _| Err(TransportError::redirected(Some("evil.example"))));
    assert_eq!(urls(&asked), [OPENID]);
    let got = found.unwrap_err();
    assert!(matches!(got, SearchError::Transport { ref source, .. } if source.is_final()), "{got:?}");
}

#[test]
fn a_document_that_broke_off_counts_if_it_is_whole_and_is_asked_for_again_if_not() {
    let cut = |status: u16, text: &str| {
        let mut response = answer(status, text).unwrap();
        response.body_mut().break_off(io::Error::other("cut"));
        Ok(response)
    };
    let (asked, found) = run(search(), |_, _| cut(200, WHOLE));
    assert_eq!(asked.len(), 1);
    assert!(found.is_ok());
    let (asked, found) =
        run(search(), |_, before| if before == 0 { cut(200, &WHOLE[..40]) } else { answer(200, WHOLE) });
    assert_eq!((urls(&asked), seconds(&asked)), (vec![OPENID; 2], vec![0, 1]));
    assert!(found.is_ok());
    let (asked, _) = run(search(), |_, _| cut(404, "no"));
    assert_eq!(urls(&asked), ALL, "a refusal needs no body");
}

#[test]
fn a_driver_that_was_interrupted_is_given_the_same_address_again_and_an_unasked_answer_changes_nothing() {
    let mut search = search();
    search.on_result(Tick::ZERO, answer(200, WHOLE));
    let first = search.poll(Tick::ZERO);
    assert!(
        matches!(&first, SearchAction::Get { address, origin } if *address == OPENID && origin.to_string() == "https://id.example"),
        "{first:?}"
    );
    assert_eq!(search.poll(Tick::ZERO + Duration::from_secs(5)), first);
    search.on_result(Tick::ZERO, lost(Failure::Unknown));
    let got = search.poll(Tick::ZERO);
    assert!(matches!(got, SearchAction::Wait(_)), "{got:?}");
    assert!(matches!(search.finish(), Err(SearchError::Unfinished)), "it was given up while it waited");
    let mut search = self::search();
    let _ = search.poll(Tick::ZERO);
    search.on_result(Tick::ZERO, answer(404, ""));
    assert!(matches!(search.finish(), Err(SearchError::Unfinished)), "the others were not asked yet");
}

#[test]
fn what_is_drawn_lengthens_the_waits_and_costs_no_try() {
    for seed in 0..50 {
        let (asked, _) = run(search().with_jitter(seed), |_, _| lost(Failure::NotSent));
        assert_eq!(asked.len(), 5, "{asked:?}");
        assert!(asked[4].0 >= 15 && asked[4].0 < 24, "{asked:?}");
        let just_enough = search().with_retry_window(Duration::from_secs(15)).with_jitter(seed);
        let (asked, _) = run(just_enough, |_, _| lost(Failure::NotSent));
        assert_eq!(asked.len(), 5, "{asked:?}");
    }
}

#[test]
fn an_issuer_that_cannot_be_asked_is_said_so_at_once() {
    for issuer in
        ["http://id.example", "https://id.example/{tenantid}", "https://bücher.example", "id.example"]
    {
        assert!(MetadataSearch::of(issuer, Tick::ZERO).is_err(), "{issuer}");
    }
}

#[test]
fn addresses_that_lead_to_one_another_and_say_nothing_else_are_a_loop() {
    let mut answers = vec![
        answer(503, ""),
        moved(OPENID),
        moved(OPENID),
        moved(OPENID),
        lost(Failure::NotSent),
        moved(OAUTH_APPENDED),
    ]
    .into_iter();
    let (_, found) = run(search(), |_, _| answers.next().expect("no address is asked for ever"));
    let error = found.unwrap_err();
    assert!(matches!(error, SearchError::Redirect { reason: NotFollowed::Loop, .. }), "{error:?}");
}

/// Maps a number to a result.
fn any_answer(number: u8) -> Answer {
    let targets = [OPENID, OAUTH_APPENDED, "/a", "/b", "/c", "/d", "http://a.b/", ""];
    match number % 20 {
        0 => lost(Failure::NotSent),
        1 => answer(503, ""),
        2 => answer(500, "<html>"),
        3 => with(429, ("retry-after", "2"), ""),
        4 => answer(200, NO_DEVICE),
        5 => answer(200, "<html>"),
        6 => answer(200, "{}"),
        number @ 7..=14 => moved(targets[usize::from(number - 7)]),
        15 => answer(200, WHOLE),
        _ => answer(404, ""),
    }
}

proptest! {
    #[test]
    fn whatever_is_answered_a_search_ends_in_its_time_and_knows_why(numbers in vec(any::<u8>(), 1..40)) {
        let mut numbers = numbers.into_iter();
        let last = numbers.next().unwrap();
        let (asked, found) = run(search(), |_, _| any_answer(numbers.next().unwrap_or(last)));
        prop_assert!(asked.iter().all(|(second, url)| *second <= 20 && url.starts_with("https://id.example/")));
        match found {
            Ok(metadata) => prop_assert_eq!(metadata.issuer, ISSUER),
            Err(error) => prop_assert!(error.address().is_some(), "{:?}", error),
        }
        let mut urls = urls(&asked);
        urls.sort_unstable();
        urls.dedup();
        prop_assert!(urls.len() <= 4 + 4, "{:?}", urls);
    }
}
