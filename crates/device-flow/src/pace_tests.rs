//! Tests of the pace: RFC 8628 §3.5, the backoff, and the last poll.

use super::*;
use crate::jitter::Jitter;

const CAP: Duration = Duration::from_secs(30);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_interval_is_five_seconds_if_absent_and_never_below_one() {
    assert_eq!(Pace::polling(None, false, Tick::ZERO).interval(), secs(5));
    assert_eq!(Pace::polling(Some(Duration::ZERO), false, Tick::ZERO).interval(), secs(1));
    let huge = Pace::polling(Some(Duration::MAX), false, Tick::ZERO + secs(9));
    assert_eq!(huge.due(), Tick::since_origin(Duration::MAX));
}

#[test]
fn backoff_doubles_up_to_its_cap_and_is_reset_by_a_verdict() {
    let mut pace = Pace::polling(Some(secs(5)), false, Tick::ZERO);
    let mut waits = Vec::new();
    for _ in 0..40 {
        pace.back_off(Tick::ZERO, None, CAP, Draw::NOTHING);
        waits.push(pace.due().elapsed().as_secs());
    }
    assert_eq!(&waits[..4], [10, 20, 30, 30]);
    assert_eq!(waits[39], 30);
    pace.after_verdict(Tick::ZERO, None);
    assert_eq!(pace.due().elapsed(), secs(5));
}

#[test]
fn backoff_capped_below_the_floor_does_not_undercut_it() {
    let mut pace = Pace::polling(Some(secs(40)), false, Tick::ZERO);
    pace.back_off(Tick::ZERO, None, CAP, Draw::NOTHING);
    assert_eq!(pace.due().elapsed(), secs(40));
}

#[test]
fn retry_after_lengthens_one_gap_only() {
    let mut pace = Pace::polling(Some(secs(5)), false, Tick::ZERO);
    pace.after_verdict(Tick::ZERO, Some(secs(60)));
    assert_eq!(pace.due().elapsed(), secs(60));
    pace.back_off(Tick::ZERO, Some(secs(90)), CAP, Draw::NOTHING);
    assert_eq!(pace.due().elapsed(), secs(90));
    pace.after_verdict(Tick::ZERO, None);
    assert_eq!(pace.due().elapsed(), secs(5));
}

fn gaps_after_slow_downs(named: &[Option<u64>]) -> Vec<u64> {
    let mut pace = Pace::polling(Some(secs(1)), false, Tick::ZERO);
    let gap = |named: &Option<u64>| {
        pace.slow_down(Tick::ZERO, None, named.map(secs));
        pace.due().elapsed().as_secs()
    };
    named.iter().map(gap).collect()
}

#[test]
fn slow_down_adds_five_seconds_and_a_tenth_from_the_second_in_a_row() {
    assert_eq!(gaps_after_slow_downs(&[None, None, None]), [6, 13, 20]);
}

#[test]
fn an_interval_that_slow_down_names_is_believed_when_it_is_longer() {
    assert_eq!(gaps_after_slow_downs(&[Some(11), Some(3)]), [11, 18]);
    assert_eq!(gaps_after_slow_downs(&[Some(0), Some(100)]), [6, 110]);
    let mut pace = Pace::polling(Some(secs(5)), false, Tick::ZERO);
    pace.slow_down(Tick::ZERO, None, Some(Duration::MAX));
    assert_eq!(pace.due(), Tick::since_origin(Duration::MAX));
}

#[test]
fn pending_may_name_a_longer_interval_and_ends_a_row_of_slow_downs() {
    let mut pace = Pace::polling(Some(secs(1)), false, Tick::ZERO);
    pace.slow_down(Tick::ZERO, None, None);
    pace.pending(Tick::ZERO, None, Some(secs(2)));
    assert_eq!(pace.interval(), secs(6));
    pace.pending(Tick::ZERO, None, Some(secs(8)));
    assert_eq!(pace.interval(), secs(8));
    pace.slow_down(Tick::ZERO, None, None);
    assert_eq!(pace.interval(), secs(13));
}

#[test]
fn the_last_request_is_made_shortly_before_the_deadline_if_the_announced_interval_allows_it() {
    let due = |interval, slow_downs, now, is_first| {
        let (now, deadline) = (Tick::ZERO + secs(now), Tick::ZERO + secs(60));
        let mut pace = Pace::polling(Some(secs(interval)), false, now);
        (0..slow_downs).for_each(|_| pace.slow_down(now, None, None));
        pace.keep_last(now, deadline, secs(60), is_first);
        pace.due().elapsed().as_secs()
    };
    assert_eq!(due(5, 0, 50, false), 55, "it is due before the deadline anyway");
    assert_eq!(due(5, 0, 56, false), 61, "the interval goes beyond the deadline");
    assert_eq!(due(5, 1, 51, false), 58, "the service announced 5 s, and the code dies in 9 s");
    assert_eq!(due(90, 0, 0, false), 90, "the announced interval is longer than the code lives");
    assert_eq!(due(90, 0, 0, true), 58, "the first is made in any case");
}

#[test]
fn setting_up_backs_off_from_one_second() {
    let mut pace = Pace::setup(Tick::ZERO);
    let mut waits = Vec::new();
    for _ in 0..4 {
        pace.back_off(Tick::ZERO, None, CAP, Draw::NOTHING);
        waits.push(pace.due().elapsed().as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn what_is_drawn_lengthens_a_wait_by_up_to_half_and_never_shortens_it() {
    for seed in 0..1_000 {
        let draw = Jitter::seeded(seed).draw();
        let cases = [
            (5, None, 10, 15),
            // The cap limits the addition to a wait that the service requires.
            (5, Some(secs(600)), 600, 630),
            (40, None, 40, 60),
        ];
        for (interval, retry_after, least, most) in cases {
            let mut pace = Pace::polling(Some(secs(interval)), false, Tick::ZERO);
            pace.back_off(Tick::ZERO, retry_after, CAP, draw);
            let due = pace.due().elapsed();
            assert!(secs(least) <= due && due < secs(most), "{due:?} is not in {least}..{most}");
        }
    }
}
