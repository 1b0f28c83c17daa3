"""The metrics of `sso-oidc serve --metrics`, read by Prometheus' own parser."""

import unittest
import urllib.request

from harness import Scenario
from prometheus_client.parser import text_string_to_metric_families


class Metrics(Scenario):
    def scrape(self, url):
        with urllib.request.urlopen(url, timeout=10) as response:
            self.assertEqual(response.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            text = response.read().decode()
        return {family.name: family for family in text_string_to_metric_families(text)}

    def test_prometheus_reads_every_metric_with_its_type_and_its_help(self):
        server = self.serve("--metrics", "0")
        url = server.child.stdout.readline().removeprefix("metrics at ").strip()
        client = self.client(server)
        for _ in range(3):
            self.register(client)
        families = self.scrape(url)
        for name, family in families.items():
            self.assertIn(family.type, ["counter", "gauge", "histogram"], name)
            self.assertTrue(family.documentation, name)
        # The parser leaves a counter's suffix out of the family's name.
        requests = {
            (sample.labels["operation"], sample.labels["outcome"]): sample.value
            for sample in families["sso_oidc_requests"].samples
        }
        self.assertEqual(requests, {("RegisterClient", "success"): 3.0})
        durations = families["sso_oidc_request_duration_seconds"].samples
        registered = [sample for sample in durations if sample.labels["operation"] == "RegisterClient"]
        buckets = [sample for sample in registered if sample.name.endswith("_bucket")]
        bounds = [float(sample.labels["le"]) for sample in buckets]
        self.assertEqual(bounds, sorted(bounds))
        self.assertEqual((bounds[-1], buckets[-1].value), (float("inf"), 3.0))
        records = {sample.labels["kind"]: sample.value for sample in families["sso_oidc_store_records"].samples}
        self.assertEqual(records["clients"], 3.0)


if __name__ == "__main__":
    unittest.main()
