//! The limits on wrong user codes (RFC 8628 §5.1): what they leave a guesser, and what they leave everyone else.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use device_authority::{
    GuessLimit, GuessRecord, Moment, PersonError, ServerPolicy, Source, UserDecision, count_guess, may_guess,
};
use proptest::prelude::*;

use crate::common::Bench;
use crate::person::look;

fn source(text: &str) -> Option<Source> {
    Some(Source::of(text.parse::<IpAddr>().unwrap()))
}

#[test]
fn over_the_limit_a_right_code_is_refused_too_and_another_source_is_not() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let refused = look(&mut bench, guesser, &device.user_code);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    let code = device.user_code.as_str();
    let refused = bench.store.decide(&bench.policy, guesser, code, UserDecision::APPROVE, bench.now);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    assert_eq!(look(&mut bench, source("192.0.2.2"), code), Ok(()));
    assert_eq!(look(&mut bench, None, code), Ok(()), "a trusted caller is not limited");
}

#[test]
fn a_right_code_does_not_reset_the_count() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let own = bench.start(&client).unwrap();
        assert_eq!(look(&mut bench, guesser, &own.user_code), Ok(()));
        assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let own = bench.start(&client).unwrap();
    let got = look(&mut bench, guesser, &own.user_code);
    assert!(matches!(got, Err(PersonError::TooManyGuesses(_))), "{got:?}");
}

#[test]
fn the_count_starts_anew_when_the_window_has_passed() {
    let mut bench = Bench::new(ServerPolicy::default());
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let _ = look(&mut bench, guesser, "BBBB-BBBB");
        bench.wait(1.0);
    }
    match look(&mut bench, guesser, "BBBB-BBBB") {
        Err(PersonError::TooManyGuesses(limit)) => assert_eq!(limit.wait, Duration::from_secs(50)),
        other => panic!("{other:?}"),
    }
    bench.wait(50.0);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
}

#[test]
fn guesses_from_everywhere_are_limited_together() {
    let limit = GuessLimit::default().with_everyone(4).with_ceiling(5);
    let mut bench = Bench::new(ServerPolicy::default().with_guesses(limit));
    for i in 0..5 {
        assert_eq!(look(&mut bench, source(&format!("192.0.2.{i}")), "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    let refused = look(&mut bench, source("192.0.2.9"), "BBBB-BBBB");
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
}

#[test]
fn the_guesses_of_strangers_do_not_keep_out_a_source_without_guesses() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let wrong = |bench: &mut Bench, from| look(bench, from, "BBBB-BBBB");
    for i in 0..300 {
        let stranger = source(&format!("192.0.2.{}", i / 10));
        assert_eq!(wrong(&mut bench, stranger), Err(PersonError::Unknown));
    }
    let (person, stranger) = (source("198.51.100.1"), source("192.0.2.0"));
    let refused = look(&mut bench, stranger, &device.user_code);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    // The person may mistype once, and not much oftener.
    assert_eq!(wrong(&mut bench, person), Err(PersonError::Unknown));
    assert_eq!(look(&mut bench, person, &device.user_code), Ok(()));
    assert_eq!(wrong(&mut bench, person), Err(PersonError::Unknown));
    let refused = look(&mut bench, person, &device.user_code);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    bench.wait(60.0);
    assert_eq!(look(&mut bench, person, &device.user_code), Ok(()));
}

#[test]
fn a_text_that_cannot_be_a_code_is_no_guess() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let person = source("192.0.2.1");
    for text in ["zz", "", "1234-5678", "WDJB-MJHTW"].repeat(5) {
        assert_eq!(look(&mut bench, person, text), Err(PersonError::NotACode), "{text}");
    }
    assert_eq!(bench.store.guesses(person.unwrap()), None);
    assert_eq!(bench.store.guesses(Source::EVERYONE), None);
    assert_eq!(look(&mut bench, person, &device.user_code), Ok(()));
}

#[test]
fn one_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_one() {
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
}

#[test]
fn one_site_of_ipv6_cannot_reach_the_ceiling_and_keeps_only_itself_out() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let code = device.user_code.as_str();
    // A whole /48, one address in each /64.
    let of_site = |subnet: u32| source(&format!("2001:db8:1:{subnet:x}::1"));
    let mut guesses = 0;
    for subnet in 0..5_000 {
        match look(&mut bench, of_site(subnet), "BBBB-BBBB") {
            Err(PersonError::Unknown) => guesses += 1,
            refused => assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}"),
        }
    }
    assert_eq!(guesses, 300);
    assert_eq!(bench.store.guesses(Source::EVERYONE).map(|record| record.count), Some(300));
    let refused = look(&mut bench, of_site(9_999), code);
    assert!(matches!(refused, Err(PersonError::TooManyGuesses(_))), "{refused:?}");
    for person in ["2001:db8:2::1", "198.51.100.1"] {
        assert_eq!(look(&mut bench, source(person), "BBBB-BBBB"), Err(PersonError::Unknown), "{person}");
        assert_eq!(look(&mut bench, source(person), code), Ok(()), "{person}");
    }
    bench.wait(60.0);
    assert_eq!(look(&mut bench, of_site(9_999), code), Ok(()));
}

#[test]
fn each_network_of_a_site_has_a_limit_of_its_own() {
    let mut bench = Bench::new(ServerPolicy::default());
    let client = bench.client();
    let device = bench.start(&client).unwrap();
    let (guesser, neighbour) = (source("2001:db8:1:1::1"), source("2001:db8:1:2::1"));
    for _ in 0..10 {
        assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    }
    assert!(matches!(look(&mut bench, guesser, &device.user_code), Err(PersonError::TooManyGuesses(_))));
    assert_eq!(look(&mut bench, neighbour, &device.user_code), Ok(()));
    let record = bench.store.guesses(guesser.unwrap()).unwrap();
    assert_eq!((record.count, record.subnets.get(&1)), (10, Some(&10)));
    assert_eq!(bench.store.guesses(neighbour.unwrap()), Some(record), "a site has one record");
    // Only what IPv6 needs is stored.
    let of_ipv4 = count_guess(&bench.policy, ipv4(0), None, bench.now);
    assert!(!serde_json::to_string(&of_ipv4).unwrap().contains("subnets"));
    let text = serde_json::to_string(record).unwrap();
    assert_eq!(serde_json::from_str::<GuessRecord>(&text).unwrap(), *record);
}

#[test]
fn a_clock_that_steps_back_does_not_lock_a_person_out_for_longer_than_a_window() {
    let mut bench = Bench::new(ServerPolicy::default());
    let guesser = source("192.0.2.1");
    for _ in 0..10 {
        let _ = look(&mut bench, guesser, "BBBB-BBBB");
    }
    bench.step_back(86_400);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
    match look(&mut bench, guesser, "BBBB-BBBB") {
        Err(PersonError::TooManyGuesses(limit)) => assert_eq!(limit.wait, Duration::from_secs(60)),
        other => panic!("{other:?}"),
    }
    bench.wait(60.0);
    assert_eq!(look(&mut bench, guesser, "BBBB-BBBB"), Err(PersonError::Unknown));
}

fn ipv4(number: usize) -> Source {
    Source::of(core::net::Ipv4Addr::from_bits(0xc000_0200 + u32::try_from(number).unwrap()).into())
}

/// Wrong codes from sources at times, with the records that a store would keep.
struct Guesses {
    policy: ServerPolicy,
    now: Moment,
    records: BTreeMap<Option<usize>, GuessRecord>,
}

impl Guesses {
    fn may(&self, from: usize, now: Moment) -> Result<(), Duration> {
        let (site, everyone) = (self.records.get(&Some(from)), self.records.get(&None));
        may_guess(&self.policy, ipv4(from), site, everyone, now).map_err(|limit| limit.wait)
    }

    /// Guesses wrong, if the limits permit it. Returns whether they do.
    fn guess(&mut self, from: usize) -> bool {
        if self.may(from, self.now).is_err() {
            return false;
        }
        for (key, source) in [(Some(from), ipv4(from)), (None, Source::EVERYONE)] {
            let next = count_guess(&self.policy, source, self.records.get(&key), self.now);
            self.records.insert(key, next);
        }
        true
    }
}

fn limits() -> impl Strategy<Value = GuessLimit> {
    (1..6u32, 1..20u32, 1..4u32, 1..30u32).prop_map(|(per_source, everyone, in_crowd, ceiling)| {
        let limit = GuessLimit::default().with_per_source(per_source).with_everyone(everyone);
        limit.with_in_crowd(in_crowd).with_ceiling(ceiling)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The laws are told in numbers of guesses, without the rule that keeps them.
    #[test]
    fn guesses_are_bounded_and_a_source_without_any_is_refused_at_the_ceiling_only(
        limit in limits(),
        steps in prop::collection::vec((0..8usize, 0..8u64), 0..120),
    ) {
        let now = Moment::new(Duration::from_secs(1_700_000_000));
        let policy = ServerPolicy::default().with_guesses(limit);
        let mut guesses = Guesses { policy, now, records: BTreeMap::new() };
        let mut taken: Vec<(usize, Moment)> = Vec::new();
        for (from, seconds) in steps {
            guesses.now = guesses.now.after(Duration::from_secs(seconds));
            let now = guesses.now;
            // Any window has at most as many guesses as two windows in a row that restart in it.
            let recent = |at: &Moment| now.since(*at) < limit.window;
            let all = taken.iter().filter(|(_, at)| recent(at)).count();
            let mine = taken.iter().filter(|(source, at)| *source == from && recent(at)).count();
            prop_assert!(all <= 2 * limit.ceiling as usize);
            prop_assert!(mine <= 2 * limit.per_source as usize);
            match guesses.may(from, now) {
                Ok(()) => prop_assert!(guesses.guess(from)),
                Err(wait) => {
                    prop_assert!(mine > 0 || all >= limit.ceiling as usize, "a fresh source was refused");
                    prop_assert!(wait > Duration::ZERO && wait <= limit.window);
                    prop_assert_eq!(guesses.may(from, now.after(wait)), Ok(()));
                    let earlier = now.after(wait.saturating_sub(Duration::from_nanos(1)));
                    prop_assert!(guesses.may(from, earlier).is_err(), "the wait is longer than needed");
                    continue;
                }
            }
            taken.push((from, now));
        }
    }
}

/// Returns the guesses of an attacker with so many sources, in one window and by the default limits.
fn in_a_window(sources: usize) -> u32 {
    let now = Moment::new(Duration::from_secs(1_700_000_000));
    let mut guesses = Guesses { policy: ServerPolicy::default(), now, records: BTreeMap::new() };
    // Each source is used up before the next one: the best order, because few sources need the larger limit.
    (0..sources).map(|from| (0..20).filter(|_| guesses.guess(from)).count() as u32).sum()
}

#[test]
fn the_table_of_the_limits_tells_how_many_guesses_so_many_sources_have() {
    let table = include_str!("../../src/policy.rs");
    for (sources, row) in [
        (1, "| 1 | 10 | 110 | 2^-27.8 |"),
        (30, "| 30 | 300 | 3,300 | 2^-22.9 |"),
        (1000, "| 1,000 | 2,240 | 24,640 | 2^-20.0 |"),
        (2380, "| 2,380 or more | 5,000 | 55,000 | 2^-18.8 |"),
        (4000, "| 2,380 or more | 5,000 | 55,000 | 2^-18.8 |"),
    ] {
        assert!(table.contains(row), "{row}");
        let cells: Vec<_> = row.split(" | ").map(|cell| cell.replace(',', "")).collect();
        let guesses = in_a_window(sources);
        assert_eq!(cells[1], guesses.to_string(), "{row}");
        assert_eq!(cells[2], (11 * guesses).to_string(), "{row}");
        let bits = f64::from(11 * guesses).log2() - 20f64.powi(8).log2();
        assert_eq!(cells[3].trim_end_matches(" |"), format!("2^{bits:.1}"), "{row}");
    }
}
