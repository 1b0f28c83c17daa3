//! The effects of a proxy on a sign-in.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use adapter_tests::{Adapter, for_both_adapters};
use device_flow::{DeviceFlow, Failure, Operation, Outcome, Policy, Tick, TransientError};
use http::StatusCode;
use oidc_proto::Endpoint;

/// The environment variable with the task for the process behind the proxy.
pub(crate) const TASK: &str = "DEVICE_FLOW_TEST_TASK";

/// A region whose endpoint is behind the proxy.
pub(crate) const REGION: &str = "eu-west-1";

/// Returns the requests at a proxy that answers CONNECT with this status. Meanwhile the test of this name
/// runs in a separate process, whose environment names the proxy.
pub(crate) fn heard_from(test: &str, task: &str, status: &'static str) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    // The thread ends with this process.
    thread::spawn(move || {
        for stream in proxy.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let (mut bytes, mut head) = ([0; 4096], Vec::<u8>::new());
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                hearing.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..count]);
                head.extend(&bytes[..count]);
                // A client may close after its response. Bytes that it sends later may get lost.
                if !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    continue;
                }
                drop(stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()));
            }
        }
    });
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test]).env(TASK, task).env_remove("NO_PROXY").env_remove("no_proxy");
    for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, &address);
    }
    let output = child.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&heard).into_owned()
}

/// Signs in through a proxy that answers CONNECT with this status.
fn sign_in_behind<A: Adapter>(status: StatusCode) {
    let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    let mut flow = DeviceFlow::new(Endpoint::for_region(REGION).unwrap(), policy, None, Tick::ZERO);
    A::drive_in_region(REGION, &mut flow).unwrap();
    let end = flow.into_result(Tick::ZERO).unwrap_err();
    let error = end.transport.expect("the error is kept");
    let is_told = A::TELLS_STATUS_OF_PROXY || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    assert_eq!((error.is_at_proxy(), error.proxy_status()), (true, is_told.then_some(status)), "{error:?}");
    let expected = if is_told && status.is_client_error() { Failure::ProxyRefused } else { Failure::NotSent };
    let Outcome::Unreachable {
        operation: Operation::RegisterClient,
        error: TransientError::Failed(failure),
        ..
    } = end.outcome
    else {
        panic!("{:?}", end.outcome)
    };
    assert_eq!((failure, error.failure()), (expected, expected));
}

fn a_proxy_that_refuses_is_asked_once_and_one_in_error_until_the_retry_window_is_over<A: Adapter>() {
    if let Ok(status) = std::env::var(TASK) {
        return sign_in_behind::<A>(status.parse().unwrap());
    }
    let test = "a_proxy_that_refuses_is_asked_once_and_one_in_error_until_the_retry_window_is_over";
    let test = format!("proxied::{}::{test}", A::NAME);
    let asked = |task, status| heard_from(&test, task, status).matches("CONNECT oidc.eu-west-1").count();
    assert_eq!(asked("407", "407 Proxy Authentication Required"), 1);
    assert_eq!(asked("403", "403 Forbidden"), if A::TELLS_STATUS_OF_PROXY { 1 } else { 5 });
    assert_eq!(asked("503", "503 Service Unavailable"), 5);
}

for_both_adapters! {
    a_proxy_that_refuses_is_asked_once_and_one_in_error_until_the_retry_window_is_over,
}
