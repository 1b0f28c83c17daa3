//! The ureq agent that carries the requests: ours, or one that the embedding program brought along, on which the rules
//! that are not up for choice are laid request by request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use device_flow::{AnsweredBy, TransportError};
use http::{HeaderValue, Request, Response, header};
use ureq::{Agent, AsSendBody, Body, SendBody};

use crate::failure::{self, Outgoing};
use crate::proxy::Chosen;

/// The longest response header block that is read.
pub(crate) const MAX_HEADER_BYTES: usize = 256 * 1024;

/// What carries the requests.
#[derive(Clone, Debug)]
pub(crate) enum Carrier {
    Agent(AgentCarrier),
    /// A test's.
    Closure(AnsweredBy),
}

/// Carries requests by the rules.
#[derive(Clone, Debug)]
pub(crate) struct AgentCarrier {
    agent: Agent,
    /// What is laid on each request, if the agent is not ours.
    rules: Option<Rules>,
    /// How long a request may take in all, by the agent's own settings.
    usual_timeout: Duration,
    /// The proxy that the environment names, if the agent is ours.
    proxy: Option<Arc<Chosen>>,
}

/// What a request to a foreign agent is told beside the rules.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) user_agent: Option<String>,
}

impl AgentCarrier {
    /// An agent that was built by the rules, and gives requests this time.
    pub(crate) fn ours(agent: Agent, usual_timeout: Duration, proxy: Option<Chosen>) -> Self {
        Self { agent, rules: None, usual_timeout, proxy: proxy.map(Arc::new) }
    }

    /// An agent from elsewhere.
    pub(crate) const fn foreign(agent: Agent, usual_timeout: Duration, rules: Rules) -> Self {
        Self { agent, rules: Some(rules), usual_timeout, proxy: None }
    }

    /// The answer to one request, whatever its status, within this time.
    pub(crate) fn run(
        &self,
        request: Request<&[u8]>,
        timeout: Duration,
    ) -> Result<Response<Body>, TransportError> {
        let (mut head, bytes) = request.into_parts();
        let mut body = Outgoing::new(bytes);
        let uri = head.uri.clone();
        let answered = if bytes.is_empty() {
            self.send(Request::from_parts(head, ()), timeout)
        } else {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            self.send(Request::from_parts(head, SendBody::from_reader(&mut body)), timeout)
        };
        answered.map_err(|error| {
            let proxy = self.proxy.as_deref().filter(|chosen| !chosen.proxy.is_no_proxy(&uri));
            failure::of(error, body.progress(), proxy)
        })
    }

    fn send(
        &self,
        request: Request<impl AsSendBody>,
        timeout: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let Some(rules) = &self.rules else {
            // Only a request that must end earlier than usual is configured by itself: ureq would build its TLS
            // configuration anew for each connection of such requests.
            if timeout >= self.usual_timeout {
                return self.agent.run(request);
            }
            return self
                .agent
                .run(self.agent.configure_request(request).timeout_global(Some(timeout)).build());
        };
        let loopback = request.uri().host().is_some_and(is_loopback);
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

/// Whether this host is this machine, by name alone: `localhost`, 127.0.0.0/8 or `[::1]`.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|address| address.is_loopback())
}

/// The host as an address, if it is one.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
