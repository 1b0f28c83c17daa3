//! The metrics of a scripted traffic, as Prometheus scrapes them.

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Device, Http, connect};
use serde_json::json;
use sso_oidc_server::{
    Approval, Capacity, Config, GuessLimit, InjectedFault, Limits, ServerPolicy, SlowDown, TestServer, Tls,
};

/// The samples of a scrape: their names with labels, and their values.
type Samples = BTreeMap<String, f64>;

fn measured(config: Config) -> TestServer {
    TestServer::with(config.with_metrics(([127, 0, 0, 1], 0).into())).unwrap()
}

fn scrape(server: &TestServer) -> Samples {
    let response = Http::to_endpoint(server.handle().metrics_endpoint().unwrap()).get("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    samples(&response.body)
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    });
    let samples: Samples = parsed.collect();
    assert_eq!(
        samples.len(),
        text.lines().filter(|line| !line.starts_with('#')).count(),
        "each series is once"
    );
    samples
}

/// Returns the requests with the last three labels' values, and their counts.
fn requests(samples: &Samples) -> Vec<(String, f64)> {
    let own = samples.iter().filter_map(|(series, count)| {
        let labels = series.strip_prefix("sso_oidc_requests_total{")?.trim_end_matches('}');
        let values = labels.split(',').map(|label| label.split_once('=').unwrap().1.trim_matches('"'));
        Some((values.collect::<Vec<_>>().join(" "), *count))
    });
    own.collect()
}

/// Waits until a series has this value. It changes at the end of a connection, which a client cannot see.
fn wait_for(server: &TestServer, series: &str, value: f64) {
    let began = Instant::now();
    while scrape(server).get(series) != Some(&value) {
        assert!(began.elapsed() < Duration::from_secs(10), "{series} is not {value}: {:#?}", scrape(server));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_request_counts_once_by_operation_route_and_outcome() {
    let config = Config::default().with_approval(Approval::AfterPolls(2)).with_slow_down(SlowDown::Off);
    let server = measured(config.with_limits(Limits::default().with_body_bytes(2000)));
    let mut http = Http::to(&server);
    let scoped = json!({ "clientName": "t", "clientType": "public", "scopes": ["sso:account:access"] });
    let client = http.register(&scoped);
    let device = http.start(&client);
    for status in [400, 400, 200] {
        assert_eq!(http.poll(&client, &device).status, status);
    }
    let unknown = Device { device_code: "unknown".to_owned(), user_code: String::new() };
    assert_eq!(http.poll(&client, &unknown).status, 400);
    http.get("/health");
    http.get("/health");
    http.get("/nowhere");
    http.send("GET", "/health", &[("Host", "elsewhere.example")], "");
    http.send("GET", "/assignment/accounts", &[("x-amz-sso_bearer_token", "wrong")], "");
    http.send("DELETE", "/device", &[], "");
    assert_eq!(http.post("/token", &json!({ "clientId": "x".repeat(2000) })).status, 413);

    let samples = scrape(&server);
    let count = |series: &str| samples.get(series).copied().unwrap_or(-1.0);
    let expected = [
        ("- /device client_error", 1),
        ("- /health client_error", 1),
        ("- /health success", 2),
        ("- unknown UnknownOperationException", 1),
        ("CreateToken /token authorization_pending", 2),
        ("CreateToken /token invalid_grant", 1),
        ("CreateToken /token invalid_request", 1),
        ("CreateToken /token success", 1),
        ("ListAccounts /assignment/accounts UnauthorizedException", 1),
        ("RegisterClient /client/register success", 1),
        ("StartDeviceAuthorization /device_authorization success", 1),
    ];
    let expected = expected.map(|(labels, count)| (labels.to_owned(), f64::from(count)));
    assert_eq!(requests(&samples), expected);
    for (limit, refused) in [("body_bytes", 1.0), ("host", 1.0), ("headers", 0.0), ("body_timeout", 0.0)] {
        assert_eq!(
            count(&format!("sso_oidc_requests_refused_total{{limit=\"{limit}\"}}")),
            refused,
            "{limit}"
        );
    }
    for (operation, requests) in [("CreateToken", 5.0), ("RegisterClient", 1.0), ("Logout", 0.0), ("-", 5.0)]
    {
        let name = format!("sso_oidc_request_duration_seconds_count{{operation=\"{operation}\"}}");
        assert_eq!(count(&name), requests, "{operation}");
        let all =
            format!("sso_oidc_request_duration_seconds_bucket{{operation=\"{operation}\",le=\"+Inf\"}}");
        assert_eq!(count(&all), requests, "{operation}");
    }
    for (kind, held) in [("clients", 1.0), ("devices", 1.0), ("refresh_tokens", 1.0), ("access_tokens", 1.0)]
    {
        assert_eq!(count(&format!("sso_oidc_store_records{{kind=\"{kind}\"}}")), held, "{kind}");
        assert_eq!(count(&format!("sso_oidc_store_evictions_total{{kind=\"{kind}\"}}")), 0.0, "{kind}");
    }
    // Before a poll the simulated person looks at the device, if there is one, and decides once.
    let (registration, start, polls, decision, unknown, portal) = (1.0, 1.0, 3.0, 1.0, 1.0, 1.0);
    let operations = registration + start + 2.0 * polls + decision + unknown + portal;
    assert_eq!(count("sso_oidc_store_operation_duration_seconds_count"), operations);
    assert_eq!(count("sso_oidc_store_errors_total{reason=\"full\"}"), 0.0);
    assert_eq!(count("sso_oidc_connections_accepted_total"), 1.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let started = count("process_start_time_seconds");
    assert!(started <= now && now - started < 60.0, "{started} {now}");
    assert_eq!(count(&format!("sso_oidc_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);

    let text = server.handle().metrics().unwrap();
    for secret in [&client.id, &client.secret, &device.user_code, &device.device_code, "nowhere", "elsewhere"]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn the_buckets_of_a_histogram_never_shrink_and_its_sum_is_in_seconds() {
    let server = measured(Config::default());
    let mut http = Http::to(&server);
    let began = Instant::now();
    (0..50).for_each(|_| drop(http.client()));
    let elapsed = began.elapsed().as_secs_f64();
    let text = server.handle().metrics().unwrap();
    let bucket = "sso_oidc_request_duration_seconds_bucket{operation=\"RegisterClient\"";
    let counts = text.lines().filter(|line| line.starts_with(bucket));
    let counts: Vec<u64> = counts.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
    assert!(counts.is_sorted() && counts.last() == Some(&50), "{counts:?}");
    let sum = samples(&text)["sso_oidc_request_duration_seconds_sum{operation=\"RegisterClient\"}"];
    assert!(sum > 0.0 && sum < elapsed, "{sum} of {elapsed}");
}

#[test]
fn connections_are_counted_while_they_are_open_and_when_one_gives_way() {
    let server = measured(Config::default().with_limits(Limits::default().with_connections(2)));
    let mut kept: Vec<Http> = (0..3).map(|_| Http::to(&server)).collect();
    for http in kept.iter_mut().skip(1) {
        assert_eq!(http.get("/health").status, 200);
    }
    wait_for(&server, "sso_oidc_connections", 2.0);
    assert_eq!(scrape(&server)["sso_oidc_connections_displaced_total{limit=\"total\"}"], 1.0);
    kept.clear();
    wait_for(&server, "sso_oidc_connections", 0.0);
    assert_eq!(scrape(&server)["sso_oidc_connections_accepted_total"], 3.0);
}

#[test]
fn a_full_store_and_a_guesser_are_counted() {
    let guesses = GuessLimit::default().with_per_source(1);
    let config = Config::default()
        .with_policy(ServerPolicy::default().with_guesses(guesses))
        .with_capacity(Capacity::default().with_clients(2).with_devices(1));
    let server = measured(config);
    let mut http = Http::to(&server);
    let client = http.client();
    http.start(&client);
    for _ in 0..3 {
        http.client();
    }
    let body = json!({
        "clientId": client.id, "clientSecret": client.secret, "startUrl": common::START_URL,
    });
    assert_eq!(http.post("/device_authorization", &body).status, 400);
    for _ in 0..3 {
        http.get("/device?user_code=BCDF-GHJK");
    }
    let samples = scrape(&server);
    assert_eq!(samples["sso_oidc_store_evictions_total{kind=\"clients\"}"], 2.0);
    assert_eq!(samples["sso_oidc_store_errors_total{reason=\"full\"}"], 1.0);
    assert_eq!(samples["sso_oidc_guesses_refused_total"], 2.0);
}

#[test]
fn an_injected_fault_is_counted_by_its_name() {
    let server = measured(Config::default().with_fault(InjectedFault::Unavailable));
    let mut http = Http::to(&server);
    for _ in 0..2 {
        assert_eq!(http.post("/token", &json!({})).status, 503);
    }
    let samples = scrape(&server);
    assert_eq!(samples["sso_oidc_injected_faults_total{fault=\"unavailable\"}"], 2.0);
}

#[test]
fn a_failed_handshake_is_counted() {
    let server = measured(Config::default().with_tls(Tls::new_ca()));
    let address = server.endpoint().strip_prefix("https://").unwrap().to_owned();
    // The first byte is that of a handshake, and the rest is none.
    connect(&address).write_all(&[22; 64]).unwrap();
    wait_for(&server, "sso_oidc_tls_handshakes_failed_total", 1.0);
}

#[test]
fn the_port_has_nothing_else_and_a_server_without_metrics_has_no_port() {
    let server = measured(Config::default());
    let mut http = Http::to_endpoint(server.handle().metrics_endpoint().unwrap());
    assert_eq!(http.get("/").status, 404);
    let refused = http.send("POST", "/metrics", &[], "");
    assert_eq!((refused.status, refused.header("Allow")), (405, Some("GET, HEAD")));
    assert_eq!(Http::to(&server).get("/metrics").status, 404);
    let without = TestServer::start();
    assert_eq!((without.handle().metrics_endpoint(), without.handle().metrics()), (None, None));
}

#[test]
fn the_documentation_has_every_metric_and_every_metric_is_documented() {
    let server = measured(Config::default().with_tls(Tls::new_ca()));
    let text = server.handle().metrics().unwrap();
    let of = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let metrics = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(of);
    let rows = include_str!("../src/metrics/about.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        vec![cells.next().unwrap(), cells.next().unwrap()]
    });
    let (metrics, rows): (Vec<_>, Vec<_>) = (metrics.collect(), rows.collect());
    let sorted = |mut all: Vec<Vec<String>>| {
        all.sort();
        all
    };
    assert_eq!(sorted(metrics), sorted(rows));
}
