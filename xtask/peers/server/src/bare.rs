//! The least that a hyper server can do: read the request, answer the same bytes.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::wire;

/// What hyper writes by itself.
const OF_HYPER: [&str; 2] = ["date", "content-length"];

pub fn serve(answer: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(listen(response(answer)));
}

fn response(answer: &[u8]) -> Response<Full<Bytes>> {
    let (head, body) = wire::split(answer).expect("a whole answer");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if !OF_HYPER.contains(&name.to_ascii_lowercase().as_str()) {
            response = response.header(name, value);
        }
    }
    response.body(Full::new(Bytes::copy_from_slice(body))).expect("an answer of ours")
}

async fn listen(response: Response<Full<Bytes>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on http://{}", listener.local_addr().expect("an address"));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let response = response.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let response = response.clone();
            async move {
                let body = request.into_body().collect().await.expect("a body").to_bytes();
                assert!(!body.is_empty());
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
