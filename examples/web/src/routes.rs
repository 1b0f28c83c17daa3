//! The HTTP routes. No response has a secret.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use device_flow_reqwest::{Clock as _, TokioClock};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{SignIns, Stands};

/// The longest wait of a client for a code.
const CODE: Duration = Duration::from_secs(30);

pub fn router(sign_ins: Arc<SignIns>) -> Router {
    Router::new()
        .route("/sign-in", post(start))
        .route("/sign-in/{id}", get(stands).delete(give_up))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .with_state(sign_ins)
}

async fn start(State(sign_ins): State<Arc<SignIns>>) -> (StatusCode, Json<Value>) {
    // If the client disconnects, this future and the sign-in are dropped.
    match timeout(CODE, sign_ins.start()).await {
        Ok(Ok(id)) => (StatusCode::CREATED, stands(State(sign_ins), Path(id)).await.1),
        Ok(Err(reason)) => problem(StatusCode::SERVICE_UNAVAILABLE, &reason),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the service gave no code in time"),
    }
}

async fn stands(State(sign_ins): State<Arc<SignIns>>, Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    let view = match sign_ins.stands(&id) {
        None => return unknown(),
        Some(Stands::Waiting(prompt)) => json!({
            "id": id,
            "status": "waiting",
            "user_code": prompt.user_code,
            "verification_uri": prompt.verification_uri,
            "verification_uri_complete": prompt.verification_uri_complete,
            "expires_in": prompt.deadline.since(TokioClock.now()).as_secs(),
        }),
        Some(Stands::SignedIn(session)) => {
            json!({ "id": id, "status": "signed_in", "ends_at": session.expires_at })
        }
        Some(Stands::NotSignedIn(reason)) => json!({ "id": id, "status": "not_signed_in", "reason": reason }),
    };
    (StatusCode::OK, Json(view))
}

async fn give_up(State(sign_ins): State<Arc<SignIns>>, Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    match sign_ins.give_up(&id) {
        true => (StatusCode::OK, Json(json!({ "id": id, "status": "given_up" }))),
        false => unknown(),
    }
}

fn unknown() -> (StatusCode, Json<Value>) {
    problem(StatusCode::NOT_FOUND, "there is no sign-in with this id")
}

fn problem(status: StatusCode, error: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": error })))
}
