"""Tools that no one here wrote read the cache that `sso-oidc login` has written, beside what it has moved out of the way.

aws2-wrap parses every file of the cache, and stops at the first that is no JSON. aws-sso-util looks for its own file.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness import COMMAND_LIMIT, HOME, PROGRAM, REGION, START_URL, Scenario  # first: it moves HOME

import aws2wrap


class AfterALogin(Scenario):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="home-", dir=HOME)
        self.cache = Path(self.home) / ".aws/sso/cache"
        self.cache.mkdir(parents=True)
        self.file = self.cache / (hashlib.sha1(START_URL.encode()).hexdigest() + ".json")

    def login(self, *flags):
        server = self.serve("--approve", "auto")
        command = [PROGRAM, "login", "--start-url", START_URL, "--region", REGION, "--no-browser", *flags]
        settings = {**os.environ, "HOME": self.home, "AWS_ENDPOINT_URL_SSO_OIDC": server.url}
        return subprocess.run(command, env=settings, timeout=COMMAND_LIMIT, check=True, capture_output=True, text=True)

    def test_aws2_wrap_finds_the_token_although_a_corrupt_file_and_an_old_lock_were_there(self):
        self.file.write_text('{"accessToken":')
        (self.cache / f"{self.file.name}.lock").touch()
        (self.cache / f"{self.file.name}.corrupt").write_text("not JSON")
        said = self.login().stderr
        self.assertIn("is invalid", said)
        with mock.patch.dict(os.environ, HOME=self.home):
            token = aws2wrap.retrieve_token_from_cache(START_URL, REGION, "interop")
        self.assertEqual(token, json.loads(self.file.read_text())["accessToken"])

    def test_aws_sso_util_finds_the_token_and_asks_no_person(self):
        self.file.write_text('{"accessToken":')
        self.login()
        before = self.file.read_text()
        command = [sys.executable, "-m", "aws_sso_util", "login", START_URL, REGION]
        # Nothing listens there: a tool that wanted to sign in would fail.
        settings = {**os.environ, "HOME": self.home, "AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:1"}
        done = subprocess.run(command, env=settings, timeout=COMMAND_LIMIT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.file.read_text(), before)


if __name__ == "__main__":
    unittest.main()
