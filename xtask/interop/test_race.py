"""Our `token` and botocore's token provider race on one expired session, whose file they share. Botocore takes no lock
and reads nothing again, so it may lose. Ours never loses.
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

SESSION = "race"
ROUNDS = 3
# As many processes of each.
EACH = 4

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
        lost = lost_by_us = 0
        for _ in range(ROUNDS):
            subprocess.run(login, env=settings, timeout=COMMAND_LIMIT, check=True, capture_output=True)
            token = json.loads(self.file.read_text())
            past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
            token["expiresAt"] = past.strftime("%Y-%m-%dT%H:%M:%SZ")
            self.file.write_text(json.dumps(token))
            start = lambda *command: subprocess.Popen(  # noqa: E731
                command, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            theirs = [start(sys.executable, "-c", BOTOCORE) for _ in range(EACH)]
            for child in theirs:
                self.assertEqual(child.stdout.readline(), "ready\n")
            ours = []
            for child in theirs:
                child.stdin.close()
                child.stdin = None
                ours.append(start(PROGRAM, "token", "--sso-session", SESSION))
            said = [child.communicate(timeout=COMMAND_LIMIT) for child in ours]
            lost += sum(bool(child.communicate(timeout=COMMAND_LIMIT)) and child.returncode != 0 for child in theirs)
            lost_by_us += sum(child.returncode != 0 for child in ours)
            yield [(child.returncode, *words) for child, words in zip(ours, said)]
            json.loads(self.file.read_text())
        of = ROUNDS * EACH
        print(f"{rotation}: botocore lost {lost} of {of}, ours {lost_by_us} of {of}", file=sys.stderr)

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
