"""Our program and both adapters as devices of `oidc-provider`, a provider that no one here wrote.

It names no interval, so every device waits five seconds before it asks (RFC 8628 §3.2); that is why the three of them
sign in side by side.
"""

import base64
import json
import os
import re
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import HOME, PROGRAM, Form, Listener, Person  # first: it moves HOME

NODE, PROVIDER = os.environ["INTEROP_NODE"], os.environ["INTEROP_PROVIDER"]
ADAPTERS = {"ureq": os.environ["INTEROP_UREQ"], "reqwest": os.environ["INTEROP_REQWEST"]}
SECRET = "secret: +%&=/"
LIMIT = 60


class Holder(Person):
    """A person with an account at the provider, or one without."""

    def decide(self, url, user_code, approve):
        url, page = self.open(url)
        xsrf = Form(page).forms[0]["fields"]["xsrf"]
        device = urllib.parse.urljoin(url, "/device")
        code = {"xsrf": xsrf, "user_code": user_code}
        self.open(device, code)
        if not approve:
            return self.open(device, {**code, "abort": "yes"})
        # Redirects lead from the code to a log-in, from there to the question, and from there to the end.
        url, page = self.open(device, {**code, "confirm": "yes"})
        url, page = self.open(url, {"prompt": "login", "login": "someone", "password": "anything"})
        url, page = self.open(url, {"prompt": "consent"})
        if "Sign-in Success" not in page:
            raise AssertionError(f"no success on {url}:\n{page}")
        return url, page


class InBrowser(Holder):
    """The same person in a browser on the machine of the program."""

    def sign_in(self, url, approve):
        url, _ = self.open(url)
        if not approve:
            # The first page has a link that ends the matter (RFC 6749 §4.1.2.1).
            return self.open(f"{url}/abort")
        url, _ = self.open(url, {"prompt": "login", "login": "someone", "password": "anything"})
        return self.open(url, {"prompt": "consent"})


class Device:
    """One sign-in by one of our programs, with the person at its side."""

    def __init__(self, name, issuer, approve, client="public-tool", secret=None, scope="openid offline_access",
                 thinking=0, **more):
        self.name, self.approve, self.thinking = name, approve, thinking
        self.began = time.monotonic()
        settings = {**os.environ, "HOME": HOME}
        if name in ADAPTERS:
            command = [ADAPTERS[name]]
            settings.update(ISSUER=issuer, CLIENT_ID=client, SCOPE=scope, **more)
            if secret:
                settings["CLIENT_SECRET"] = secret
        else:
            command = [PROGRAM, "login", "--issuer", issuer, "--client-id", client, "--scope", scope,
                       "--show-token", "--no-browser", "--qr", "never"]
            if secret:
                path = Path(HOME) / "provider-secret"
                path.write_text(secret)
                command += ["--client-secret-file", str(path)]
        self.child = subprocess.Popen(
            command, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def live(self):
        """Reads what is shown; at the code, the person acts."""
        self.shown, self.trouble = "", None
        for line in self.child.stderr:
            self.shown += line
            found = re.search(r"(http\S+/device)\?user_code=([A-Z]{4}-[A-Z]{4})", line)
            if found and self.approve is not None:
                try:
                    time.sleep(self.thinking)
                    Holder().decide(found[1], found[2], self.approve)
                except Exception as error:  # the test reports it, in its own thread
                    self.trouble = error
        self.printed = self.child.stdout.read()

    def end(self):
        self.thread.join(LIMIT)
        if self.thread.is_alive():
            self.child.kill()
            self.thread.join()
        code = self.child.wait()
        self.took = time.monotonic() - self.began
        self.child.stdout.close()
        self.child.stderr.close()
        if self.trouble:
            raise self.trouble
        return code


class Provider(unittest.TestCase):
    def provider(self, **settings):
        listener = Listener(NODE, PROVIDER, **settings)
        self.addCleanup(listener.kill)
        return listener

    def side_by_side(self, provider, approve, **more):
        """The three devices, ended, by name."""
        devices = [Device(name, provider.url, approve, **more) for name in ["cli", *ADAPTERS]]
        codes = {device.name: device.end() for device in devices}
        return [(device, codes[device.name]) for device in devices]

    def post(self, url, fields, secret=None):
        request = urllib.request.Request(url, data=urllib.parse.urlencode(fields).encode())
        if secret:
            pair = ":".join(urllib.parse.quote_plus(part) for part in secret)
            request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())

    def is_active(self, provider, token):
        status, answer = self.post(
            f"{provider.url}/token/introspection", {"token": token}, ("confidential-tool", SECRET)
        )
        self.assertEqual(status, 200, answer)
        return answer["active"]

    def refresh(self, provider, token):
        fields = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "public-tool"}
        return self.post(f"{provider.url}/token", fields)

    def in_browser(self, provider, approve):
        """A sign-in of our program with the code flow; it registers its client by itself. Returns its end and the page."""
        command = [PROGRAM, "login", "--issuer", provider.url, "--scope", "openid email", "--show-token", "--flow", "code"]
        child = subprocess.Popen(
            command, env={**os.environ, "HOME": HOME}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        with child:
            url = next(line.strip() for line in child.stderr if line.startswith("http"))
            _, page = InBrowser().sign_in(url, approve)
            printed, said = child.communicate(timeout=LIMIT)
        return child.returncode, printed, said, page

    def test_a_browser_brings_the_code_of_a_client_that_registered_itself(self):
        code, printed, said, page = self.in_browser(self.provider(), True)
        self.assertEqual(code, 0, said)
        token = json.loads(printed)
        self.assertEqual((token["token_type"], token["scope"]), ("Bearer", "openid email"), token)
        self.assertIn("You are signed in", page)

    def test_a_person_who_wants_no_sign_in_is_told_so_on_both_sides(self):
        code, printed, said, page = self.in_browser(self.provider(), False)
        self.assertEqual((code, printed), (254, ""), said)
        self.assertIn("The sign-in was denied on the approval page", said)
        self.assertIn("You are not signed in", page)

    def test_granted_refreshed_with_rotation_and_revoked(self):
        provider = self.provider()
        for device, code in self.side_by_side(provider, True, REFRESH="1", REVOKE="1"):
            with self.subTest(device.name):
                self.assertEqual(code, 0, device.shown)
                if device.name == "cli":
                    token = json.loads(device.printed)
                    self.assertEqual(token["scope"], "openid offline_access")
                    self.assertNotIn("WARNING", device.shown)
                    self.assertTrue(self.is_active(provider, token["access_token"]))
                    self.assertEqual(self.refresh(provider, token["refresh_token"])[0], 200)
                else:
                    first, second = device.printed.split()
                    self.assertNotEqual(first, second)
                    self.assertIn("Refreshed; the refresh token is a new one.", device.shown)
                    self.assertIn("Revoked; a refresh is answered with invalid_grant", device.shown)
                    self.assertFalse(self.is_active(provider, second), "the whole grant ends with its refresh token")

    def test_a_confidential_client_shows_its_secret_in_the_header(self):
        more = {"client": "confidential-tool", "secret": SECRET, "scope": "openid"}
        for device, code in self.side_by_side(self.provider(), True, **more):
            with self.subTest(device.name):
                self.assertEqual(code, 0, device.shown)
                self.assertTrue(device.printed)

    def test_a_wrong_secret_is_an_invalid_client(self):
        more = {"client": "confidential-tool", "secret": "guess", "scope": "openid"}
        for device, code in self.side_by_side(self.provider(), None, **more):
            with self.subTest(device.name):
                self.assertNotEqual(code, 0)
                self.assertIn("invalid_client", device.shown)

    def test_denied(self):
        for device, code in self.side_by_side(self.provider(), False):
            with self.subTest(device.name):
                self.assertEqual(code, 254 if device.name == "cli" else 1, device.shown)
                self.assertIn("denied", device.shown)
                self.assertEqual(device.printed, "")

    def test_expired(self):
        # Asked once and told to wait; there is no second time within the code's life, and so no request either.
        for device, code in self.side_by_side(self.provider(DEVICE_TTL="6"), None):
            with self.subTest(device.name):
                self.assertEqual(code, 255 if device.name == "cli" else 1, device.shown)
                self.assertIn("expired", device.shown)

    def test_slow_down_is_heeded(self):
        # The first poll comes after five seconds and is a second too early, so the next one comes after ten more. Who
        # kept to five would be let in then.
        provider = self.provider(MIN_INTERVAL_MS="6000")
        for device, code in self.side_by_side(provider, True, scope="openid", thinking=7):
            with self.subTest(device.name):
                self.assertEqual(code, 0, device.shown)
                self.assertGreaterEqual(device.took, 15)
                if device.name in ADAPTERS:
                    self.assertIn("Signed in after 2 polls", device.shown)

    def test_scopes_that_were_not_granted_are_said(self):
        device = Device("cli", self.provider().url, True, scope="openid email nonsense")
        self.assertEqual(device.end(), 0, device.shown)
        self.assertIn("the requested scopes were `openid email nonsense`, but the provider granted `openid email`", device.shown)

    def test_the_program_registers_itself_where_anybody_may(self):
        provider = self.provider()
        child = subprocess.Popen(
            [PROGRAM, "login", "--issuer", provider.url, "--show-token", "--no-browser", "--scope", "openid"],
            env={**os.environ, "HOME": HOME}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(child.kill)
        shown = ""
        for line in child.stderr:
            shown += line
            found = re.search(r"(http\S+/device)\?user_code=([A-Z]{4}-[A-Z]{4})", line)
            if found:
                Holder().decide(found[1], found[2], True)
                break
        out, rest = child.communicate(timeout=LIMIT)
        self.assertEqual(child.returncode, 0, shown + rest)
        self.assertIn("client_id", json.loads(out))


if __name__ == "__main__":
    unittest.main()
