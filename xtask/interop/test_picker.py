"""The choice of session, account and role by a person before a terminal."""

import re
import tempfile
import termios
import unittest
from pathlib import Path

from harness import HOME, PROGRAM, REGION, START_URL, Scenario, run
from test_terminal import CTRL_C, Terminal

ENTER, ESCAPE, DOWN = "\r", "\x1b", "\x1b[B"


def plain(text):
    """The text without control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


class Picking(Scenario):
    def setUp(self):
        self.home = tempfile.mkdtemp(dir=HOME)
        aws = Path(self.home) / ".aws"
        aws.mkdir()
        (aws / "config").write_text(
            "".join(
                f"[sso-session {name}]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n"
                "sso_registration_scopes = sso:account:access\n"
                for name in ["corp", "other"]
            )
        )
        server = self.serve("--approve", "auto")
        self.variables = {
            "HOME": self.home,
            "AWS_ENDPOINT_URL_SSO_OIDC": server.url,
            "AWS_ENDPOINT_URL_SSO": server.url,
        }
        signed_in = run(PROGRAM, "login", "--sso-session", "corp", "--flow", "device", "--no-browser", **self.variables)
        self.assertEqual(signed_in.returncode, 0, signed_in.stderr)

    def start(self, *arguments, **variables):
        terminal = Terminal(PROGRAM, *arguments, **{**self.variables, **variables})
        self.addCleanup(terminal.close)
        return terminal

    def ends(self, terminal, code):
        ended, said = terminal.end()
        self.assertEqual(ended, code, said)
        return plain(said)

    def test_session_account_and_role_are_chosen_with_keys_or_by_typing(self):
        terminal = self.start("credentials", "--format", "env")
        terminal.until("Which session")
        terminal.type("cor" + ENTER)
        terminal.until("Which account")
        # By name: Production, then Sandbox.
        terminal.type(DOWN + ENTER)
        terminal.until("Which role")
        terminal.type("admin" + ENTER)
        self.assertIn("export AWS_ACCESS_KEY_ID=ASIA", self.ends(terminal, 0))

    def test_escape_and_ctrl_c_choose_nothing_and_leave_the_terminal_as_it_was(self):
        for key in [ESCAPE, CTRL_C]:
            with self.subTest(key):
                terminal = self.start("roles")
                terminal.until("Which session")
                terminal.type(key)
                ended, said = terminal.end()
                self.assertIn(ended, [130, -2], said)
                self.assertEqual(termios.tcgetattr(terminal.screen), terminal.before)
                # A hidden cursor is visible again.
                self.assertGreaterEqual(said.rfind("\x1b[?25h"), said.rfind("\x1b[?25l"), said)

    def test_a_name_that_means_several_offers_these_only(self):
        terminal = self.start("credentials", "--sso-session", "corp", "--account", "sandbox", "--role", "ss")
        shown = plain(terminal.until(r"(?s)Which role.*ReadOnlyAccess")[0])
        self.assertIn("AdministratorAccess", shown)
        terminal.type(ENTER)
        self.assertIn('"AccessKeyId"', self.ends(terminal, 0))

    def test_nothing_is_asked_in_ci_with_no_input_and_by_credential_process(self):
        for arguments, variables in [
            (["credentials", "--no-input"], {}),
            (["credentials"], {"TERM": "dumb"}),
            (["credential-process"], {}),
        ]:
            with self.subTest(arguments):
                terminal = self.start(*arguments, **variables)
                self.assertIn("The sessions in the config file: corp, other", self.ends(terminal, 253))


if __name__ == "__main__":
    unittest.main()
