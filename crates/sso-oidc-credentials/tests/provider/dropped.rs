//! A future that is dropped while a refresh is on its way.

use std::sync::Arc;

use aws_credential_types::provider::token::ProvideToken as _;
use sso_oidc_credentials::device_flow_reqwest::Endpoint;
use sso_oidc_server::InProcess;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::world::World;

/// The service behind a socket. It tells when it has decided, and holds its response back until it may leave.
#[derive(Clone)]
struct Held {
    service: InProcess,
    decided: mpsc::UnboundedSender<()>,
    leave: Arc<Semaphore>,
}

async fn serve(held: Held, listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(held.clone(), stream));
    }
}

async fn answer(held: Held, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "a request breaks off");
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length = length.parse::<usize>().unwrap();
        bytes.drain(..end + 4);
        break (head, length);
    };
    while bytes.len() < length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "a body breaks off");
    }
    let path = head.split(' ').nth(1).unwrap();
    let request = http::Request::post(format!("{}{path}", held.service.endpoint()));
    let request = request.header("content-type", "application/json").body(bytes.as_slice()).unwrap();
    let response = held.service.answer(&request);
    held.decided.send(()).unwrap();
    drop(held.leave.acquire().await);
    let (status, body) = (response.status(), response.body());
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // Nothing reads it if the refresh was given up.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
}

#[tokio::test]
async fn a_dropped_future_during_a_refresh_loses_nothing() {
    let world = World::new();
    world.asking().sign_in().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    assert!(Endpoint::custom(&endpoint).is_ok());
    world.edit_token(|token| {
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
        token["endpointUrl"] = endpoint.as_str().into();
    });
    let before = world.token();
    let (decided, mut decisions) = mpsc::unbounded_channel();
    let held = Held { service: world.service().clone(), decided, leave: Arc::new(Semaphore::new(0)) };
    tokio::spawn(serve(held.clone(), listener));

    let provider = world.builder_at(&endpoint).profile("work").build();
    tokio::select! {
        biased;
        _ = provider.provide_token() => panic!("the response is held back"),
        spent = decisions.recv() => spent.unwrap(),
    }
    // The old refresh token is spent, the response is on its way, and nothing waits for it.
    assert_eq!(world.token(), before);
    held.leave.add_permits(1);
    let token = provider.provide_token().await.unwrap();
    let after = world.token();
    assert_eq!(token.token(), after["accessToken"].as_str().unwrap());
    assert_ne!(after["refreshToken"], before["refreshToken"]);
    assert!(decisions.try_recv().is_err(), "one refresh was enough");
}
