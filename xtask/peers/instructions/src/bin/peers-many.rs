//! `peers-many MOST` runs whole sign-ins side by side, from registration to token, and prints what one costs.
//! It begins with a thousand and takes ten times as many up to `MOST`.
//!
//! Every count is run several times. The fastest run is compared with the fastest of the other counts: it
//! finds its memory at hand. The first run has to ask the system for it, page by page, and is shown beside it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_flow::{Action, DeviceFlow, PendingRequest, Policy, Tick};
use oidc_proto::{Endpoint, Operation, Service};
use peers_instructions::Response;

/// Pending answers before the grant.
const PENDING: usize = 2;

/// The service's answers, as bytes, with texts of a real one's lengths.
struct Answers {
    registered: Response,
    authorized: Response,
    pending: Response,
    granted: Response,
}

impl Answers {
    fn new() -> Self {
        let json = |body: String| http::Response::new(body.into_bytes());
        let registered = format!(
            r#"{{"clientId":"abcdefghijklmnopqrstuv","clientIdIssuedAt":1,"clientSecret":"{}","clientSecretExpiresAt":7776001}}"#,
            "s".repeat(850)
        );
        let authorized = format!(
            concat!(
                r#"{{"deviceCode":"{}","userCode":"WDJB-MJHT","verificationUri":"https://d.example/start/","#,
                r#""verificationUriComplete":"https://d.example/start/?user_code=WDJB-MJHT","expiresIn":600,"interval":1}}"#
            ),
            "d".repeat(86)
        );
        let granted = format!(
            r#"{{"accessToken":"{}","expiresIn":28800,"refreshToken":"{}","tokenType":"Bearer"}}"#,
            "a".repeat(720),
            "r".repeat(380)
        );
        Self {
            registered: json(registered),
            authorized: json(authorized),
            pending: peers_instructions::pending(),
            granted: json(granted),
        }
    }

    fn answer(&self, operation: Operation, polls: u32) -> &Response {
        match operation {
            Operation::RegisterClient => &self.registered,
            Operation::StartDeviceAuthorization => &self.authorized,
            _ if polls as usize <= PENDING => &self.pending,
            _ => &self.granted,
        }
    }
}

/// One second for all flows: whatever is due is sent, and answered in the next second.
fn round(flows: &mut [(DeviceFlow, Option<PendingRequest>)], answers: &Answers, now: Tick) -> usize {
    let mut ended = 0;
    for (flow, under_way) in flows {
        if let Some(pending) = under_way.take() {
            let answer = answers.answer(pending.operation(), flow.polls());
            flow.on_response(pending, now, answer).expect("it is awaited");
        }
        loop {
            match flow.poll(now) {
                Action::Send(pending) => {
                    assert!(!pending.request().body().is_empty());
                    *under_way = Some(pending);
                }
                Action::Prompt(_) => {}
                Action::Done => {
                    ended += 1;
                    break;
                }
                _ => break,
            }
        }
    }
    ended
}

/// What a run took.
struct Run {
    time: Duration,
    /// The most memory while all flows wait for their people.
    pending: usize,
    /// The most memory at any time: all flows have ended, and hold their tokens.
    most: usize,
}

fn sign_in(count: usize, answers: &Answers) -> Run {
    let service = Service::from(Endpoint::for_region("eu-west-1").expect("a region"));
    let policy = Arc::new(Policy::aws("https://example.awsapps.com/start"));
    let before = resident();
    let start = on_cpu();
    let new_flow = |_| (DeviceFlow::new(service.clone(), policy.clone(), None, Tick::ZERO), None);
    let mut flows: Vec<(DeviceFlow, Option<PendingRequest>)> = (0..count).map(new_flow).collect();
    let (mut pending, mut most) = (0, 0);
    for second in 0_u64.. {
        let ended = round(&mut flows, answers, Tick::ZERO + Duration::from_secs(second));
        most = most.max(resident().saturating_sub(before));
        if ended == 0 {
            pending = most;
        }
        if ended == count {
            break;
        }
        assert!(second < 60, "{ended} of {count} have ended");
    }
    assert!(flows.iter().all(|(flow, _)| matches!(flow.outcome(), Some(Ok(_)))));
    drop(flows);
    Run { time: on_cpu().saturating_sub(start), pending, most }
}

/// The time that this process has had on a processor, which other programs do not lengthen.
fn on_cpu() -> Duration {
    static ORIGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let nanoseconds = fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| ORIGIN.elapsed(), Duration::from_nanos)
}

/// Bytes in memory; 0 where the system does not say.
fn resident() -> usize {
    let pages =
        fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
    pages.map_or(0, |pages: usize| pages * 4096)
}

fn main() {
    let most = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a count"));
    let answers = Answers::new();
    sign_in(100, &answers);
    println!(
        "{:>10}{:>12}{:>12}{:>10}{:>13}{:>15}{:>15}",
        "flows", "CPU time", "each", "of first", "first run", "pending each", "at most each"
    );
    let mut first = None;
    let mut count: usize = 1_000;
    while count <= most {
        // Small counts are repeated, so that each line rests on as many flows.
        let times = (most / count).clamp(3, 100);
        let runs: Vec<_> = (0..times).map(|_| sign_in(count, &answers)).collect();
        let time = runs.iter().map(|run| run.time).min().expect("at least one run");
        let [pending, at_most] = [|run: &Run| run.pending, |run: &Run| run.most]
            .map(|memory| runs.iter().map(memory).max().unwrap_or_default() / count);
        let each = |time: Duration| time.as_nanos() as usize / count;
        let ratio = each(time) as f64 / *first.get_or_insert(each(time)) as f64;
        println!(
            "{count:>10}{:>10.2} s{:>9} ns{ratio:>10.2}{:>10} ns{pending:>13} B{at_most:>13} B",
            time.as_secs_f64(),
            each(time),
            each(runs[0].time),
        );
        count *= 10;
    }
}
