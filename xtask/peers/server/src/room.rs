//! Our server, as `serve` runs it but for its capacity and its log.

use std::time::Duration;

use sso_oidc_server::{Capacity, Config, Server, SlowDown};

pub fn serve(devices: usize) {
    let config = Config::default()
        .with_capacity(Capacity::default().with_devices(devices))
        .with_device_ttl(Duration::from_secs(24 * 60 * 60))
        .with_slow_down(SlowDown::Off);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::bind(config).await.expect("a port");
        println!("listening on {}", server.endpoint());
        server.serve(std::future::pending()).await;
    });
}
