//! Redirects of metadata: which are followed, and the errors of the others.

use device_flow::{NotFollowed, SearchError};
use oidc_proto::oauth::MetadataError;

use crate::search::{
    ALL, OAUTH_APPENDED, OAUTH_INSERTED, OPENID, OPENID_INSERTED, WHOLE, answer, metadata_error, moved, run,
    search, urls, with,
};

#[test]
fn a_redirect_is_followed_and_the_issuer_is_compared_with_what_was_asked_for() {
    for status in [301, 302, 303, 307, 308] {
        let (asked, found) = run(search(), |url, _| match url {
            OPENID => with(status, ("location", "/index.php/metadata"), ""),
            _ => answer(200, WHOLE),
        });
        assert_eq!(urls(&asked), [OPENID, "https://id.example/index.php/metadata"], "{status}");
        assert!(found.is_ok());
    }
    let (asked, found) = run(search(), |url, _| match url {
        OPENID => moved("https://evil.example/m"),
        "https://evil.example/m" => answer(
            200,
            r#"{"issuer":"https://evil.example","device_authorization_endpoint":"https://evil.example/d","token_endpoint":"https://evil.example/t"}"#,
        ),
        _ => answer(404, ""),
    });
    assert_eq!(asked.len(), 5);
    let got = metadata_error(found.unwrap_err());
    assert!(matches!(got, MetadataError::Issuer { .. }), "{got:?}");
    // A login page behind a redirect counts as any page.
    let (asked, found) = run(search(), |url, _| match url {
        OPENID => moved("https://login.example/?next=x"),
        OAUTH_INSERTED => answer(200, WHOLE),
        _ => answer(200, "<html>"),
    });
    assert_eq!(urls(&asked), [OPENID, "https://login.example/?next=x", OAUTH_INSERTED]);
    assert!(found.is_ok());
}

#[test]
fn three_redirects_in_a_row_are_followed_and_no_fourth() {
    for last in [3, 4] {
        let (asked, found) = run(search(), |url, _| {
            let step = url.rsplit_once("/step").map_or(0, |(_, step)| step.parse().unwrap());
            if url == OPENID || url.contains("/step") && step < last {
                moved(&format!("/step{}", step + 1))
            } else if step == last {
                answer(200, WHOLE)
            } else {
                answer(404, "")
            }
        });
        if last == 3 {
            assert_eq!(asked.len(), 4);
            assert!(found.is_ok());
        } else {
            assert_eq!(asked.len(), 4 + 3, "the other addresses are asked all the same");
            let SearchError::Redirect { reason, target, .. } = found.unwrap_err() else {
                panic!("no redirect")
            };
            assert_eq!((reason, target.as_str()), (NotFollowed::TooMany, "https://id.example/step4"));
        }
    }
}

#[test]
fn redirects_that_lead_in_a_circle_are_left() {
    for (there, back) in [("/a", OPENID), ("", OPENID), (OPENID, OPENID)] {
        let (asked, found) = run(search(), |url, _| match url {
            OPENID => moved(there),
            "https://id.example/a" => moved(back),
            _ => answer(404, ""),
        });
        assert!(asked.len() <= 5, "{asked:?}");
        assert!(
            matches!(found.unwrap_err(), SearchError::Redirect { reason: NotFollowed::Loop, .. }),
            "{there}"
        );
    }
}

#[test]
fn an_address_is_asked_once_however_many_lead_there() {
    let (asked, found) = run(search(), |url, _| match url {
        OPENID => moved(OAUTH_INSERTED),
        OAUTH_APPENDED | OPENID_INSERTED => moved(OPENID),
        _ => answer(404, ""),
    });
    assert_eq!(urls(&asked), ALL);
    assert_eq!(metadata_error(found.unwrap_err()), MetadataError::Status(404));
}

#[test]
fn an_address_that_failed_is_asked_again_although_the_last_one_was_reached_by_a_redirect() {
    let (asked, found) = run(search(), |url, before| match (url, before) {
        (OPENID, 0) => answer(503, ""),
        (OPENID, _) => answer(200, WHOLE),
        (OAUTH_INSERTED, _) => moved(OPENID_INSERTED),
        _ => answer(404, ""),
    });
    assert_eq!(urls(&asked), [OPENID, OAUTH_INSERTED, OPENID_INSERTED, OAUTH_APPENDED, OPENID]);
    assert!(found.is_ok());
}

#[test]
fn a_redirect_that_is_not_followed_is_named_without_what_may_be_secret() {
    for (location, reason) in [
        ("http://id.example/login?ticket=SECRET", NotFollowed::PlainHttp),
        ("https://ada:SECRET@id.example/login", NotFollowed::UserInfo),
        ("https://localhost/login#SECRET", NotFollowed::ThisMachine),
    ] {
        let (asked, found) = run(search(), |_, _| moved(location));
        assert_eq!(urls(&asked), ALL, "the target is not asked");
        let error = found.unwrap_err();
        assert!(matches!(error, SearchError::Redirect { reason: told, .. } if told == reason), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("/login") && !text.contains("SECRET"), "{text}");
    }
    // Nor does an error behind a followed redirect show its query.
    let (_, found) = run(search(), |url, _| {
        if url == OPENID {
            moved("/login?ticket=SECRET")
        } else if url.contains("SECRET") {
            answer(200, "<html>")
        } else {
            answer(404, "")
        }
    });
    let error = found.unwrap_err();
    assert_eq!(error.address().unwrap().to_string(), "https://id.example/login");
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
}

#[test]
fn a_redirect_without_a_target_is_a_plain_no() {
    let (asked, found) = run(search(), |_, _| answer(302, WHOLE));
    assert_eq!(urls(&asked), ALL);
    assert_eq!(metadata_error(found.unwrap_err()), MetadataError::Status(302));
    let (_, found) = run(search(), |_, _| with(300, ("location", "/a"), ""));
    assert_eq!(metadata_error(found.unwrap_err()), MetadataError::Status(300));
}
