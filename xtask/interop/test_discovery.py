"""Clients that read our server's discovery documents and believe nothing that is incomplete: Authlib and the
`openidconnect` crate; and a program that waits for a browser as the AWS CLI does."""

import json
import os
import threading
import unittest
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from harness import Scenario, run

PEER = os.environ["INTEROP_OPENIDCONNECT"]
DOCUMENTS = {
    "oauth-authorization-server": AuthorizationServerMetadata,
    "openid-configuration": OpenIDProviderMetadata,
}


class Discovery(Scenario):
    def test_authlib_accepts_both_documents(self):
        # It takes no plain http, so the server is one behind a proxy.
        server = self.serve("--public-url", "https://id.example")
        for name, validator in DOCUMENTS.items():
            with self.subTest(name):
                with urllib.request.urlopen(f"{server.url}/.well-known/{name}", timeout=20) as answer:
                    document = json.load(answer)
                validator(document).validate()
                self.assertEqual(document["code_challenge_methods_supported"], ["S256"])

    def test_the_openidconnect_crate_discovers_the_server_and_its_keys(self):
        server = self.serve()
        ended = run(PEER, ISSUER=server.url)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        said = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
        self.assertEqual(said["issuer"].rstrip("/"), server.url)
        self.assertEqual(said["token_endpoint"], f"{server.url}/oauth/token")
        self.assertEqual(said["keys"], "0")


class Waiting(BaseHTTPRequestHandler):
    """The page at which a command line waits for its browser to come back."""

    def do_GET(self):
        self.server.arrived = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Authorize(Scenario):
    def test_a_program_that_waits_for_its_browser_is_told_at_once(self):
        server = self.serve()
        waiting = HTTPServer(("127.0.0.1", 0), Waiting)
        self.addCleanup(waiting.server_close)
        waiting.timeout = 20
        thread = threading.Thread(target=waiting.handle_request)
        thread.start()
        # The members and the spelling of `aws sso login`.
        query = urllib.parse.urlencode({
            "response_type": "code", "client_id": "x", "state": "a state", "code_challenge_method": "S256",
            "redirect_uri": f"http://127.0.0.1:{waiting.server_port}/oauth/callback",
            "scopes": "sso:account:access", "code_challenge": "x",
        })
        with urllib.request.urlopen(f"{server.url}/authorize?{query}", timeout=20) as page:
            self.assertEqual(page.status, 200)
        thread.join(20)
        self.assertEqual(waiting.arrived["error"], ["unsupported_response_type"])
        self.assertEqual(waiting.arrived["state"], ["a state"])


if __name__ == "__main__":
    unittest.main()
