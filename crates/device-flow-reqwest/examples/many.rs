//! Thousands of sign-ins at a time through one client, in one thread, over few connections; and what that costs.
//! `cargo xtask bench --many` runs it against a server in another process, and stops that for a while if told to.
//!
//! ```console
//! $ ENDPOINT=http://127.0.0.1:8400 COUNT=10000 CONNECTIONS=100 cargo run --release --example many
//! ```

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use device_flow_reqwest::{Endpoint, HttpClient, Observer, Operation, Policy, Status, Stop, UserPrompt};
use tokio::task::JoinSet;

/// How often memory and sockets are looked at.
const GLANCE: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (count, connections): (usize, usize) = (number("COUNT", 10_000)?, number("CONNECTIONS", 100)?);
    let client = HttpClient::builder(Endpoint::custom(&env::var("ENDPOINT").map_err(|_| "set ENDPOINT")?)?)
        .max_concurrent_requests(connections)
        .request_timeout(Duration::from_secs(u64::try_from(number("TIMEOUT", 40)?)?))
        .build()?;
    // One policy for all: it is the largest part of a flow.
    let policy = Arc::new(Policy::aws("https://d-1234567890.awsapps.com/start").with_client_name("many"));
    let (empty, started) = (resident(), Instant::now());
    let story = Arc::new(Story { started, figures: Mutex::default() });
    let mut sign_ins = JoinSet::new();
    for _ in 0..count {
        let (client, policy) = (client.clone(), Arc::clone(&policy));
        let watcher = Watcher { story: Arc::clone(&story), due: None };
        sign_ins.spawn(async move {
            client.login(policy).run_with(watcher).await.map(|signed_in| signed_in.elapsed)
        });
    }
    let glances = tokio::spawn(look_around(Arc::clone(&story)));
    let (mut took, mut failures) = (Vec::new(), BTreeMap::<String, usize>::new());
    while let Some(ended) = sign_ins.join_next().await {
        match ended? {
            Ok(elapsed) => took.push(elapsed),
            Err(end) => *failures.entry(end.to_string()).or_default() += 1,
        }
    }
    glances.abort();
    let figures = story.lock();
    println!("{} of {count} signed in after {:.1} s", took.len(), started.elapsed().as_secs_f64());
    line("a sign-in took", took);
    line("a poll came later than it was due", figures.late.clone());
    println!("requests {}, at most {} sockets open", figures.sent.len(), figures.sockets);
    println!("requests in a second, most to least: {}", busiest(&figures.sent));
    if let (Some(empty), Some(most)) = (empty, figures.resident) {
        let each = most.saturating_sub(empty) * 1024 / count.max(1);
        println!("memory {empty} kB before, {most} kB at the most: {each} bytes a sign-in");
    }
    for (failure, count) in &failures {
        println!("{count} failed: {failure}");
    }
    if failures.is_empty() { Ok(()) } else { Err("not everybody signed in".into()) }
}

/// What is seen on the way.
struct Story {
    started: Instant,
    figures: Mutex<Figures>,
}

#[derive(Default)]
struct Figures {
    /// When each request was sent.
    sent: Vec<Duration>,
    /// How long after it was due each poll was sent.
    late: Vec<Duration>,
    sockets: usize,
    /// The most memory, in kB.
    resident: Option<usize>,
}

impl Story {
    /// Keeps the most of what is there now.
    fn look(&self) {
        let (sockets, resident) = (sockets(), resident());
        let mut figures = self.lock();
        figures.sockets = figures.sockets.max(sockets);
        figures.resident = figures.resident.max(resident);
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one sign-in.
struct Watcher {
    story: Arc<Story>,
    due: Option<Instant>,
}

impl Observer for Watcher {
    fn prompt(&mut self, _: &UserPrompt) -> Result<(), Stop> {
        Ok(())
    }

    fn sending(&mut self, operation: Operation) {
        let (now, mut figures) = (Instant::now(), self.story.lock());
        figures.sent.push(now - self.story.started);
        if let (Some(due), Operation::CreateToken) = (self.due.take(), operation) {
            figures.late.push(now.saturating_duration_since(due));
        }
    }

    fn waiting(&mut self, status: &Status<'_>) {
        self.due = Some(Instant::now() + status.until.since(status.now));
    }
}

async fn look_around(story: Arc<Story>) {
    loop {
        story.look();
        tokio::time::sleep(GLANCE).await;
    }
}

/// This process's memory in kB, where the system tells.
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// How many sockets this process has open, where the system tells.
fn sockets() -> usize {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return 0 };
    let is_socket = |link: &std::path::Path| link.to_string_lossy().starts_with("socket:");
    open.flatten().filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| is_socket(&link))).count()
}

fn line(what: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let Some(last) = durations.len().checked_sub(1) else { return };
    let at = |share: usize| durations[last * share / 100].as_secs_f64();
    println!("{what}: median {:.3} s, 99 % {:.3} s, longest {:.3} s", at(50), at(99), at(100));
}

/// The seconds with the most requests.
fn busiest(sent: &[Duration]) -> String {
    let mut seconds = BTreeMap::<u64, usize>::new();
    for at in sent {
        *seconds.entry(at.as_secs()).or_default() += 1;
    }
    let mut counts: Vec<_> = seconds.into_iter().map(|(second, count)| (count, second)).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let shown = counts.iter().take(8).map(|(count, second)| format!("{count} (second {second})"));
    shown.collect::<Vec<_>>().join(", ")
}

fn number(name: &str, otherwise: usize) -> Result<usize, Box<dyn Error>> {
    match env::var(name) {
        Ok(text) => Ok(text.parse().map_err(|_| format!("{name} is no number: {text}"))?),
        Err(_) => Ok(otherwise),
    }
}
