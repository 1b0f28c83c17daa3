"""Clients that read our server's discovery documents and believe nothing that is incomplete: Authlib and the
`openidconnect` crate."""

import json
import os
import unittest
import urllib.request

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
                if name == "openid-configuration":
                    self.has_no_rs256(validator, document)
                validator(document).validate()
                self.assertEqual(document["code_challenge_methods_supported"], ["S256"])

    def has_no_rs256(self, validator, document):
        """The one known deviation: OpenID Connect Discovery §3 wants RS256 too, and the server has no RSA keys."""
        algorithms = document["id_token_signing_alg_values_supported"]
        self.assertEqual(algorithms, ["ES256"])
        with self.assertRaisesRegex(ValueError, "RS256"):
            validator(document).validate()
        algorithms.append("RS256")

    def test_the_openidconnect_crate_discovers_the_server_and_its_keys(self):
        server = self.serve()
        ended = run(PEER, ISSUER=server.url)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        said = dict(line.split(" ", 1) for line in ended.stdout.splitlines())
        self.assertEqual(said["issuer"].rstrip("/"), server.url)
        self.assertEqual(said["token_endpoint"], f"{server.url}/oauth/token")
        # The next key is published a day before its use.
        self.assertIn(said["keys"], ["1", "2"])


if __name__ == "__main__":
    unittest.main()
