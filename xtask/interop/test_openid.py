"""Clients that verify our server's ID tokens by their own libraries: Authlib with joserfc, the `openidconnect` crate, and
npm's `openid-client`."""

import json
import os
import tempfile
import time
import unittest

from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, KeySet

from harness import DEVICE_GRANT, Person, Scenario, run
from test_code_flow import Waiting

PEER = os.environ["INTEROP_OPENIDCONNECT"]
NODE, CLIENT = os.environ["INTEROP_NODE"], os.environ["INTEROP_OPENID_CLIENT"]
TOOL = ["--approve", "auto", "--oauth-client", "public-tool"]


class OpenidconnectCrate(Scenario):
    def signs_in(self, flow):
        server = self.serve(*TOOL)
        ended = run(PEER, ISSUER=server.url, CLIENT_ID="public-tool", FLOW=flow)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        said = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
        self.assertEqual((said["subject"], said["algorithm"]), ("person", "ES256"))
        return said

    def test_a_device_verifies_its_id_token_and_asks_who_signed_in(self):
        said = self.signs_in("device")
        self.assertLess(abs(int(said["auth_time"]) - time.time()), 60)
        self.assertEqual(said["user_info"], "person")

    def test_a_browsers_sign_in_has_the_nonce_of_its_request_and_a_refresh_has_none(self):
        said = self.signs_in("code")
        self.assertEqual(said["refreshed"], "person")
        self.assertIn("nonce", said["another_nonce"].lower())


class Authlib(Scenario):
    """Its `requests` session, with joserfc for what it got."""

    def setUp(self):
        # Authlib wants https everywhere, loopback included, unless told otherwise.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self.addCleanup(os.environ.pop, "AUTHLIB_INSECURE_TRANSPORT")
        self.server = self.serve(*TOOL, "--oauth-client", "confidential-tool:secret")
        with OAuth2Session() as session:
            self.metadata = session.get(f"{self.server.url}/.well-known/openid-configuration", withhold_token=True).json()
            self.keys = session.get(self.metadata["jwks_uri"], withhold_token=True).json()

    def session(self, client_id="public-tool", **settings):
        session = OAuth2Session(client_id, token_endpoint_auth_method="none", **settings)
        self.addCleanup(session.close)
        return session

    def verified(self, token, client_id="public-tool", **parameters):
        """The claims, as Authlib's own integrations check them."""
        algorithms = self.metadata["id_token_signing_alg_values_supported"]
        decoded = jwt.decode(token["id_token"], KeySet.import_key_set(self.keys), algorithms=algorithms)
        options = {"iss": {"values": [self.metadata["issuer"]]}, "aud": {"values": [client_id]}}
        parameters = {"client_id": client_id, "access_token": token["access_token"], **parameters}
        claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
        claims.validate(leeway=5)
        return claims

    def by_device(self, scope="openid"):
        session = self.session()
        form = {"client_id": "public-tool", "scope": scope}
        device = session.post(self.metadata["device_authorization_endpoint"], data=form, withhold_token=True).json()
        return session, session.fetch_token(
            self.metadata["token_endpoint"], grant_type=DEVICE_GRANT, device_code=device["device_code"]
        )

    def test_a_device_gets_an_id_token_for_openid_and_none_without(self):
        session, token = self.by_device()
        claims = self.verified(token)
        self.assertEqual(claims["sub"], "person")
        self.assertEqual(session.get(self.metadata["userinfo_endpoint"]).json(), {"sub": "person"})
        self.assertNotIn("id_token", self.by_device("email")[1])

    def test_a_browsers_sign_in_has_the_nonce_of_its_request(self):
        waiting = Waiting(self)
        session = self.session(redirect_uri=waiting.redirect_uri, scope="openid", code_challenge_method="S256")
        verifier = "v" * 43
        url, state = session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6_WzA2Mj"
        )
        Person().open(url)
        token = session.fetch_token(
            self.metadata["token_endpoint"], authorization_response=waiting.answer(), code_verifier=verifier, state=state
        )
        self.assertEqual(self.verified(token, nonce="n-0S6_WzA2Mj")["nonce"], "n-0S6_WzA2Mj")
        with self.assertRaises(Exception) as caught:
            self.verified(token, nonce="another")
        self.assertIn("nonce", str(caught.exception))

    def test_it_refuses_the_token_of_another_client_another_issuer_and_another_key(self):
        _, token = self.by_device()
        for wrong, claim in [({"client_id": "another"}, "aud"), ({"access_token": "another"}, "at_hash")]:
            with self.assertRaises(Exception) as caught:
                self.verified(token, **wrong)
            self.assertIn(claim, str(caught.exception))
        other = self.metadata["issuer"]
        self.metadata["issuer"] = "https://id.example"
        with self.assertRaises(Exception) as caught:
            self.verified(token)
        self.assertIn("iss", str(caught.exception))
        self.metadata["issuer"] = other
        header, payload, signature = token["id_token"].split(".")
        forged = {**token, "id_token": ".".join([header, payload[:-2] + "AA", signature])}
        with self.assertRaises(BadSignatureError):
            self.verified(forged)

    def test_the_id_of_a_key_is_its_thumbprint(self):
        for key in self.keys["keys"]:
            self.assertEqual(ECKey.import_key(key).thumbprint(), key["kid"])

    def test_a_restart_changes_no_key(self):
        keys = []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                server = self.serve(*TOOL, "--store", f"{folder}/store.redb")
                with OAuth2Session() as session:
                    keys.append(session.get(f"{server.url}/jwks.json", withhold_token=True).json())
                server.stop()
        self.assertEqual(keys[0], keys[1])

    def test_a_client_introspects_its_own_tokens(self):
        session, token = self.by_device("openid email")
        endpoint = self.metadata["introspection_endpoint"]
        said = session.introspect_token(endpoint, token=token["access_token"]).json()
        self.assertEqual((said["active"], said["scope"], said["sub"]), (True, "openid email", "person"))
        session.revoke_token(self.metadata["revocation_endpoint"], token=token["refresh_token"])
        self.assertEqual(session.introspect_token(endpoint, token=token["access_token"]).json(), {"active": False})
        with OAuth2Session("confidential-tool", "secret") as other:
            _, token = self.by_device()
            self.assertEqual(other.introspect_token(endpoint, token=token["access_token"]).json(), {"active": False})


class OpenidClient(Scenario):
    def test_a_device_verifies_its_id_token_and_asks_who_signed_in(self):
        server = self.serve(*TOOL)
        ended = run(NODE, CLIENT, ISSUER=server.url, CLIENT_ID="public-tool", FLOW="device")
        said = json.loads(ended.stdout.splitlines()[-1])
        self.assertEqual(said.get("claims", said).get("sub"), "person", said)
        self.assertEqual(said["claims"]["aud"], "public-tool")
        self.assertEqual(said["person"], {"sub": "person"})
        self.assertEqual((said["state"]["active"], said["state"]["client_id"]), (True, "public-tool"))
        self.assertEqual(said["fresh"]["auth_time"], said["claims"]["auth_time"])


if __name__ == "__main__":
    unittest.main()
