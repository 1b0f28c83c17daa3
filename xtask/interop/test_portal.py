"""The portal of `serve`, as boto3, its credential provider and the AWS CLI see it.

The sign-in is our program's, in the cache that all of them share.
"""

import json
import sys
import time
import unittest
from pathlib import Path

from harness import REGION, SignedIn, aws, run  # first: it moves HOME

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class Portal(SignedIn):
    def setUp(self):
        super().setUp()
        self.client = self.client_of("sso", self.server)

    def client_of(self, service, server):
        config = Config(retries={"total_max_attempts": 1})
        return boto3.client(service, region_name=REGION, endpoint_url=server.url, config=config)

    def test_boto3_lists_accounts_and_roles_and_gets_credentials(self):
        pages = self.client.get_paginator("list_accounts").paginate(
            accessToken=self.token, PaginationConfig={"PageSize": 1})
        pages = [page["accountList"] for page in pages]
        self.assertEqual([account["accountId"] for page in pages for account in page],
                         ["012345678901", "123456789012"])
        self.assertEqual(len(pages), 2, "one account a page")
        roles = self.client.list_account_roles(accessToken=self.token, accountId="012345678901")["roleList"]
        self.assertEqual([role["roleName"] for role in roles], ["AdministratorAccess", "ReadOnlyAccess"])
        got = self.client.get_role_credentials(
            accessToken=self.token, accountId="012345678901", roleName="ReadOnlyAccess")["roleCredentials"]
        self.assertTrue(got["accessKeyId"].startswith("ASIA"))
        self.assertAlmostEqual(got["expiration"] / 1000, time.time() + 3600, delta=120)

    def test_each_refusal_has_the_name_that_boto3_knows(self):
        exceptions = self.client.exceptions
        self.assert_refused(exceptions.UnauthorizedException, self.client.list_accounts, accessToken="unknown")
        self.assert_refused(exceptions.InvalidRequestException, self.client.list_accounts,
                            accessToken=self.token, nextToken="unknown")
        # The API model does not have this one, although the service sends it.
        with self.assertRaises(ClientError) as caught:
            self.client.list_account_roles(accessToken=self.token, accountId="000000000000")
        error = caught.exception.response
        self.assertEqual((error["Error"]["Code"], error["Error"]["Message"]), ("ForbiddenException", "No access"))
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 403)

    def test_logout_ends_the_sign_in_for_every_tool(self):
        self.client.logout(accessToken=self.token)
        self.assert_refused(self.client.exceptions.UnauthorizedException, self.client.list_accounts,
                            accessToken=self.token)

    def credentials(self, profile):
        """The access key of a profile, from a process of its own: botocore reads HOME when it is imported."""
        code = f"import boto3; print(boto3.Session(profile_name={profile!r}).get_credentials().access_key)"
        return run(sys.executable, "-c", code, **self.settings)

    def test_a_profile_has_credentials_through_the_cache_alone(self):
        found = self.credentials("work")
        self.assertTrue(found.stdout.startswith("ASIA"), found.stderr)
        lacking = self.credentials("lacking")
        self.assertNotEqual(lacking.returncode, 0)
        self.assertIn("No access", lacking.stderr)

    def test_a_file_sets_accounts_roles_and_lifetimes(self):
        file = Path(self.home) / "accounts.toml"
        file.write_text('[[accounts]]\nid = "000000000007"\nroles = [{ name = "Short", lifetime = 900 }]\n'
                        '[[accounts]]\nid = "000000000008"\nroles = []\nstart_urls = ["https://other.example/start"]\n')
        server = self.serve("--approve", "auto", "--accounts", str(file))
        client = self.client_of("sso-oidc", server)
        who = self.register(client, scopes=["sso:account:access"])
        token = self.poll(client, who, self.start(client, who))["accessToken"]
        portal = self.client_of("sso", server)
        self.assertEqual(portal.list_accounts(accessToken=token)["accountList"], [{"accountId": "000000000007"}])
        got = portal.get_role_credentials(accessToken=token, accountId="000000000007", roleName="Short")
        self.assertAlmostEqual(got["roleCredentials"]["expiration"] / 1000, time.time() + 900, delta=120)

    def test_the_aws_cli_lists_and_fetches_with_our_token(self):
        where = ["--region", REGION, "--endpoint-url", self.server.url, "--output", "json"]

        def call(operation, *flags):
            done = aws("sso", operation, "--access-token", self.token, *flags, *where)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        self.assertEqual(len(call("list-accounts")["accountList"]), 2)
        self.assertEqual(len(call("list-account-roles", "--account-id", "123456789012")["roleList"]), 1)
        got = call("get-role-credentials", "--account-id", "123456789012", "--role-name", "ReadOnlyAccess")
        self.assertEqual(len(got["roleCredentials"]["secretAccessKey"]), 40)


if __name__ == "__main__":
    unittest.main()
