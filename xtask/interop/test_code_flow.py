"""Clients that sign in with an authorization code and PKCE: the AWS CLI's requests by boto3, Authlib, the `oauth2` crate,
and npm's `openid-client`. Each waits for its browser at a port of its own."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import threading
import unittest
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

from harness import START_URL, Form, Person, Scenario, run

from authlib.integrations.requests_client import OAuth2Session

PEER = os.environ["INTEROP_OAUTH2"]
NODE, CLIENT = os.environ["INTEROP_NODE"], os.environ["INTEROP_OPENID_CLIENT"]


class Callback(BaseHTTPRequestHandler):
    """The page at which a command line waits for its browser to come back."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.server.arrived.append(self.path)

    def log_message(self, *_):
        pass


class Waiting:
    """A program that waits for one answer of its browser, like the AWS CLI on every interface."""

    def __init__(self, test):
        self.server = HTTPServer(("", 0), Callback)
        self.server.timeout = 20
        self.server.arrived = []
        test.addCleanup(self.server.server_close)
        self.redirect_uri = f"http://127.0.0.1:{self.server.server_port}/oauth/callback"
        self.thread = threading.Thread(target=self.server.handle_request)
        self.thread.start()

    def answer(self):
        """The URL that the browser brought."""
        self.thread.join(20)
        (path,) = self.server.arrived
        return urllib.parse.urljoin(self.redirect_uri, path)


class Browser(Person):
    """A person who decides on the page of `/authorize`, whose browser then goes on by itself."""

    def decide(self, url, action):
        url, page = self.open(url)
        (form,) = Form(page).forms
        assert ("action", action) in form["choices"], page
        _, page = self.open(urllib.parse.urljoin(url, form["action"]), {**form["fields"], "action": action})
        target = Refresh(page).target
        self.open(target)


class Refresh(Form):
    """Where a page goes on to by itself."""

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "meta" and attributes.get("http-equiv") == "refresh":
            self.target = attributes["content"].removeprefix("0;url=")


class AsTheAwsCli(Scenario):
    """What `aws sso login` sends. Its second version is not on PyPI, so boto3 makes its calls here."""

    def begin(self, server):
        client, waiting = self.client(server), Waiting(self)
        answer = client.register_client(
            clientName="botocore-client-my", clientType="public", scopes=["sso:account:access"],
            grantTypes=["authorization_code", "refresh_token"], redirectUris=["http://127.0.0.1/oauth/callback"],
            issuerUrl=START_URL,
        )
        self.assertEqual(answer["authorizationEndpoint"], f"{server.url}/authorize")
        self.assertEqual(answer["tokenEndpoint"], f"{server.url}/token")
        who = {name: answer[name] for name in ["clientId", "clientSecret"]}
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
        verifier = "".join(secrets.choice(alphabet) for _ in range(64))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        state = str(uuid.uuid4())
        query = {
            "response_type": "code", "client_id": who["clientId"], "redirect_uri": waiting.redirect_uri,
            "state": state, "code_challenge_method": "S256", "scopes": "sso:account:access",
            "code_challenge": challenge,
        }
        url = f"{server.url}/authorize?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        return client, who, waiting, state, verifier, url

    def came(self, waiting, state):
        parameters = urllib.parse.parse_qs(urllib.parse.urlparse(waiting.answer()).query)
        self.assertEqual(parameters["state"], [state])
        return parameters

    def redeem(self, client, who, waiting, code, verifier):
        return client.create_token(
            grantType="authorization_code", code=code, redirectUri=waiting.redirect_uri, codeVerifier=verifier, **who
        )

    def signs_in(self, server, decide):
        client, who, waiting, state, verifier, url = self.begin(server)
        decide(url)
        (code,) = self.came(waiting, state)["code"]
        token = self.redeem(client, who, waiting, code, verifier)
        self.assert_token(token)
        refresh = {"grantType": "refresh_token", **who}
        again = client.create_token(refreshToken=token["refreshToken"], **refresh)
        self.assert_token(again)
        invalid_grant = client.exceptions.InvalidGrantException
        self.assert_refused(invalid_grant, self.redeem, client, who, waiting, code, verifier)
        self.assert_refused(invalid_grant, client.create_token, refreshToken=again["refreshToken"], **refresh)

    def test_it_signs_in_where_the_server_approves_by_itself(self):
        self.signs_in(self.serve("--approve", "auto"), Person().open)

    def test_it_signs_in_where_a_person_approves(self):
        self.signs_in(self.serve(), lambda url: Browser().decide(url, "approve"))

    def test_it_is_told_of_a_denial_at_once(self):
        for server, decide in [
            (self.serve(), lambda url: Browser().decide(url, "deny")),
            (self.serve("--approve", "deny"), Person().open),
        ]:
            _, _, waiting, state, _, url = self.begin(server)
            decide(url)
            self.assertEqual(self.came(waiting, state)["error"], ["access_denied"])

    def test_a_wrong_verifier_is_refused_and_the_code_stays_good(self):
        client, who, waiting, state, verifier, url = self.begin(self.serve("--approve", "auto"))
        Person().open(url)
        (code,) = self.came(waiting, state)["code"]
        invalid_grant = client.exceptions.InvalidGrantException
        self.assert_refused(invalid_grant, self.redeem, client, who, waiting, code, verifier[::-1])
        self.assert_token(self.redeem(client, who, waiting, code, verifier))


class Authlib(Scenario):
    CLIENTS = ["--oauth-client", "public-tool", "--oauth-client", "confidential-tool:secret"]

    def signs_in(self, server, **client):
        waiting, verifier = Waiting(self), secrets.token_urlsafe(32)
        session = OAuth2Session(redirect_uri=waiting.redirect_uri, code_challenge_method="S256", **client)
        url, state = session.create_authorization_url(f"{server.url}/authorize", code_verifier=verifier)
        Person().open(url)
        answer = waiting.answer()
        return session, session.fetch_token(
            f"{server.url}/oauth/token", authorization_response=answer, code_verifier=verifier, state=state
        )

    def setUp(self):
        # Authlib wants https everywhere, loopback included, unless told otherwise.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self.addCleanup(os.environ.pop, "AUTHLIB_INSECURE_TRANSPORT")

    def test_it_signs_in_and_refreshes_as_each_kind_of_client(self):
        server = self.serve("--approve", "auto", *self.CLIENTS)
        for client in [
            {"client_id": "public-tool", "token_endpoint_auth_method": "none"},
            {"client_id": "confidential-tool", "client_secret": "secret"},
            {"client_id": "confidential-tool", "client_secret": "secret",
             "token_endpoint_auth_method": "client_secret_post"},
        ]:
            with self.subTest(client):
                session, token = self.signs_in(server, scope="openid email", **client)
                self.assertEqual(token["scope"], "openid email")
                fresh = session.refresh_token(f"{server.url}/oauth/token", refresh_token=token["refresh_token"])
                self.assertNotEqual(fresh["access_token"], token["access_token"])


class OAuth2Crate(Scenario):
    CLIENTS = ["--oauth-client", "public-tool", "--oauth-client", "confidential-tool:secret: +%&=/"]

    def signs_in(self, server, **settings):
        ended = run(PEER, ISSUER=server.url, FLOW="code", **{"CLIENT_ID": "public-tool", **settings})
        return ended.returncode, dict(line.split(" ", 1) for line in ended.stdout.splitlines()), ended.stderr

    def test_it_signs_in_and_rotates_its_refresh_token(self):
        server = self.serve("--approve", "auto", *self.CLIENTS)
        for who in [{}, {"CLIENT_ID": "confidential-tool", "CLIENT_SECRET": "secret: +%&=/"}]:
            with self.subTest(who):
                code, said, shown = self.signs_in(server, SCOPE="openid email", **who)
                self.assertEqual(code, 0, shown)
                self.assertEqual((said["scope"], said["rotated"]), ("openid email", "true"))
                self.assertTrue(said["again"].startswith("invalid_grant"), said)

    def test_a_denial_and_an_expired_code_reach_it_as_what_they_are(self):
        for how, error in [("deny", "access_denied"), ("expire", "invalid_grant")]:
            with self.subTest(how):
                code, said, _ = self.signs_in(self.serve("--approve", how, *self.CLIENTS))
                self.assertNotEqual(code, 0)
                self.assertTrue(said["error"].startswith(error), said)


class OpenidClient(Scenario):
    def signs_in(self, server, **settings):
        """The client's last words. It reads the address that the browser ends at from standard input."""
        waiting = Waiting(self)
        child = subprocess.Popen(
            [NODE, CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "ISSUER": server.url, "REDIRECT_URI": waiting.redirect_uri, **settings},
        )
        with child:
            Person().open(child.stdout.readline().strip())
            said, _ = child.communicate(waiting.answer() + "\n", timeout=20)
        return json.loads(said)

    def test_it_signs_in_and_refreshes_with_a_client_of_its_own_or_a_new_one(self):
        server = self.serve("--approve", "auto", "--oauth-client", "public-tool")
        for settings in [{"CLIENT_ID": "public-tool"}, {}]:
            with self.subTest(settings):
                said = self.signs_in(server, **settings)
                self.assertEqual(said.get("token", said).get("scope"), "openid email", said)
                self.assertNotEqual(said["refreshed"]["access_token"], said["token"]["access_token"])
                # It checks `iss` against this by itself (RFC 9207).
                self.assertEqual(said["issuer"], server.url)
                # It has verified the signature, and that the nonce is its own.
                self.assertEqual(said["claims"]["nonce"], said["nonce"])
                self.assertNotIn("nonce", said["fresh"])

    def test_a_denial_reaches_it(self):
        server = self.serve("--approve", "deny", "--oauth-client", "public-tool")
        self.assertEqual(self.signs_in(server, CLIENT_ID="public-tool")["error"], "access_denied")


if __name__ == "__main__":
    unittest.main()
