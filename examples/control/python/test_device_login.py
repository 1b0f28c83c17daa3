"""Tests of a device login. Run them in this directory, with

    sso-oidc serve --control 0 --oauth-client my-tool --interval 5s -- python3 -m unittest

A wait of the login moves the server's clock on, so ten minutes take a moment.
"""

import os
import unittest
import urllib.error
import urllib.request

from control import Control, ControlError
from device_login import DeviceLogin, LoginError

SERVER = os.environ["AWS_ENDPOINT_URL_SSO_OIDC"]
POLLS = {"operation": "CreateToken"}


class DeviceLoginTest(unittest.TestCase):
    def setUp(self):
        self.control = Control()
        self.control.reset()
        self.waits = []
        self.client = DeviceLogin(SERVER, "my-tool", self.sleep)

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.control.advance(seconds)

    def login(self, show):
        return self.client.login("openid", show)

    def accounts(self, token):
        """Returns the status of a request with this access token."""
        request = urllib.request.Request(
            f"{SERVER}/assignment/accounts", headers={"x-amz-sso_bearer_token": token}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def test_a_person_approves(self):
        token = self.login(self.control.approve)
        self.assertEqual(self.accounts(token["access_token"]), 200)
        started, polled = self.control.requests(after=0)[:2]
        self.assertEqual((started["client_id"], started["scopes"]), ("my-tool", ["openid"]))
        self.assertEqual(polled["user_code"], started["user_code"])
        self.assertEqual(self.control.devices()[0]["state"], "redeemed")

    def test_a_person_denies(self):
        with self.assertRaisesRegex(LoginError, "access_denied"):
            self.login(self.control.deny)

    def test_a_code_expires_after_ten_minutes(self):
        with self.assertRaisesRegex(LoginError, "expired_token"):
            self.login(lambda user_code: None)
        self.assertEqual(sum(self.waits), 600)
        errors = {poll["error"] for poll in self.control.requests(**POLLS)}
        self.assertEqual(errors, {"authorization_pending", "expired_token"})

    def test_slow_down_adds_five_seconds_to_every_later_wait(self):
        self.control.faults("slow-down@poll:2")

        def show(user_code):
            self.user_code = user_code

        def sleep(seconds):
            if len(self.waits) == 3:
                self.control.approve(self.user_code)
            self.sleep(seconds)

        self.client.sleep = sleep
        self.login(show)
        self.assertEqual(self.waits, [5, 5, 10, 10])

    def test_a_script_lays_down_each_answer_and_the_tokens(self):
        self.control.script("""
            [[sign_in]]
            user_code = "BCDF-GHJK"
            access_token = "chosen"
            interval = 2
            polls = ["pending", "slow_down", "token"]

            [[sign_in]]
            polls = ["deny"]
        """)
        shown = []
        self.assertEqual(self.login(shown.append)["access_token"], "chosen")
        self.assertEqual((shown, self.waits), (["BCDF-GHJK"], [2, 2, 7]))
        with self.assertRaisesRegex(LoginError, "access_denied"):
            self.login(shown.append)

    def test_an_expired_token_is_refreshed(self):
        token = self.login(self.control.approve)
        self.control.advance(token["expires_in"])
        self.assertEqual(self.accounts(token["access_token"]), 401)
        fresh = self.client.refresh(token["refresh_token"])
        self.assertEqual(self.accounts(fresh["access_token"]), 200)

    def test_a_sign_in_that_was_ended_cannot_be_refreshed(self):
        token = self.login(self.control.approve)
        self.control.revoke(client_id="my-tool")
        with self.assertRaisesRegex(LoginError, "invalid_grant"):
            self.client.refresh(token["refresh_token"])

    def test_an_error_of_the_control_api_has_a_name(self):
        with self.assertRaises(ControlError) as caught:
            self.control.approve("BBBB-BBBB")
        self.assertEqual((caught.exception.status, caught.exception.code), (404, "unknown_user_code"))


if __name__ == "__main__":
    unittest.main()
