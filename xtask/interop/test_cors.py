"""A web page of another origin, in a real Chromium: its script signs in by `fetch`, if `serve --cors` allows its origin."""

import http.server
import json
import os
import queue
import subprocess
import tempfile
import threading
import unittest

from harness import DEVICE_GRANT, HOME, START_URL, Scenario

CHROMIUM = os.environ["INTEROP_CHROMIUM"]
LIMIT = 60

# Each step is one that a browser guards: a preflight for JSON, a simple form, an error, and the headers of a response.
PAGE = """<!doctype html><script type="module">
const server = SERVER;
const results = [];
const step = async (name, work) => {
  try { results.push([name, await work()]); } catch (error) { results.push([name, String(error)]); }
};
const json = (path, body) => fetch(server + path, {
  method: 'POST', headers: { 'content-type': 'application/json', 'x-amz-user-agent': 'page' }, body: JSON.stringify(body),
});
const form = (path, body, headers = {}) => fetch(server + path, { method: 'POST', headers, body: new URLSearchParams(body) });
await step('aws', async () => {
  const { clientId, clientSecret } = await (await json('/client/register', { clientName: 'page', clientType: 'public' })).json();
  const who = { clientId, clientSecret };
  const { deviceCode } = await (await json('/device_authorization', { ...who, startUrl: START })).json();
  const token = await json('/token', { ...who, grantType: GRANT, deviceCode });
  return [token.status, (await token.json()).tokenType, token.headers.get('x-amzn-requestid') !== null];
});
await step('oauth', async () => {
  const { device_code } = await (await form('/oauth/device_authorization', { client_id: 'my-page' })).json();
  const token = await form('/oauth/token', { grant_type: GRANT, device_code, client_id: 'my-page' });
  return [token.status, (await token.json()).token_type];
});
await step('error', async () => {
  const refused = await form('/oauth/token', { grant_type: GRANT, device_code: 'x' }, { authorization: 'Basic eDp5' });
  return [refused.status, (await refused.json()).error, refused.headers.get('www-authenticate') !== null];
});
await step('metadata', async () => (await fetch(server + '/.well-known/openid-configuration')).status);
await step('device', async () => (await fetch(server + '/device')).status);
await fetch('/results', { method: 'POST', body: JSON.stringify(results) });
</script>"""

GRANTED = {
    "aws": [200, "Bearer", True],
    "oauth": [200, "Bearer"],
    "error": [401, "invalid_client", True],
    "metadata": 200,
    # The pages for people are closed to every other origin.
    "device": "TypeError: Failed to fetch",
}
REFUSED = dict.fromkeys(GRANTED, "TypeError: Failed to fetch")


class Site(http.server.ThreadingHTTPServer):
    """The page's own server, at an origin of its own."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.page, self.results = "", queue.Queue()
        self.origin = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.server.page.encode())

    def do_POST(self):
        self.server.results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Pages(Scenario):
    def visit(self, *flags):
        """Opens the page in a new browser, and returns what its script was answered."""
        site = Site()
        self.addCleanup(site.server_close)
        self.addCleanup(site.shutdown)
        flags = [flag.replace("ORIGIN", site.origin) for flag in flags]
        server = self.serve("--approve", "auto", "--oauth-client", "my-page", *flags)
        values = {"SERVER": server.url, "START": START_URL, "GRANT": DEVICE_GRANT}
        page = PAGE
        for name, value in values.items():
            page = page.replace(name, json.dumps(value))
        site.page = page
        # Root has no sandbox in a container.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        # A process of Chromium may still write there after its first one has ended.
        with tempfile.TemporaryDirectory(dir=HOME, ignore_cleanup_errors=True) as profile:
            command = [CHROMIUM, "--headless", "--disable-gpu", *sandbox, f"--user-data-dir={profile}", site.origin]
            browser = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "HOME": HOME},
            )
            try:
                return dict(site.results.get(timeout=LIMIT))
            finally:
                browser.kill()
                browser.wait()

    def test_a_page_of_an_allowed_origin_signs_in_in_both_dialects(self):
        for allowed in ["ORIGIN", "*"]:
            with self.subTest(allowed):
                self.assertEqual(self.visit("--cors", allowed), GRANTED)

    def test_a_page_of_another_origin_reads_nothing(self):
        for flags in [[], ["--cors", "http://127.0.0.1:1"]]:
            with self.subTest(flags):
                self.assertEqual(self.visit(*flags), REFUSED)


if __name__ == "__main__":
    unittest.main()
