"""`conform` against two more servers that no one here wrote: django-oauth-toolkit, and one on Authlib's classes.

Each finding was compared by hand with the text of the standard, and its reason is beside it. A new version of a server
that mends one fails here, so that the reason goes, too.
"""

import sys
import tempfile
import unittest
from pathlib import Path

from harness import HOME, Listener  # first: it moves HOME
from test_conform import Check

HERE = Path(__file__).parent
SECRETS = {"toolkit": "the toolkit's secret: +%&=/", "authlib": "Authlib's secret: +%&=/"}

# oauthlib and Authlib say unsupported_grant_type without a grant type. RFC 6749 §5.2: "The request is missing a
# required parameter" is invalid_request; unsupported_grant_type is for one that the server does not support.
NO_GRANT_TYPE = {"6749-5.2-no-grant-type"}
# RFC 6749 §3.1 and §3.2: "Request and response parameters MUST NOT be included more than once." Both take the
# request. What a server has to do then is not said, and so this is a warning.
REPEATED = {"6749-3.2-repeated-parameter", "8628-3.1-repeated-parameter"}
# RFC 9700 §4.14.2: a server that sees the reuse of a refresh token "will revoke the active refresh token". The toolkit
# has a setting for that, REFRESH_TOKEN_REUSE_PROTECTION, which is off by default. Authlib leaves it to the program.
FAMILY = {"9700-4.14.2-family"}

# Neither server ever says that a device code is used up, so each poll brings another token. RFC 6749 §10.5 says of the
# authorization code, which has the same part in its grant: "MUST be short lived and single-use."
REUSE = {"6749-10.5-single-use", "6749-10.5-at-once"}

TOOLKIT_FAILS = NO_GRANT_TYPE | {
    # The page for an unknown client says invalid_request. RFC 6749 §5.2 names "unknown client" under invalid_client.
    "8628-3.1-unknown-client",
    # The view reads the parameter without a look whether it is there: a page with status 500. RFC 6749 §5.2:
    # invalid_request. That page is also no JSON.
    "8628-3.4-device-code",
    "6749-5.2-json",
    # {"error": "device_not_found"} with status 404. A comment in the view says that the RFC does not name an error.
    # RFC 8628 §3.5 has those of RFC 6749 §5.2: invalid_grant for a grant that "is invalid", and the status 400.
    "6749-5.2-unknown-code",
    "6749-5.2-status",
    # The view looks at the state of the code before the client is known. So anyone with the code reads it. RFC 6749
    # §5.2: a grant that "was issued to another client" is invalid_grant. And a client that fails with the Authorization
    # header gets 401 with WWW-Authenticate.
    "6749-5.2-other-client",
    "6749-5.2-basic",
} | REUSE
# For the same reason a client with a secret reads the state of its code without it, and with a wrong one. RFC 6749
# §3.2.1: it MUST authenticate, and RFC 8628 §3.4 says that this holds for a poll.
TOOLKIT_FAILS_OF_SECRETS = {"6749-3.2.1-no-secret", "6749-5.2-wrong-secret"}
TOOLKIT_WARNS = REPEATED | FAMILY | {
    # The metadata does not have the endpoint, "device_authorization_endpoint" of RFC 8628 §4. It lists the grant type.
    "8628-4-endpoint",
    # A "TODO" in the view: the server never says slow_down (RFC 8628 §3.5).
    "8628-3.5-slow-down",
    # The responses with codes and the errors of polls lack Cache-Control: no-store (RFC 8628 §3.2, RFC 6749 §5.2 show it).
    "8628-3.2-no-store",
    "6749-5.2-no-store",
    # The letters are 0-9 and A-V, so that 0 is beside O, and 1 beside I and L (RFC 8628 §6.1).
    "8628-6.1-letters",
    # The metadata lists PKCE with S256 (RFC 7636), and the device grant ignores it.
    "7636-4.6-verifier",
}
# The metadata lists client_secret_post and client_secret_basic (RFC 8414 §2), and the server takes public clients.
TOOLKIT_WARNS_OF_PUBLIC = {"8414-2-client-authentication"}
# "The client MUST NOT use more than one authentication method in each request" (RFC 6749 §2.3), and both take it.
TWO_METHODS = {"6749-2.3-two-methods"}
AUTHLIB_FAILS = NO_GRANT_TYPE | {
    # "Invalid 'device_code' in payload" is invalid_request. RFC 6749 §5.2: invalid_grant.
    "6749-5.2-unknown-code",
    # unauthorized_client is for a client that may not use the grant type. RFC 6749 §5.2 names invalid_grant for a grant
    # that "was issued to another client".
    "6749-5.2-other-client",
} | REUSE
AUTHLIB_WARNS = REPEATED | FAMILY
# With the client in the header, the endpoint gives codes to a body in JSON, which it does not read. RFC 8628 §3.1 has
# the parameters in "application/x-www-form-urlencoded".
AUTHLIB_WARNS_OF_SECRETS = {"8628-3.1-form"}

# Nothing waits for the expiry here, no code is guessed, and the clients are given.
NEVER_MADE = {"8628-3.5-expired", "8628-5.1-guesses", "7591-3.2.1-client-id", "7591-3.2.1-created"}
OF_SECRETS = {"6749-2.3-two-methods", "6749-3.2.1-no-secret", "6749-5.2-wrong-secret"}
# A secret binds refresh tokens, so their rotation is not wanted (RFC 9700 §4.14.2).
OF_PUBLIC = {"9700-4.14.2-rotation", "9700-4.14.2-old-token"}


class Servers(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """All four runs at once: most of their time is the wait for an interval."""
        url, secret = cls.start("toolkit")
        # Its metadata lacks this endpoint.
        more = ["--device-authorization-endpoint", f"{url}/o/device-authorization/"]
        cls.toolkit = cls.checks(url, more, secret, "accept")
        url, secret = cls.start("authlib")
        cls.authlib = cls.checks(url, [], secret, "approve")

    @classmethod
    def start(cls, name):
        directory = tempfile.mkdtemp(prefix=f"{name}-", dir=HOME)
        server = Listener(sys.executable, str(HERE / f"serve_{name}.py"), directory)
        cls.addClassCleanup(server.kill)
        secret = Path(directory) / "secret"
        secret.write_text(SECRETS[name])
        return server.url, ["--client-secret-file", str(secret)]

    @classmethod
    def checks(cls, url, more, secret, approve):
        """The runs of a client without a secret and of one with it."""
        more = [*more, "--other-client-id", "other-tool"]
        runs = [("public-tool", more), ("confidential-tool", [*more, *secret])]
        return [Check(url, client, *flags, scope=["read"], approve=approve) for client, flags in runs]

    def assert_findings(self, check, fails, warns, not_made):
        found = check.outcomes()
        names = ["fail", "warn", "not made"]
        expected = dict(zip(names, [fails, warns, not_made]))
        self.assertEqual({name: found.get(name, set()) for name in names}, expected)
        self.assertEqual(check.ended.returncode, 1, check.ended.stderr)
        for secret in SECRETS.values():
            self.assertNotIn(secret, check.ended.stdout + check.ended.stderr)

    def test_the_findings_about_django_oauth_toolkit_are_known(self):
        public, confidential = self.toolkit
        # It never says slow_down, so there is no longer interval.
        not_made = NEVER_MADE | {"8628-3.5-slower"}
        self.assert_findings(
            public, TOOLKIT_FAILS, TOOLKIT_WARNS | TOOLKIT_WARNS_OF_PUBLIC, not_made | OF_SECRETS
        )
        fails = TOOLKIT_FAILS | TOOLKIT_FAILS_OF_SECRETS
        self.assert_findings(confidential, fails, TOOLKIT_WARNS | TWO_METHODS, not_made | OF_PUBLIC)

    def test_the_findings_about_a_server_on_authlibs_classes_are_known(self):
        public, confidential = self.authlib
        # Its metadata lists no PKCE.
        not_made = NEVER_MADE | {"7636-4.6-verifier"}
        self.assert_findings(public, AUTHLIB_FAILS, AUTHLIB_WARNS, not_made | OF_SECRETS)
        warns = AUTHLIB_WARNS | TWO_METHODS | AUTHLIB_WARNS_OF_SECRETS
        self.assert_findings(confidential, AUTHLIB_FAILS, warns, not_made | OF_PUBLIC)


if __name__ == "__main__":
    unittest.main()
