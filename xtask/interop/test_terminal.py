"""`login --flow code` on a terminal: the browser is on another machine, and its person pastes the address that it ended at.

The program runs on a pseudo-terminal that is its own, so Ctrl-C is a key here, and the kernel edits and cuts its lines.
"""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import COMMAND_LIMIT, HOME, PROGRAM, REGION, START_URL, Scenario, run

CTRL_C = "\x03"
# The longest line that Linux passes on, without its end (`N_TTY_BUF_SIZE` in n_tty.c).
LONGEST_LINE = 4095
ANOTHER = "That address belongs to another sign-in."


class Here(urllib.request.HTTPRedirectHandler):
    """A browser whose machine has no program that listens."""

    def redirect_request(self, *_):
        return None


def end_of(url):
    """The address in a browser's bar after the page at this one, if the server decides by itself."""
    try:
        urllib.request.build_opener(Here).open(url, timeout=20)
    except urllib.error.HTTPError as redirect:
        with redirect:
            return redirect.headers["Location"]
    raise AssertionError(f"no redirect from {url}")


class Terminal:
    """A program on a terminal of its own, which it controls as the only one of its session."""

    def __init__(self, *command, **settings):
        self.keys, self.screen = pty.openpty()
        self.before = termios.tcgetattr(self.screen)
        environment = {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", **settings}
        environment.pop("CI", None)

        def take():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(
            command, stdin=self.screen, stdout=self.screen, stderr=self.screen, preexec_fn=take, env=environment
        )
        self.seen = ""

    def type(self, text):
        os.write(self.keys, text.encode())

    def enter(self, line):
        self.type(line + "\n")

    def until(self, pattern):
        """Waits for a text that was not yet waited for. Returns its match."""
        deadline = time.monotonic() + COMMAND_LIMIT
        while not (found := re.search(pattern, self.seen)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
        self.seen = self.seen[found.end():]
        return found

    def _read(self, limit):
        ready, _, _ = select.select([self.keys], [], [], max(limit, 0))
        if ready:
            self.seen += os.read(self.keys, 65536).decode(errors="replace")
        return ready

    def end(self):
        """Waits for the end. Returns the exit code, and what was shown since the last text that was waited for."""
        code = self.child.wait(timeout=COMMAND_LIMIT)
        while self._read(0):
            pass
        return code, self.seen

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.keys)
        os.close(self.screen)


class Pasted(Scenario):
    """Each test has a session of its own."""

    def setUp(self):
        self.home = self.new_home()

    def new_home(self):
        home = tempfile.mkdtemp(dir=HOME)
        aws = Path(home) / ".aws"
        aws.mkdir()
        (aws / "config").write_text(
            f"[profile work]\nsso_session = corp\n[sso-session corp]\nsso_start_url = {START_URL}\n"
            f"sso_region = {REGION}\nsso_registration_scopes = sso:account:access\n"
        )
        return home

    def settings(self, server):
        return {"HOME": self.home, "AWS_PROFILE": "work", "AWS_ENDPOINT_URL_SSO_OIDC": server.url}

    def login(self, server, **settings):
        """A sign-in that listens. Returns its terminal, and the address that it asks its person to open."""
        command = [PROGRAM, "login", "--flow", "code", "--no-browser"]
        terminal = Terminal(*command, **{**self.settings(server), **settings})
        self.addCleanup(terminal.close)
        url = terminal.until(r"(?m)^(http\S+)\r\n")[1]
        terminal.until("paste the address that it ends at here")
        return terminal, url

    def ends(self, terminal, code, *words):
        """The program ends so, and leaves the terminal as it was."""
        ended, said = terminal.end()
        self.assertEqual(ended, code, said)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(termios.tcgetattr(terminal.screen), terminal.before)
        # The cursor is on a line of its own, for the shell's prompt.
        self.assertTrue(said.endswith("\n"), said)

    def token(self, server):
        return run(PROGRAM, "token", **self.settings(server))

    def assert_signed_in(self, server):
        told = self.token(server)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertTrue(told.stdout.strip())
        return told.stdout

    def test_the_whole_address_signs_in_also_in_quotes(self):
        server = self.serve("--approve", "auto")
        for quoted in ["{}", '"{}"', "'{}'", "<{}>", "  {}  ", "\x1b[200~{}\x1b[201~", "{}#"]:
            with self.subTest(quoted):
                terminal, url = self.login(server)
                terminal.enter(quoted.format(end_of(url)))
                self.ends(terminal, 0, f"Signed in to {START_URL}")
                self.assert_signed_in(server)

    def test_a_line_that_is_no_address_of_this_sign_in_is_told_and_the_right_one_still_counts(self):
        server = self.serve("--approve", "auto")
        _, other = self.login(server, HOME=self.new_home())
        terminal, url = self.login(server)
        address = end_of(url)
        listening = address.split("?")[0]
        foreign = urllib.parse.urlsplit(address)._replace(netloc="127.0.0.1:9").geturl()
        for line, told in [
            # What was typed ahead was for the shell.
            ("", None),
            ("ls -l", None),
            (end_of(other), f"begins with {listening}"),
            (foreign, f"begins with {listening}"),
            (f"{listening}?code=x&state=y", ANOTHER),
            (f"{listening}?error=access_denied&state=y", ANOTHER),
            (f"{listening}?error=access_denied", ANOTHER),
            # A selection with the mouse that ended too early: before the state, and in it.
            (address[: address.index("&state=")], ANOTHER),
            (address[: address.index("&state=") + 20], ANOTHER),
            (f"{address}&{'x' * LONGEST_LINE}", "The terminal has cut that address"),
        ]:
            with self.subTest(line[:100]):
                terminal.enter(line)
                if told:
                    terminal.until(re.escape(told))
        terminal.enter(address)
        self.ends(terminal, 0, f"Signed in to {START_URL}")

    def test_an_address_with_an_error_ends_the_sign_in(self):
        server = self.serve()
        for error, said in [
            ("access_denied", "The sign-in was denied on the approval page"),
            ("server_error&error_description=Try+later", "Try later"),
        ]:
            with self.subTest(error):
                terminal, url = self.login(server)
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
                (redirect_uri,), (state,) = query["redirect_uri"], query["state"]
                terminal.enter(f"{redirect_uri}?error={error}&state={state}")
                self.ends(terminal, 254, said)
                self.assertNotEqual(self.token(server).returncode, 0)

    def test_a_code_that_the_service_does_not_know_ends_the_sign_in(self):
        server = self.serve("--approve", "auto")
        terminal, url = self.login(server)
        terminal.enter(re.sub("code=[^&]*", "code=invented", end_of(url)))
        self.ends(terminal, 254, "InvalidGrantException")
        self.assertNotEqual(self.token(server).returncode, 0)

    def test_ctrl_c_ends_the_sign_in_and_the_earlier_session_stays(self):
        server = self.serve("--approve", "auto")
        terminal, url = self.login(server)
        terminal.enter(end_of(url))
        self.ends(terminal, 0)
        earlier = self.assert_signed_in(server)
        # Also in the middle of a line.
        for typed in ["", "http://127.0.0.1"]:
            with self.subTest(typed):
                terminal, url = self.login(server)
                terminal.type(typed + CTRL_C)
                self.ends(terminal, 130, "The sign-in was cancelled")
                self.assertEqual(self.assert_signed_in(server), earlier)
                # The port is closed, so an approval in the open page comes too late.
                with self.assertRaises(urllib.error.URLError):
                    urllib.request.urlopen(end_of(url), timeout=20)
        refreshed = run(PROGRAM, "refresh", "--force", **self.settings(server))
        self.assertEqual(refreshed.returncode, 0, refreshed.stderr)
        self.assertNotEqual(self.assert_signed_in(server), earlier)

    def test_a_browser_that_cannot_be_opened_is_told_and_the_right_address_still_counts(self):
        server = self.serve("--approve", "auto")
        login = [PROGRAM, "login", "--flow", "code"]
        terminal = Terminal(*login, **{**self.settings(server), "BROWSER": "false"})
        self.addCleanup(terminal.close)
        url = terminal.until(r"(?m)^(http\S+)\r\n")[1]
        terminal.until(r"\x1b\[KCould not open a browser: false: exit status: 1; open the address yourself\.\r\n")
        # The status line comes back at once.
        terminal.until("Waiting for your browser")
        terminal.enter(end_of(url))
        self.ends(terminal, 0, f"Signed in to {START_URL}")

    def test_ctrl_c_does_not_end_the_browser(self):
        server = self.serve()
        started = Path(self.home) / "browser"
        browser = f"sh -c 'echo $$ > {started}.new; mv {started}.new {started}; exec sleep {COMMAND_LIMIT}'"
        login = [PROGRAM, "login", "--flow", "code"]
        terminal = Terminal(*login, **{**self.settings(server), "BROWSER": browser})
        self.addCleanup(terminal.close)
        deadline = time.monotonic() + COMMAND_LIMIT
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process = int(started.read_text())
        self.addCleanup(os.kill, process, signal.SIGKILL)
        terminal.until("Waiting for your browser")
        terminal.type(CTRL_C)
        self.ends(terminal, 130)
        # It sleeps, and is not the rest of an ended process.
        self.assertIn("State:\tS", Path(f"/proc/{process}/status").read_text())

    def test_in_the_background_it_leaves_the_keys_to_the_shell(self):
        server = self.serve("--approve", "auto")
        login = [PROGRAM, "login", "--flow", "code", "--no-browser"]
        # A read in the background would stop the job.
        terminal = Terminal("bash", "-mc", '"$@" & wait $!', "bash", *login, **self.settings(server))
        self.addCleanup(terminal.close)
        url = terminal.until(r"(?m)^(http\S+)\r\n")[1]
        self.assertNotIn("paste the address", terminal.until("(?s)^.*Waiting for your browser")[0])
        with urllib.request.urlopen(url, timeout=20) as page:
            self.assertIn("You are signed in", page.read().decode())
        code, said = terminal.end()
        self.assertEqual(code, 0, said)
        self.assert_signed_in(server)


if __name__ == "__main__":
    unittest.main()
