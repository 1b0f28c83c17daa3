//! What a driver needs of a flow, so that one loop drives both.

use http::Response;
use oidc_proto::Service;

use crate::code::{BrowserPrompt, CodeFlow};
use crate::{
    Action, ApiMisuse, DeviceFlow, PendingRequest, Phase, ResponseBody, Stop, Tick, TransientError,
    TransportError, UserPrompt,
};

mod sealed {
    #[expect(unnameable_types, reason = "only this crate implements it")]
    pub trait Sealed {}
    impl Sealed for crate::DeviceFlow {}
    impl Sealed for crate::CodeFlow {}
}

/// A flow as its driver sees it: [`DeviceFlow`] or [`CodeFlow`]. Each method is the flow's own of the same name.
///
/// ```
/// use device_flow::{Action, Flow, Stop, Tick};
///
/// /// Returns when the flow has something to do.
/// fn due<F: Flow>(flow: &mut F, now: Tick) -> Option<Tick> {
///     match flow.poll(now) {
///         Action::Wait(until) => Some(until),
///         _ => None,
///     }
/// }
///
/// /// Returns a line for a log.
/// fn line<F: Flow>(flow: &F) -> String {
///     let (phase, polls, deadline) = (flow.phase().name(), flow.polls(), flow.deadline());
///     let error = flow.cause().map(ToString::to_string).or_else(|| Some(flow.error()?.to_string()));
///     format!("{phase} at {}, {polls} polls, {deadline:?}, {error:?}", flow.service())
/// }
///
/// /// Ends the flow, with a reason or without.
/// fn end<F: Flow>(flow: &mut F, reason: Option<&'static str>) {
///     match reason {
///         Some(reason) => flow.stop(Stop::because(reason)),
///         None => flow.cancel(),
///     }
///     assert!(flow.has_ended());
/// }
/// # let policy = device_flow::Policy::aws("https://d-1234567890.awsapps.com/start");
/// # let service = oidc_proto::Endpoint::for_region("eu-west-1")?;
/// # let mut flow = device_flow::DeviceFlow::new(service, policy, None, Tick::ZERO);
/// # assert_eq!(due(&mut flow, Tick::ZERO), None);
/// # assert_eq!(line(&flow), "registering at https://oidc.eu-west-1.amazonaws.com, 0 polls, None, None");
/// # end(&mut flow, None);
/// # Ok::<(), oidc_proto::EndpointError>(())
/// ```
#[expect(missing_docs, reason = "each method is the flow's own of the same name")]
pub trait Flow: sealed::Sealed + Sized {
    /// What the person is shown.
    type Prompt;

    fn poll(&mut self, now: Tick) -> Action<Self::Prompt>;
    /// Handles the result of a request.
    ///
    /// ```
    /// use device_flow::{Action, ApiMisuse, Failure, Flow, Tick};
    ///
    /// /// Acts as a network that is down.
    /// fn fail<F: Flow>(flow: &mut F, now: Tick) -> Result<(), ApiMisuse> {
    ///     match flow.poll(now) {
    ///         Action::Send(pending) => flow.on_result(pending, now, Err(Failure::NotSent.into())),
    ///         _ => Ok(()),
    ///     }
    /// }
    /// # let policy = device_flow::Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let service = oidc_proto::Endpoint::for_region("eu-west-1")?;
    /// # let mut flow = device_flow::DeviceFlow::new(service, policy, None, Tick::ZERO);
    /// # fail(&mut flow, Tick::ZERO)?;
    /// # assert!(flow.error().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApiMisuse`] for a mistake of the driver.
    fn on_result(
        &mut self,
        pending: PendingRequest,
        now: Tick,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<(), ApiMisuse>;
    fn abandon(&mut self, now: Tick);
    fn cancel(&mut self);
    fn stop(&mut self, stop: Stop);
    fn has_ended(&self) -> bool;
    fn service(&self) -> &Service;
    fn phase(&self) -> Phase;
    fn deadline(&self) -> Option<Tick>;
    fn polls(&self) -> u32;
    fn error(&self) -> Option<&TransientError>;
    fn cause(&self) -> Option<&TransportError>;
}

macro_rules! flow {
    ($flow:ty, $prompt:ty, $polls:ident) => {
        impl Flow for $flow {
            type Prompt = $prompt;

            fn poll(&mut self, now: Tick) -> Action<$prompt> {
                self.poll(now)
            }
            fn on_result(
                &mut self,
                pending: PendingRequest,
                now: Tick,
                result: Result<Response<ResponseBody>, TransportError>,
            ) -> Result<(), ApiMisuse> {
                self.on_result(pending, now, result)
            }
            fn abandon(&mut self, now: Tick) {
                self.abandon(now);
            }
            fn cancel(&mut self) {
                self.cancel();
            }
            fn stop(&mut self, stop: Stop) {
                self.stop(stop);
            }
            fn has_ended(&self) -> bool {
                self.outcome().is_some()
            }
            fn service(&self) -> &Service {
                self.service()
            }
            fn phase(&self) -> Phase {
                self.phase()
            }
            fn deadline(&self) -> Option<Tick> {
                self.deadline()
            }
            fn polls(&self) -> u32 {
                self.$polls()
            }
            fn error(&self) -> Option<&TransientError> {
                self.error()
            }
            fn cause(&self) -> Option<&TransportError> {
                self.cause()
            }
        }
    };
}

flow!(DeviceFlow, UserPrompt, polls);
flow!(CodeFlow, BrowserPrompt, attempts);
