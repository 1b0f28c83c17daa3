//! CreateToken while pending: the pace of the polls (RFC 8628 §3.5).

use core::time::Duration;
use device_authority::{ServerPolicy, SlowDown, UserDecision};
use oidc_proto::{Client, FaultCode, Secret};

use crate::common::Bench;

struct Device {
    bench: Bench,
    client: Client,
    code: Secret,
    user_code: String,
}

impl Device {
    fn new(mode: SlowDown) -> Self {
        let policy = ServerPolicy::default().with_interval(Duration::from_secs(5)).with_slow_down(mode);
        let mut bench = Bench::new(policy);
        let client = bench.client();
        let device = bench.start(&client).unwrap();
        Self { bench, client, code: device.device_code, user_code: device.user_code }
    }

    /// Polls after this many seconds, and returns whether the response is `slow_down`. Any other response
    /// must be `authorization_pending`.
    #[track_caller]
    fn is_slowed_after(&mut self, seconds: f64) -> bool {
        self.bench.wait(seconds);
        match self.bench.poll(&self.client, &self.code).unwrap_err().code {
            FaultCode::SlowDown => true,
            FaultCode::AuthorizationPending => false,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_first_poll_is_never_too_early() {
    for mode in [SlowDown::Always, SlowDown::Strict, SlowDown::Grace, SlowDown::Off] {
        assert!(!Device::new(mode).is_slowed_after(0.0), "{mode:?}");
    }
}

#[test]
fn a_poll_in_the_instant_in_which_the_interval_ends_is_in_time() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    assert!(!device.is_slowed_after(5.0));
    assert!(device.is_slowed_after(4.999));
}

#[test]
fn strict_tells_the_second_of_two_quick_polls_to_slow_down() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    assert!(device.is_slowed_after(0.1));
}

#[test]
fn slow_down_adds_five_seconds_for_this_and_all_later_polls() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    assert!(device.is_slowed_after(4.0)); // 5 s → 10 s
    assert!(device.is_slowed_after(9.9)); // 10 s → 15 s
    assert!(!device.is_slowed_after(15.0));
    assert!(!device.is_slowed_after(15.0));
    assert!(device.is_slowed_after(14.9), "obeying twice does not buy the five seconds back");
}

#[test]
fn grace_forgives_one_early_poll_a_device_and_no_second() {
    let mut device = Device::new(SlowDown::Grace);
    assert!(!device.is_slowed_after(0.0));
    assert!(!device.is_slowed_after(0.05), "the AWS CLI's second poll");
    assert!(!device.is_slowed_after(5.0), "the interval has not grown");
    assert!(device.is_slowed_after(1.0));
    assert!(device.is_slowed_after(5.0), "the interval has grown");
}

#[test]
fn off_never_slows_a_device_down() {
    let mut device = Device::new(SlowDown::Off);
    assert!((0..100).all(|_| !device.is_slowed_after(0.0)));
}

#[test]
fn an_approved_device_is_served_however_early_it_polls() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    assert!(device.is_slowed_after(0.1));
    device.bench.person(&device.user_code, UserDecision::APPROVE);
    assert!(device.bench.poll(&device.client, &device.code).is_ok());
}

#[test]
fn a_denied_device_is_told_so_however_early_it_polls() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    device.bench.person(&device.user_code, UserDecision::Deny);
    let fault = device.bench.poll(&device.client, &device.code).unwrap_err();
    assert_eq!(fault.code, FaultCode::AccessDenied);
}

#[test]
fn a_clock_that_steps_back_neither_slows_a_device_down_nor_frees_it_of_its_interval() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    device.bench.step_back(3600);
    assert!(!device.is_slowed_after(0.0), "the gap is not known, so it is not held against the device");
    assert!(device.is_slowed_after(1.0), "from here on it is known again");
}

#[test]
fn one_device_does_not_slow_another_down() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    let other = device.bench.start(&device.client).unwrap();
    let fault = device.bench.poll(&device.client, &other.device_code).unwrap_err();
    assert_eq!(fault.code, FaultCode::AuthorizationPending);
}

#[test]
fn an_absurd_interval_saturates() {
    let policy = ServerPolicy::default().with_interval(Duration::MAX).with_slow_down(SlowDown::Strict);
    let mut bench = Bench::new(policy);
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    assert_eq!(bench.poll(&client, &device.device_code).unwrap_err().code, FaultCode::AuthorizationPending);
    for _ in 0..3 {
        assert_eq!(bench.poll(&client, &device.device_code).unwrap_err().code, FaultCode::SlowDown);
    }
}

#[test]
fn always_looks_at_the_pace_before_the_decision_and_names_the_interval() {
    for verdict in [UserDecision::APPROVE, UserDecision::Deny] {
        let mut device = Device::new(SlowDown::Always);
        assert!(!device.is_slowed_after(0.0));
        device.bench.person(&device.user_code, verdict);
        for (gap, interval) in [(4.9, 10), (9.9, 15), (14.9, 20)] {
            device.bench.wait(gap);
            let fault = device.bench.poll(&device.client, &device.code).unwrap_err();
            assert_eq!(
                (fault.code, fault.interval),
                (FaultCode::SlowDown, Some(Duration::from_secs(interval)))
            );
        }
        device.bench.wait(20.0);
        let answer = device.bench.poll(&device.client, &device.code);
        match verdict {
            UserDecision::Approve(_) => assert!(answer.is_ok()),
            _ => assert_eq!(answer.unwrap_err().code, FaultCode::AccessDenied),
        }
    }
}

#[test]
fn always_lets_a_client_in_that_obeys_from_the_first_slow_down_on() {
    let mut device = Device::new(SlowDown::Always);
    device.bench.person(&device.user_code, UserDecision::APPROVE);
    // The device's first poll is never early.
    assert!(device.bench.poll(&device.client, &device.code).is_ok());

    let mut device = Device::new(SlowDown::Always);
    assert!(!device.is_slowed_after(0.0));
    assert!(device.is_slowed_after(1.0));
    device.bench.person(&device.user_code, UserDecision::APPROVE);
    device.bench.wait(10.0);
    assert!(device.bench.poll(&device.client, &device.code).is_ok());
}

#[test]
fn always_tells_a_device_whose_code_is_over_so_however_early_it_polls() {
    let mut device = Device::new(SlowDown::Always);
    device.bench.person(&device.user_code, UserDecision::APPROVE);
    device.bench.wait(599.0);
    assert!(device.bench.poll(&device.client, &device.code).is_ok());
    let replay = device.bench.poll(&device.client, &device.code).unwrap_err();
    assert_eq!(replay.code, FaultCode::InvalidGrant);

    let mut device = Device::new(SlowDown::Always);
    device.bench.wait(599.0);
    assert!(!device.is_slowed_after(0.0));
    device.bench.person(&device.user_code, UserDecision::APPROVE);
    device.bench.wait(1.0);
    let late = device.bench.poll(&device.client, &device.code).unwrap_err();
    assert_eq!(late.code, FaultCode::ExpiredToken);
}

#[test]
fn only_always_names_the_interval_in_its_refusal() {
    let mut device = Device::new(SlowDown::Strict);
    assert!(!device.is_slowed_after(0.0));
    assert_eq!(device.bench.poll(&device.client, &device.code).unwrap_err().interval, None);
}
