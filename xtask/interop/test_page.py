"""The page of examples/browser in a real Chromium: the machine as WebAssembly signs in by `fetch`, at a server of
another origin."""

import functools
import http.server
import json
import os
import subprocess
import threading
import time
import unittest
import urllib.parse

from harness import HOME, PROGRAM, START_URL, STOP_LIMIT, Listener, Scenario, ours

NODE, VISIT, CHROMIUM = (os.environ[f"INTEROP_{name}"] for name in ["NODE", "VISIT", "CHROMIUM"])
PAGE = os.environ.get("INTEROP_PAGE")
LIMIT = 60
SETUP = ["/client/register", "/device_authorization"]


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm"}

    def log_message(self, *_):
        pass


@unittest.skipUnless(PAGE, "NOT CHECKED: there is no compiler for WebAssembly; the lines above name what to install")
class Page(Scenario):
    def setUp(self):
        self.site = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=PAGE))
        self.addCleanup(self.site.server_close)
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        self.addCleanup(self.site.shutdown)
        self.origin = f"http://127.0.0.1:{self.site.server_port}"

    def visit(self, server, decide=None, endpoint=None):
        """Opens the page and signs in. `decide` gets the first line and the browser. Returns both lines."""
        query = urllib.parse.urlencode({"endpoint": endpoint or server.url, "start_url": START_URL})
        browser = subprocess.Popen(
            [NODE, VISIT, CHROMIUM, f"{self.origin}/index.html?{query}"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HOME": HOME, "TMPDIR": HOME},
        )
        # Asked politely, it ends its Chromium too.
        guard = threading.Timer(LIMIT, browser.terminate)
        guard.start()
        try:
            first = json.loads(browser.stdout.readline() or "null")
            if first and decide:
                decide(first, browser)
            rest, said = browser.communicate()
        finally:
            guard.cancel()
            browser.terminate()
            browser.communicate(timeout=STOP_LIMIT)
        self.assertEqual(browser.returncode, 0, said)
        seen = json.loads(rest)
        self.assertEqual((seen["errors"], seen["late"], seen["shown"]), ([], 0, False), seen)
        return first, seen

    def decided(self, server, decision):
        """Lets `sso-oidc approve` or `deny` decide."""
        def decide(asked, _):
            done = ours(decision, asked["code"], "--endpoint-url", server.url)
            self.assertEqual(done.returncode, 0, done.stderr)
        return decide

    def at(self, *flags):
        return self.serve("--cors", self.origin, *flags)

    def test_a_person_approves_and_the_page_says_how_long_the_token_lasts(self):
        server = self.at("--access-ttl", "8h")
        asked, seen = self.visit(server, self.decided(server, "approve"))
        self.assertEqual(asked["link"], f"{server.url}/device?user_code={asked['code']}")
        self.assertEqual(seen["status"], "You are signed in. The token lasts 8 hours.")
        self.assertEqual(seen["tokens"], 1)
        self.assertEqual(seen["paths"][:2], SETUP)
        self.assertEqual(set(seen["paths"][2:]), {"/token"})

    def test_a_person_denies(self):
        server = self.at()
        _, seen = self.visit(server, self.decided(server, "deny"))
        self.assertIn("You are not signed in: the sign-in was denied", seen["status"])
        self.assertEqual(seen["tokens"], 0)

    def test_a_page_that_is_cancelled_sends_nothing_more(self):
        server = Listener(PROGRAM, "serve", "--listen", "127.0.0.1:0", "--interval", "30", "--cors", self.origin)
        self.addCleanup(server.kill)
        began = time.monotonic()
        _, seen = self.visit(server, lambda _, browser: print("cancel", file=browser.stdin, flush=True))
        self.assertLess(time.monotonic() - began, 25)
        self.assertIn("the sign-in was cancelled", seen["status"])
        self.assertEqual(seen["paths"], SETUP)

    def test_the_machine_keeps_the_pace_and_survives_a_gateway(self):
        server = self.at("--approve", "after-polls=1", "--fault", "gateway-503@poll:1", "--report-fail")
        _, seen = self.visit(server)
        self.assertTrue(seen["status"].startswith("You are signed in."), seen)
        self.assertGreaterEqual(seen["paths"].count("/token"), 3)
        # An early poll would make it 1.
        code, report = server.stop()
        self.assertEqual(code, 0, report)

    def test_an_address_that_is_none_is_refused_before_anything_is_sent(self):
        _, seen = self.visit(None, endpoint="http://example.com")
        self.assertIn("This cannot work", seen["status"])
        self.assertEqual(seen["paths"], [])


if __name__ == "__main__":
    unittest.main()
