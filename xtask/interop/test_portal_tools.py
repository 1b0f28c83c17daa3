"""AWS's tools and our program with the same files: credentials of roles, their cache, and the end of a sign-in.

The tools know the server by AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL_SSO alone.
"""

import json
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness import PROGRAM, REGION, START_URL, SignedIn, aws, ours, run  # first: it moves HOME

ROLE = ["--account", "012345678901", "--role", "ReadOnlyAccess"]
# Nothing listens there.
NOWHERE = "http://127.0.0.1:1"
PROCESS = f"""
[profile process]
region = {REGION}
credential_process = "{PROGRAM}" credential-process --sso-session corp {" ".join(ROLE)}

[profile legacy]
sso_start_url = {START_URL}
sso_region = {REGION}
sso_account_id = 012345678901
sso_role_name = ReadOnlyAccess
region = {REGION}
"""
# The AWS CLI gives botocore's provider its cache in the same way.
CACHED_BY_BOTOCORE = """
import os, sys
from botocore.session import Session
from botocore.utils import JSONFileCache
provider = Session(profile=sys.argv[1]).get_component("credential_provider").get_provider("sso")
provider.cache = JSONFileCache(os.path.expanduser("~/.aws/cli/cache"))
print(provider.load().get_frozen_credentials().access_key)
"""


class Sts(BaseHTTPRequestHandler):
    """An STS that knows only GetCallerIdentity, and keeps the head of each request."""

    def do_POST(self):
        self.server.heads.append(self.headers)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = (b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>012345678901</Account>"
                b"</GetCallerIdentityResult></GetCallerIdentityResponse>")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Tools(SignedIn):
    def setUp(self):
        super().setUp()
        config = Path(self.home) / ".aws/config"
        config.write_text(config.read_text() + PROCESS)
        self.roles = Path(self.home) / ".aws/cli/cache"

    def python(self, code, *arguments, **settings):
        """The output of a Python process of its own: botocore reads HOME when it is imported."""
        return self.ok(run(sys.executable, "-c", code, *arguments, **{**self.settings, **settings})).strip()

    def our_key(self, *flags, **settings):
        return json.loads(self.ok(ours("credential-process", *flags, **{**self.settings, **settings})))["AccessKeyId"]

    def role_files(self):
        return {file.name: json.loads(file.read_text()) for file in self.roles.glob("*.json")}

    def test_boto3_gets_credentials_through_a_credential_process(self):
        code = ("import boto3; found = boto3.Session(profile_name='process').get_credentials();"
                "print(found.method, found.get_frozen_credentials().access_key, found.account_id)")
        method, key, account = self.python(code).split()
        self.assertEqual((method, account), ("custom-process", "012345678901"))
        self.assertEqual(key, self.our_key("--sso-session", "corp", *ROLE), "the second is from the cache")

    def test_the_aws_cli_signs_a_request_with_the_credentials_of_a_credential_process(self):
        sts = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
        sts.heads = []
        threading.Thread(target=sts.serve_forever, daemon=True).start()
        self.addCleanup(sts.server_close)
        self.addCleanup(sts.shutdown)
        called = self.ok(aws("sts", "get-caller-identity", "--profile", "process", "--endpoint-url",
                             f"http://127.0.0.1:{sts.server_port}", "--output", "json", **self.settings))
        self.assertEqual(json.loads(called)["Account"], "012345678901")
        (head,) = sts.heads
        (cached,) = [file["Credentials"] for file in self.role_files().values()]
        self.assertIn(f"Credential={cached['AccessKeyId']}/", head["Authorization"])
        self.assertEqual(head["X-Amz-Security-Token"], cached["SessionToken"])

    def test_botocore_takes_the_credentials_that_our_program_has_cached(self):
        key = self.our_key("--profile", "work")
        self.assertEqual(self.python(CACHED_BY_BOTOCORE, "work", AWS_ENDPOINT_URL_SSO=NOWHERE), key)

    def test_our_program_takes_the_credentials_that_botocore_has_cached(self):
        key = self.python(CACHED_BY_BOTOCORE, "work")
        # A file of botocore's does not name the endpoint, and counts as from AWS.
        self.assertEqual(self.our_key("--profile", "work", AWS_ENDPOINT_URL_SSO=""), key)
        self.assertEqual(self.our_key("--sso-session", "corp", *ROLE, AWS_ENDPOINT_URL_SSO=""), key)
        self.assertNotEqual(self.our_key("--profile", "work"), key)

    def test_both_name_a_file_alike_and_write_the_same_members(self):
        self.ok(ours("login", "--profile", "legacy", "--no-browser", "--use-device-code", **self.settings))
        for profile in ["work", "legacy"]:
            with self.subTest(profile):
                self.python(CACHED_BY_BOTOCORE, profile)
                ((name, theirs),) = self.role_files().items()
                (self.roles / name).unlink()
                self.our_key("--profile", profile)
                ((our_name, our),) = self.role_files().items()
                (self.roles / name).unlink()
                self.assertEqual(our_name, name)
                # These tell whose they are, for a sign-out and for another portal of the same name.
                self.assertEqual(set(our), {*theirs, "Identity", "StartUrl", "Endpoint"})
                self.assertEqual({name: type(value) for name, value in our["Credentials"].items()},
                                 {name: type(value) for name, value in theirs["Credentials"].items()})
                self.assertRegex(theirs["Credentials"]["Expiration"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
                self.assertRegex(our["Credentials"]["Expiration"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def assert_ended(self):
        done = ours("list-accounts", "--access-token", self.token, **self.settings)
        self.assertEqual(done.returncode, 254, done.stdout)
        self.assertIn("(UnauthorizedException)", done.stderr)

    def test_aws_sso_util_signs_out_of_what_our_program_has_signed_in_to(self):
        self.our_key("--profile", "work")
        self.ok(run(sys.executable, "-m", "aws_sso_util", "logout", **self.settings))
        self.assertEqual((self.token_files(), self.role_files()), ([], {}))
        self.assert_ended()
        for flags in [["--sso-session", "corp"], ["--all"]]:
            self.assertIn("no stored token", ours("logout", *flags, **self.settings).stderr)
            self.ok(ours("logout", *flags, **self.settings))

    def test_the_aws_cli_ends_the_sign_in_and_our_program_then_removes_its_file(self):
        self.ok(aws("sso", "logout", "--access-token", self.token, **self.settings))
        self.assert_ended()
        self.assertEqual(len(self.token_files()), 1, "the operation alone removes no file")
        self.ok(ours("logout", "--sso-session", "corp", **self.settings))
        self.assertEqual(self.token_files(), [])

    def test_our_program_signs_out_for_the_other_tools(self):
        self.our_key("--profile", "work")
        self.ok(ours("logout", "--sso-session", "corp", **self.settings))
        self.assertEqual((self.token_files(), self.role_files()), ([], {}))
        self.assert_ended()
        self.ok(run(sys.executable, "-m", "aws_sso_util", "logout", **self.settings))


if __name__ == "__main__":
    unittest.main()
