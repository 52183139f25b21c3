//! Routes.

use crate::page::page;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Json, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve as serve_http};
use panorama_api::Shutdown;
use panorama_runtime::{Health, Metrics, Readiness};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Longest request body, bytes (INV-9): calls are short JSON.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What the HTTP side asks of the pipeline. Calls may block on the disk.
pub trait Backend: Send + Sync + 'static {
    /// Answers an operator's call, or says what is wrong with it.
    ///
    /// # Errors
    /// A sentence for the operator.
    fn call(&self, request: &Value) -> Result<Value, String>;
}

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    backend: Arc<dyn Backend>,
}

/// Serves until a stop is asked for.
///
/// # Errors
/// Where the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    backend: Arc<dyn Backend>,
    mut shutdown: Shutdown,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/", get(console))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(expose))
        .route("/api/admin", post(admin))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Shared {
            health,
            metrics,
            backend,
        });
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    serve_http(listener, service)
        .with_graceful_shutdown(async move { shutdown.requested().await })
        .await
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.health.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n").into_response(),
        Readiness::NotReady(reasons) => {
            let lines: String = reasons
                .iter()
                .map(|(component, why)| format!("{component}: {why}\n"))
                .collect();
            (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
        }
    }
}

async fn expose(State(shared): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.expose()).into_response()
}

async fn console(State(shared): State<Shared>) -> Response {
    match call(shared, json!({"op": "status"})).await {
        Ok(status) => Html(page(&status)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

async fn admin(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    State(shared): State<Shared>,
    Json(request): Json<Value>,
) -> Response {
    if !peer.ip().is_loopback() {
        return (
            StatusCode::FORBIDDEN,
            "operator calls are answered on the loopback interface only\n",
        )
            .into_response();
    }
    match call(shared, request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error).into_response(),
    }
}

async fn call(shared: Shared, request: Value) -> Result<Value, String> {
    let answered = tokio::task::spawn_blocking(move || shared.backend.call(&request)).await;
    answered.unwrap_or_else(|_| Err("the call failed; the log says why".to_owned()))
}
