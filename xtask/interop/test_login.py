"""Whole sign-ins by code that no one here wrote.

`aws sso login` is in the AWS CLI's second version, which PyPI does not have. aws-sso-lib carries a copy of that
command's device loop (its `SSOTokenFetcher`), and botocore has the token provider that refreshes what such a login has
left on disk. Both find the server as people point them at one: through AWS_ENDPOINT_URL_SSO_OIDC.
"""

import datetime
import hashlib
import json
import os
import unittest
from pathlib import Path
from unittest import mock

from harness import HOME, REGION, START_URL, Person, Scenario  # first: it moves HOME

import aws_sso_lib
import botocore.session
import botocore.tokens
import dateutil.parser
from aws_sso_lib.vendored_botocore.exceptions import PendingAuthorizationExpiredError
from aws_sso_lib.vendored_botocore.utils import SSOTokenFetcher
from botocore.utils import JSONFileCache


class AwsSsoLib(Scenario):
    def login(self, server, handler=lambda **_: None):
        with mock.patch.dict(os.environ, AWS_ENDPOINT_URL_SSO_OIDC=server.url):
            return aws_sso_lib.login(
                START_URL, REGION, force_refresh=True, user_auth_handler=handler, sso_cache=self.cache
            )

    def setUp(self):
        self.cache = {}

    def test_it_polls_until_someone_approves(self):
        token = self.login(self.serve("--approve", "after-polls=2"))
        self.assertTrue(token["accessToken"])
        self.assertGreater(dateutil.parser.parse(token["expiresAt"]), datetime.datetime.now(datetime.timezone.utc))

    def test_it_shows_a_person_what_they_need_to_approve(self):
        shown = []

        def handler(**prompt):
            shown.append(prompt)
            Person().approve(prompt)

        self.assertTrue(self.login(self.serve(), handler)["accessToken"])
        self.assertIn(shown[0]["userCode"], shown[0]["verificationUriComplete"])

    def test_it_takes_slow_down_for_what_it_is(self):
        naps = []

        def nap(seconds):
            """Does not sleep, so that the next poll is early; but not for ever."""
            naps.append(seconds)
            if len(naps) > 10:
                raise AssertionError(f"never approved: {naps}")

        server = self.serve("--slow-down", "strict", "--approve", "after-polls=2", interval=5)
        with mock.patch.dict(os.environ, AWS_ENDPOINT_URL_SSO_OIDC=server.url):
            make = botocore.session.Session().create_client
            fetcher = SSOTokenFetcher(REGION, client_creator=make, cache=self.cache, sleep=nap)
            self.assertTrue(fetcher.fetch_token(START_URL)["accessToken"])
        self.assertEqual(naps[:2], [5, 10], "pending keeps the interval, slow_down adds five seconds")

    def test_it_says_that_the_code_has_expired(self):
        with self.assertRaises(PendingAuthorizationExpiredError):
            self.login(self.serve("--device-ttl", "1"))

    def test_a_denial_reaches_it(self):
        with self.assertRaisesRegex(Exception, "AccessDeniedException"):
            self.login(self.serve(), lambda **prompt: Person().deny(prompt))

    def test_it_leaves_a_token_where_aws_tools_look_for_it(self):
        server = self.serve("--approve", "auto")
        self.cache = None
        with mock.patch.dict(os.environ, AWS_ENDPOINT_URL_SSO_OIDC=server.url):
            token = aws_sso_lib.login(START_URL, REGION, force_refresh=True, user_auth_handler=lambda **_: None)
        name = hashlib.sha1(START_URL.encode()).hexdigest() + ".json"
        cached = json.loads((Path(HOME) / ".aws/sso/cache" / name).read_text())
        self.assertEqual(cached["accessToken"], token["accessToken"])


class BotocoreRefreshes(Scenario):
    """botocore's token provider finds an old token in the cache, refreshes it here, and writes the new one back."""

    SESSION = "interop"

    def test_an_expiring_token_on_disk_is_refreshed_and_rewritten(self):
        server = self.serve("--approve", "auto")
        client = self.client(server)
        who = self.register(client, scopes=["sso:account:access"])
        token = self.poll(client, who, self.start(client, who))

        config = Path(HOME) / "config-interop"
        config.write_text(
            f"[profile interop]\nsso_session = {self.SESSION}\n"
            f"[sso-session {self.SESSION}]\nsso_region = {REGION}\nsso_start_url = {START_URL}\n"
        )
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = lambda minutes: (now + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
        cache = Path(HOME) / "cache-interop"
        cache.mkdir()
        path = cache / (hashlib.sha1(self.SESSION.encode()).hexdigest() + ".json")
        path.write_text(json.dumps({
            "startUrl": START_URL, "region": REGION, "accessToken": token["accessToken"],
            "refreshToken": token["refreshToken"], "expiresAt": stamp(5), "registrationExpiresAt": stamp(60), **who,
        }))

        with mock.patch.dict(
            os.environ, AWS_CONFIG_FILE=str(config), AWS_PROFILE="interop", AWS_ENDPOINT_URL_SSO_OIDC=server.url
        ):
            session = botocore.session.Session()
            dumps = botocore.tokens._sso_json_dumps
            provider = botocore.tokens.SSOTokenProvider(session, cache=JSONFileCache(str(cache), dumps_func=dumps))
            frozen = provider.load_token().get_frozen_token()

        self.assertNotEqual(frozen.token, token["accessToken"])
        written = json.loads(path.read_text())
        self.assertEqual(written["accessToken"], frozen.token)
        self.assertNotEqual(written["refreshToken"], token["refreshToken"])


if __name__ == "__main__":
    unittest.main()
