"""The `oauth2` crate as a device, against our server's OAuth endpoints."""

import os
import subprocess
import unittest

from harness import HOME, Person, Scenario, run

PEER = os.environ["INTEROP_OAUTH2"]


class OAuth2Crate(Scenario):
    CLIENTS = ["--oauth-client", "public-tool", "--oauth-client", "confidential-tool:secret: +%&=/"]

    def device(self, server, **settings):
        """The peer from beginning to end: its exit code, and what it said, a word and its value a line."""
        ended = run(PEER, ISSUER=server.url, **{"CLIENT_ID": "public-tool", **settings})
        return ended.returncode, [tuple(line.split(" ", 1)) for line in ended.stdout.splitlines()], ended.stderr

    def test_it_waits_for_an_approval_and_gets_what_it_asked_for(self):
        server = self.serve("--approve", "after-polls=2", *self.CLIENTS)
        code, said, shown = self.device(server, SCOPE="openid email")
        self.assertEqual(code, 0, shown)
        self.assertIn("/device?user_code=", shown)
        words = [word for word, _ in said]
        self.assertEqual(words[:3], ["sleep", "sleep", "token"])
        self.assertEqual(said[3:5], [("scope", "openid email"), ("life", "3600")])

    def test_a_refresh_token_is_rotated_and_good_once(self):
        server = self.serve("--approve", "auto", *self.CLIENTS)
        code, said, shown = self.device(server, SCOPE="openid")
        self.assertEqual(code, 0, shown)
        said = dict(said)
        self.assertNotEqual(said["refreshed"], said["token"])
        self.assertEqual(said["rotated"], "true")
        self.assertTrue(said["again"].startswith("invalid_grant"), said)

    def test_slow_down_adds_five_seconds_to_its_interval(self):
        server = self.serve("--slow-down", "strict", "--approve", "after-polls=2", *self.CLIENTS, interval=5)
        code, said, shown = self.device(server, IMPATIENT="1")
        self.assertEqual(code, 0, shown)
        self.assertEqual([value for word, value in said if word == "sleep"], ["5", "10"])

    def test_a_denial_and_an_expired_code_reach_it_as_what_they_are(self):
        for how, error in [("deny", "access_denied"), ("expire", "expired_token")]:
            with self.subTest(how):
                code, said, _ = self.device(self.serve("--approve", how, *self.CLIENTS))
                self.assertNotEqual(code, 0)
                self.assertTrue(said[-1][0] == "error" and said[-1][1].startswith(error), said)

    def test_a_person_approves_on_the_page(self):
        server = self.serve(*self.CLIENTS)
        child = subprocess.Popen(
            [PEER], env={**os.environ, "ISSUER": server.url, "CLIENT_ID": "public-tool", "HOME": HOME},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(child.kill)
        url = child.stderr.readline().split()[1]
        Person().approve({"verificationUriComplete": url, "userCode": url.split("=")[1]})
        out, _ = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 0)
        self.assertIn("token ", out)

    def test_a_confidential_client_authenticates_with_basic(self):
        server = self.serve("--approve", "auto", *self.CLIENTS)
        who = {"CLIENT_ID": "confidential-tool", "SCOPE": "openid"}
        code, _, shown = self.device(server, CLIENT_SECRET="secret: +%&=/", **who)
        self.assertEqual(code, 0, shown)
        code, said, _ = self.device(server, CLIENT_SECRET="guess", **who)
        self.assertNotEqual(code, 0)
        self.assertTrue(said[0][0] == "refused" and said[0][1].startswith("invalid_client"), said)


if __name__ == "__main__":
    unittest.main()
