"""Our `token` and the token providers of botocore and of the SDKs for JavaScript and Rust race on one expired session, whose file they
share. The others take no lock and read nothing again, so they may lose. Ours never loses.
"""

import datetime
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import COMMAND_LIMIT, HOME, PROGRAM, REGION, START_URL, Scenario  # first: it moves HOME

NODE, JAVASCRIPT = os.environ["INTEROP_NODE"], os.environ["INTEROP_JS_TOKEN"]
RUST = os.environ["INTEROP_AWS_CONFIG"]
SESSION = "race"
ROUNDS = 3
# As many processes of each.
EACH = 3

# One process of botocore. It says when it is ready, and waits for its standard input to close, so that all begin together.
BOTOCORE = """
import sys
from botocore.session import Session
from botocore.tokens import SSOTokenProvider
session = Session(profile="work")
provider = SSOTokenProvider(session)
session.create_client("sso-oidc", region_name="eu-west-1")
print("ready", flush=True)
sys.stdin.read()
print(provider.load_token().get_frozen_token().token)
"""


OTHERS = {
    "botocore": [sys.executable, "-c", BOTOCORE],
    "the JavaScript SDK": [NODE, JAVASCRIPT],
    "the Rust SDK": [RUST, SESSION, START_URL, REGION],
}


class Race(Scenario):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="home-", dir=HOME)
        aws = Path(self.home) / ".aws"
        aws.mkdir()
        (aws / "config").write_text(
            f"[profile work]\nsso_session = {SESSION}\nsso_account_id = 123456789012\nsso_role_name = role\n"
            f"[sso-session {SESSION}]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n"
            "sso_registration_scopes = sso:account:access\n"
        )
        self.file = aws / "sso/cache" / (hashlib.sha1(SESSION.encode()).hexdigest() + ".json")

    def race(self, rotation):
        server = self.serve("--approve", "auto", "--refresh", rotation)
        settings = {**os.environ, "HOME": self.home, "AWS_ENDPOINT_URL_SSO_OIDC": server.url}
        settings.pop("AWS_CONFIG_FILE", None)
        login = [PROGRAM, "login", "--sso-session", SESSION, "--no-browser", "--force"]
        lost = dict.fromkeys([*OTHERS, "ours"], 0)
        for _ in range(ROUNDS):
            subprocess.run(login, env=settings, timeout=COMMAND_LIMIT, check=True, capture_output=True)
            token = json.loads(self.file.read_text())
            past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
            token["expiresAt"] = past.strftime("%Y-%m-%dT%H:%M:%SZ")
            self.file.write_text(json.dumps(token))
            start = lambda *command: subprocess.Popen(  # noqa: E731
                command, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            theirs = [(name, start(*command)) for name, command in OTHERS.items() for _ in range(EACH)]
            for name, child in theirs:
                self.assertEqual(child.stdout.readline(), "ready\n", name)
            ours = []
            for _, child in theirs:
                child.stdin.close()
                child.stdin = None
                ours.append(start(PROGRAM, "token", "--sso-session", SESSION))
            said = [child.communicate(timeout=COMMAND_LIMIT) for child in ours]
            for name, child in theirs + [("ours", child) for child in ours]:
                if name != "ours":
                    child.communicate(timeout=COMMAND_LIMIT)
                lost[name] += child.returncode != 0
            yield [(child.returncode, *words) for child, words in zip(ours, said)]
            json.loads(self.file.read_text())
        each, ours = ROUNDS * EACH, ROUNDS * EACH * len(OTHERS)
        print(f"{rotation}: lost {lost}, of {each} each and {ours} of ours", file=sys.stderr)

    def test_each_reads_what_another_has_stored(self):
        """A refresh by one tool is a token for the others, without another refresh."""
        server = self.serve("--approve", "auto")
        settings = {**os.environ, "HOME": self.home, "AWS_ENDPOINT_URL_SSO_OIDC": server.url}
        settings.pop("AWS_CONFIG_FILE", None)
        run = lambda *command: subprocess.run(  # noqa: E731
            command, env=settings, input="", timeout=COMMAND_LIMIT, check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        login = [PROGRAM, "login", "--sso-session", SESSION, "--no-browser", "--show-token", "--query", "accessToken"]
        token = json.loads(run(*login))
        ours = [PROGRAM, "token", "--sso-session", SESSION]
        for refreshes in [*OTHERS.values(), ours]:
            stored = json.loads(self.file.read_text())
            stored["expiresAt"] = "2020-01-01T00:00:00Z"
            self.file.write_text(json.dumps(stored))
            fresh = run(*refreshes)
            self.assertNotEqual(fresh, token)
            for reads in [*OTHERS.values(), ours]:
                self.assertEqual(run(*reads), fresh, (refreshes, reads))
            token = fresh

    def test_ours_never_lose_at_a_service_with_a_grace(self):
        for ours in self.race("grace"):
            for code, token, said in ours:
                self.assertEqual((code, bool(token.strip())), (0, True), said)

    def test_at_a_strict_service_ours_lose_only_a_session_that_the_reuse_has_ended(self):
        for ours in self.race("strict"):
            for code, _, said in ours:
                self.assertIn(code, (0, 254), said)
                if code == 254:
                    self.assertIn("has ended, or was revoked", said)


if __name__ == "__main__":
    unittest.main()
