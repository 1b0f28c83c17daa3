//! The text form of metrics, version 0.0.4, which Prometheus and all that reads its form take.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. The library `prometheus-client` has it too. Its
//! families and histograms take a lock for each request, and it brings a derive macro.

use core::fmt::{Display, Write as _};

use super::histogram::Histogram;

/// The media type.
pub(super) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The label names of a sample with their values. Values are names of this program, so none needs escapes.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// Metrics as text.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a metric. Its samples follow.
    pub(super) fn begin(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Writes a metric with one sample.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Writes the samples of a histogram, which may have one label.
    pub(super) fn histogram(&mut self, name: &str, label: Option<(&'static str, &str)>, of: &Histogram) {
        let snapshot = of.snapshot();
        let bucket = format!("{name}_bucket");
        let bounds = snapshot.up_to.iter().map(|(bound, count)| (bound.to_string(), *count));
        for (bound, count) in bounds.chain([("+Inf".to_owned(), snapshot.count)]) {
            let labels: Vec<_> = label.into_iter().chain([("le", &*bound)]).collect();
            self.sample(&bucket, &labels, count);
        }
        let labels: Vec<_> = label.into_iter().collect();
        self.sample(&format!("{name}_sum"), &labels, snapshot.sum);
        self.sample(&format!("{name}_count"), &labels, snapshot.count);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
