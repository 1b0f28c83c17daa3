//! The ureq agent that sends the requests: our own, or the caller's. A caller's agent gets the fixed rules with each
//! request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{AnsweredBy, TransportError};
use http::{HeaderValue, Request, Response, header};
use oidc_proto::is_loopback_host;
use ureq::{Agent, AsSendBody, Body, SendBody};

use crate::failure::{self, Outgoing};
use crate::proxy::Chosen;

/// The size limit of response headers, which is ureq's own.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The room for bytes from a connection. The headers must fit, and one byte more shows that they are too long.
///
/// ureq clears both buffers of a connection before it uses them. With its own sizes of 128 KiB each, that is a third of
/// all instructions of a sign-in.
pub(crate) const INPUT_BUFFER: usize = MAX_HEADER_BYTES + 1;
/// The room for bytes to a connection. Each line of a request's headers must fit, and the longest has a token.
pub(crate) const OUTPUT_BUFFER: usize = 16 * 1024;

/// The transport of the requests.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Agent(AgentCarrier),
    /// A closure of a test.
    Closure(AnsweredBy),
}

/// A ureq agent with the fixed rules.
#[derive(Clone, Debug)]
pub(crate) struct AgentCarrier {
    agent: Agent,
    /// The settings of each request, for a caller's agent.
    rules: Option<Rules>,
    /// The agent's own timeout for a whole request.
    usual_timeout: Duration,
    /// The proxy from the environment, for our own agent.
    proxy: Option<Arc<Chosen>>,
}

/// The configurable settings of each request, for a caller's agent.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) user_agent: Option<String>,
}

impl AgentCarrier {
    /// Wraps an agent that was built with the fixed rules and this timeout.
    pub(crate) fn ours(agent: Agent, usual_timeout: Duration, proxy: Option<Chosen>) -> Self {
        Self { agent, rules: None, usual_timeout, proxy: proxy.map(Arc::new) }
    }

    /// Wraps a caller's agent.
    pub(crate) const fn foreign(agent: Agent, usual_timeout: Duration, rules: Rules) -> Self {
        Self { agent, rules: Some(rules), usual_timeout, proxy: None }
    }

    pub(crate) const fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Returns whether the agent is a caller's, which may have middleware.
    pub(crate) const fn is_foreign(&self) -> bool {
        self.rules.is_some()
    }

    /// Sends one request, and returns the response with any status.
    pub(crate) fn run(
        &self,
        request: Request<&[u8]>,
        timeout: Duration,
    ) -> Result<Response<Body>, TransportError> {
        let (mut head, bytes) = request.into_parts();
        let mut body = Outgoing::new(bytes);
        let proxy = self.proxy.as_deref().filter(|chosen| !chosen.proxy.is_no_proxy(&head.uri));
        let answered = if bytes.is_empty() {
            self.send(Request::from_parts(head, ()), timeout)
        } else {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            self.send(Request::from_parts(head, SendBody::from_reader(&mut body)), timeout)
        };
        answered.map_err(|error| failure::of(error, body.progress(), proxy))
    }

    fn send(
        &self,
        request: Request<impl AsSendBody>,
        timeout: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let Some(rules) = &self.rules else {
            // Only a request with a shorter timeout has its own configuration, because ureq then rebuilds the TLS
            // configuration for each connection.
            if timeout >= self.usual_timeout {
                return self.agent.run(request);
            }
            return self
                .agent
                .run(self.agent.configure_request(request).timeout_global(Some(timeout)).build());
        };
        let loopback = request.uri().host().is_some_and(is_loopback_host);
        let theirs = self.agent.config();
        let least = |own: Option<Duration>, most: Duration| Some(own.map_or(most, |own| own.min(most)));
        let timeouts = theirs.timeouts();
        let (global, resolve, connect) = (timeouts.global, timeouts.resolve, timeouts.connect);
        let proxy = theirs.proxy().filter(|_| !loopback).cloned();
        let mut builder = self
            .agent
            .configure_request(request)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(theirs.max_response_header_size().min(MAX_HEADER_BYTES))
            .timeout_global(least(global, timeout))
            .timeout_resolve(least(resolve, rules.connect_timeout))
            .timeout_connect(least(connect, rules.connect_timeout))
            .timeout_per_read(match rules.read_timeout {
                Some(most) => least(theirs.timeout_per_read(), most),
                None => theirs.timeout_per_read(),
            })
            .proxy(proxy);
        if let Some(user_agent) = &rules.user_agent {
            builder = builder.user_agent(user_agent);
        }
        self.agent.run(builder.build())
    }
}

/// Parses the host as an IP address.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
