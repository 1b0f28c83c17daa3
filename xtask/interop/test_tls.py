"""HTTPS: boto3 and the AWS CLI take the server's CA from AWS_CA_BUNDLE, and refuse a certificate from any other."""

import json
import os
import unittest
from pathlib import Path
from unittest import mock

from harness import HOME, REGION, Scenario, aws  # first: it moves HOME

import boto3.session
import botocore.exceptions


class OverTls(Scenario):
    def secure(self, *flags):
        """A server, and the file with its CA."""
        bundle = Path(HOME) / f"{self.id()}.pem"
        server = self.serve("--tls", "--tls-ca-file", str(bundle), "--approve", "auto", *flags)
        self.assertTrue(server.url.startswith("https://"), server.url)
        return server, str(bundle)

    def client(self, server):
        """With a session of its own, which reads the environment of now."""
        with mock.patch("boto3.client", boto3.session.Session().client):
            return super().client(server)

    def test_boto3_signs_in(self):
        server, bundle = self.secure()
        with mock.patch.dict(os.environ, AWS_CA_BUNDLE=bundle):
            client = self.client(server)
        who = self.register(client)
        device = self.start(client, who)
        self.assertTrue(device["verificationUriComplete"].startswith(server.url), device)
        self.assert_token(self.poll(client, who, device))

    def test_boto3_refuses_a_certificate_from_an_unknown_ca(self):
        server, bundle = self.secure("--fault", "tls-unknown-ca")
        with mock.patch.dict(os.environ, AWS_CA_BUNDLE=bundle):
            client = self.client(server)
        with self.assertRaisesRegex(botocore.exceptions.SSLError, "certificate verify failed"):
            self.register(client)

    def test_each_fault_of_the_certificate_is_refused_for_its_own_reason(self):
        faults = {
            "tls-expired": "certificate has expired",
            "tls-other-name": "doesn't match 'other.example'",
            "tls-unknown-ca": "unable to get local issuer certificate",
        }
        for fault, reason in faults.items():
            with self.subTest(fault):
                server, bundle = self.secure("--fault", f"{fault}:1")
                with mock.patch.dict(os.environ, AWS_CA_BUNDLE=bundle):
                    client = self.client(server)
                with self.assertRaisesRegex(botocore.exceptions.SSLError, reason):
                    self.register(client)
                self.register(client)

    def command(self, server, bundle):
        flags = ["--client-name", "x", "--client-type", "public", "--output", "json"]
        where = ["--region", REGION, "--endpoint-url", server.url]
        return aws("sso-oidc", "register-client", *flags, *where, AWS_CA_BUNDLE=bundle)

    def test_the_aws_cli_registers(self):
        answer = self.command(*self.secure())
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertTrue(json.loads(answer.stdout)["clientId"])

    def test_the_aws_cli_refuses_a_certificate_from_an_unknown_ca(self):
        answer = self.command(*self.secure("--fault", "tls-unknown-ca"))
        self.assertEqual((answer.returncode, answer.stdout), (255, ""), answer.stderr)
        self.assertIn("SSL validation failed", answer.stderr)


if __name__ == "__main__":
    unittest.main()
