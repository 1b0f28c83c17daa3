"""`conform` against `oidc-provider`, a provider that no one here wrote, and with a person before a terminal.

Each finding was compared with the text of its standard; the documentation of the crate `device-conform` has the table.
"""

import json
import os
import subprocess
import sys
import threading
import unittest
import xml.dom.minidom
from pathlib import Path

from harness import HOME, PROGRAM, Listener, Person  # first: it moves HOME
from test_provider import NODE, PROVIDER, SECRET, Holder
from test_terminal import Terminal

LIMIT = 120

# What the provider does otherwise than the checks want, whatever the client.
WARNED = {"6749-5.1-pragma", "7636-4.6-verifier", "8628-3.5-slow-down"}
# Without slow_down there is no longer interval. Nothing waits for the expiry here, and no code is guessed.
ALWAYS_NOT_MADE = {"8628-3.5-expired", "8628-3.5-slower", "8628-5.1-guesses"}
OF_SECRETS = {"6749-2.3-two-methods", "6749-3.2.1-no-secret", "6749-5.2-wrong-secret"}
# The second client of the other run was given, and a secret binds refresh tokens.
OF_OTHERS = {"7591-3.2.1-client-id", "7591-3.2.1-created", "9700-4.14.2-rotation", "9700-4.14.2-old-token"}


class Check:
    """One run of `conform`, with this file as the person. The words for an approval are those of the server's page; the
    provider of npm has none."""

    def __init__(self, issuer, client, *more, scope=("openid", "offline_access"), approve=None):
        self.junit = Path(HOME) / f"{client}-{issuer.rsplit(':')[-1]}.xml"
        person = [sys.executable, __file__, "{uri}", "{code}"]
        command = [PROGRAM, "conform", "--issuer", issuer, "--client-id", client, "--scope", *scope,
                   "--output", "json", "--junit", str(self.junit), *more]
        for decision, word in [("approve", approve), ("deny", approve and "deny")]:
            words = [*person, decision, *([word] if word else [])]
            command += [f"--{decision}-with", " ".join(f"'{word}'" for word in words)]
        self.command = command
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        self.ended = subprocess.run(
            self.command, env={**os.environ, "HOME": HOME}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LIMIT,
        )

    def outcomes(self):
        self.thread.join()
        report = json.loads(self.ended.stdout)
        found = {}
        for check in report["checks"]:
            found.setdefault(check["outcome"], set()).add(check["id"])
        return found


class Conform(unittest.TestCase):
    def test_the_provider_keeps_every_must_and_each_warning_is_known(self):
        provider = Listener(NODE, PROVIDER)
        self.addCleanup(provider.kill)
        secret = Path(HOME) / "conform-secret"
        secret.write_text(SECRET)
        public = Check(provider.url, "public-tool")
        more = ["--client-secret-file", str(secret), "--other-client-id", "public-tool"]
        confidential = Check(provider.url, "confidential-tool", *more)
        for check, warned, not_made in [
            (public, WARNED, ALWAYS_NOT_MADE | OF_SECRETS),
            (confidential, WARNED, ALWAYS_NOT_MADE | OF_OTHERS),
        ]:
            found = check.outcomes()
            with self.subTest(check.junit.stem):
                self.assertEqual(found.get("fail", set()), set(), check.ended.stderr)
                self.assertEqual((found["warn"], found["not made"]), (warned, not_made), check.ended.stderr)
                self.assertEqual(check.ended.returncode, 0, check.ended.stderr)
                self.assertNotIn(SECRET, check.ended.stdout + check.ended.stderr)
                cases = xml.dom.minidom.parse(str(check.junit)).getElementsByTagName("testcase")
                self.assertEqual(len(cases), 78)


    def test_a_person_before_the_terminal_is_asked_for_each_decision_and_may_skip_one(self):
        server = Listener(PROGRAM, "serve", "--listen", "127.0.0.1:0", "--slow-down", "off")
        self.addCleanup(server.kill)
        terminal = Terminal(PROGRAM, "conform", "--issuer", server.url, "--scope", "openid", HOME=HOME)
        self.addCleanup(terminal.close)
        question = r"this device: open (\S+) and enter (\S+)\r\nThen press Enter, or type s and Enter to skip: "
        for _ in range(3):
            asked = terminal.until(f"Approve {question}")
            Person().approve_by_typing({"verificationUri": asked[1], "userCode": asked[2]})
            terminal.enter("")
        terminal.until(f"DENY {question}")
        terminal.enter("s")
        code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"pass +approved: ")
        self.assertRegex(shown, r"not made +denied: [^\n]*\n +the person skipped it\r\n")


def decide():
    uri, code, decision, *word = sys.argv[1:]
    if word:
        Person().decide_by_form(uri, code, *word)
    else:
        Holder().decide(uri.split("?")[0], code, decision == "approve")


if __name__ == "__main__":
    decide()
