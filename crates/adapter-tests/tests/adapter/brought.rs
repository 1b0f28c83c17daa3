//! HTTP clients with settings of the embedding program, for which the same rules apply.

use std::time::Duration;

use adapter_tests::stub::{ClosedPort, Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{Failure, Outcome, TransientError};

const GENEROUS: Duration = Duration::from_secs(20);

fn a_client_that_was_brought_along_signs_in_and_a_400_is_still_an_answer<A: Adapter>() {
    for kind in A::BROUGHT {
        let stub =
            Stub::polls([Step::fault("authorization_pending"), Step::fault("slow_down"), Step::token()]);
        let signed_in = A::sign_in_brought(kind, GENEROUS, &stub.endpoint()).unwrap();
        assert_eq!(signed_in.polls, 3, "{kind}");
        assert_eq!(signed_in.token.access_token.expose(), "stub-access-token", "{kind}");
        assert_eq!(stub.connections(), 1, "{kind}: its connection is kept");
    }
}

fn a_client_without_a_time_out_gets_one_for_each_request<A: Adapter>() {
    for kind in A::BROUGHT {
        let stub = Stub::polls([Step::Hang(Duration::from_secs(15)), Step::token()]);
        let signed_in = A::sign_in_brought(kind, Duration::from_millis(600), &stub.endpoint()).unwrap();
        assert_eq!(signed_in.polls, 2, "{kind}");
    }
}

fn a_client_that_was_brought_along_reads_no_endless_body<A: Adapter>() {
    for kind in A::BROUGHT {
        let stub = Stub::polls([Step::Endless, Step::fault("authorization_pending"), Step::token()]);
        assert_eq!(A::sign_in_brought(kind, GENEROUS, &stub.endpoint()).unwrap().polls, 3, "{kind}");
    }
}

fn a_client_that_may_have_followed_a_redirect_may_have_sent_what_was_refused_and_others_have_not<
    A: Adapter,
>() {
    for kind in A::BROUGHT {
        let closed = ClosedPort::bind();
        let end = A::sign_in_brought(kind, GENEROUS, &closed.endpoint()).unwrap_err();
        let Outcome::Unreachable { error: TransientError::Failed(failure), .. } = end.outcome else {
            panic!("{kind}: {end:?}")
        };
        let known = A::KNOWN_NOT_TO_HAVE_SENT.contains(kind);
        assert_eq!(failure, if known { Failure::NotSent } else { Failure::Unknown }, "{kind}");
    }
}

fn tls_settings_for_a_client_that_was_brought_along_are_refused_and_not_forgotten<A: Adapter>() {
    let refused = A::build_brought_with_tls_settings();
    assert_eq!(refused.len(), 2);
    for (setting, refusal) in refused {
        assert!(refusal.contains(setting), "{refusal}");
    }
}

for_both_adapters! {
    a_client_that_was_brought_along_signs_in_and_a_400_is_still_an_answer,
    a_client_without_a_time_out_gets_one_for_each_request,
    a_client_that_was_brought_along_reads_no_endless_body,
    a_client_that_may_have_followed_a_redirect_may_have_sent_what_was_refused_and_others_have_not,
    tls_settings_for_a_client_that_was_brought_along_are_refused_and_not_forgotten,
}
