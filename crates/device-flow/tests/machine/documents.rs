//! Which of several documents is the result of the metadata search.

use crate::search::{
    ALL, NO_DEVICE, OAUTH_APPENDED, OAUTH_INSERTED, OPENID, WHOLE, answer, run, search, urls,
};
use oidc_proto::oauth::MetadataError;

#[test]
fn a_document_that_lacks_an_endpoint_does_not_end_the_search() {
    for less in [
        "{}",
        NO_DEVICE,
        r#"{"issuer":"https://id.example/t"}"#,
        &WHOLE.replace("https://id.example/d", "/d"),
    ] {
        let (asked, found) =
            run(search(), |url, _| answer(200, if url == OAUTH_APPENDED { WHOLE } else { less }));
        assert_eq!(urls(&asked), ALL[..3], "{less}");
        assert!(found.unwrap().provider().is_ok(), "{less}");
    }
}

#[test]
fn the_best_document_is_the_result_if_none_has_the_device_endpoint() {
    let bare = r#"{"issuer":"https://id.example/t","scopes_supported":["bare"]}"#;
    for (first, second) in [(bare, NO_DEVICE), (NO_DEVICE, bare)] {
        let (asked, found) = run(search(), |url, _| match url {
            OPENID => answer(200, first),
            OAUTH_INSERTED => answer(200, second),
            _ => answer(404, ""),
        });
        assert_eq!(urls(&asked), ALL);
        let metadata = found.unwrap();
        assert_eq!(metadata.scopes_supported, ["first"]);
        assert_eq!(metadata.provider(), Err(MetadataError::Missing("device_authorization_endpoint")));
    }
    let (_, found) = run(search(), |url, _| {
        let one = if url == OPENID { "first" } else { "later" };
        answer(200, &NO_DEVICE.replace("first", one))
    });
    assert_eq!(found.unwrap().scopes_supported, ["first"], "of two that are as good, the earlier");
}

#[test]
fn a_document_with_the_code_flow_is_better_than_one_with_a_token_endpoint_alone() {
    let code = NO_DEVICE
        .replace("first", "code")
        .replace('{', r#"{"authorization_endpoint":"https://id.example/authorize","#);
    for (first, second) in [(NO_DEVICE, code.as_str()), (&code, NO_DEVICE)] {
        let (_, found) = run(search(), |url, _| match url {
            OPENID => answer(200, first),
            OAUTH_INSERTED => answer(200, second),
            _ => answer(404, ""),
        });
        assert_eq!(found.unwrap().scopes_supported, ["code"]);
    }
    let known = search().with_authorization_endpoint("https://id.example/own");
    let (_, found) = run(known, |_, _| answer(200, &code));
    assert_eq!(found.unwrap().authorization_endpoint.as_deref(), Some("https://id.example/own"));
}

#[test]
fn what_the_program_knows_completes_a_document_and_counts_more_than_it() {
    let known = search().with_device_authorization_endpoint("https://id.example/own");
    let (asked, found) = run(known, |_, _| answer(200, NO_DEVICE));
    assert_eq!(urls(&asked), [OPENID]);
    let found = found.unwrap();
    assert_eq!(found.device_authorization_endpoint.as_deref(), Some("https://id.example/own"));
    assert_eq!(found.token_endpoint.as_deref(), Some("https://id.example/t"));

    let known = search().with_token_endpoint("https://id.example/own");
    let (_, found) = run(known, |_, _| answer(200, WHOLE));
    assert_eq!(found.unwrap().token_endpoint.as_deref(), Some("https://id.example/own"));
}
