"""boto3 signs in: every end of the device flow, each as the class that boto3 has for it."""

import unittest

from harness import DEVICE_GRANT, Person, Scenario, Server, wait


class DeviceFlow(Scenario):
    def test_a_person_approves_and_the_code_is_good_once(self):
        client = self.client(self.serve("--slow-down", "strict", interval=5))
        who = self.register(client)
        device = self.start(client, who)
        self.assertEqual(device["interval"], 5)
        self.assertIn(device["userCode"], device["verificationUriComplete"])

        poll = (self.poll, client, who, device)
        self.assert_refused(client.exceptions.AuthorizationPendingException, *poll)
        self.assert_refused(client.exceptions.SlowDownException, *poll)

        Person().approve(device)
        # Each slow_down adds five seconds to the interval (RFC 8628 §3.5).
        wait(device["interval"] + 5)
        self.assert_token(self.poll(client, who, device))
        self.assert_refused(client.exceptions.InvalidGrantException, *poll)

    def test_the_code_may_be_typed_in(self):
        client = self.client(self.serve())
        who = self.register(client)
        device = self.start(client, who)
        Person().approve_by_typing(device)
        self.assert_token(self.poll(client, who, device))

    def test_a_person_denies(self):
        client = self.client(self.serve())
        who = self.register(client)
        device = self.start(client, who)
        Person().deny(device)
        self.assert_refused(client.exceptions.AccessDeniedException, self.poll, client, who, device)

    def test_no_person_comes_and_the_code_expires(self):
        client = self.client(self.serve("--device-ttl", "1"))
        who = self.register(client)
        device = self.start(client, who)
        self.assertEqual(device["expiresIn"], 1)
        wait(1)
        self.assert_refused(client.exceptions.ExpiredTokenException, self.poll, client, who, device)

    def test_a_server_may_deny_by_itself(self):
        client = self.client(self.serve("--approve", "deny"))
        who = self.register(client)
        device = self.start(client, who)
        self.assert_refused(client.exceptions.AccessDeniedException, self.poll, client, who, device)

    def test_a_server_may_let_the_code_expire_after_its_first_poll(self):
        client = self.client(self.serve("--approve", "expire"))
        who = self.register(client)
        poll = (self.poll, client, who, self.start(client, who))
        self.assert_refused(client.exceptions.AuthorizationPendingException, *poll)
        self.assert_refused(client.exceptions.ExpiredTokenException, *poll)

    def test_approval_after_two_polls_means_two_pending_answers(self):
        client = self.client(self.serve("--approve", "after-polls=2"))
        who = self.register(client)
        device = self.start(client, who)
        for _ in range(2):
            self.assert_refused(client.exceptions.AuthorizationPendingException, self.poll, client, who, device)
            wait(device["interval"])
        self.assert_token(self.poll(client, who, device))

    def test_the_default_forgives_one_early_poll_as_the_aws_cli_makes_it(self):
        client = self.client(self.serve(interval=5))
        who = self.register(client)
        device = self.start(client, who)
        poll = (self.poll, client, who, device)
        self.assert_refused(client.exceptions.AuthorizationPendingException, *poll)
        self.assert_refused(client.exceptions.AuthorizationPendingException, *poll)
        self.assert_refused(client.exceptions.SlowDownException, *poll)

    def test_slow_down_may_be_off(self):
        client = self.client(self.serve("--slow-down", "off"))
        who = self.register(client)
        device = self.start(client, who)
        for _ in range(5):
            self.assert_refused(client.exceptions.AuthorizationPendingException, self.poll, client, who, device)


class Refresh(Scenario):
    def signed_in(self, *flags):
        client = self.client(self.serve("--approve", "auto", *flags))
        who = self.register(client, scopes=["sso:account:access"])
        return client, who, self.poll(client, who, self.start(client, who))

    def refresh(self, client, who, token):
        return client.create_token(grantType="refresh_token", refreshToken=token, **who)

    def test_a_refresh_token_that_two_processes_use_at_once_brings_both_a_token_and_the_same_successor(self):
        client, who, first = self.signed_in()
        one, other = [self.refresh(client, who, first["refreshToken"]) for _ in range(2)]
        self.assert_token(other)
        self.assertNotEqual(one["refreshToken"], first["refreshToken"])
        self.assertEqual(one["refreshToken"], other["refreshToken"])
        self.assert_token(self.refresh(client, who, one["refreshToken"]))

    def test_a_refresh_token_brings_new_tokens_once_where_the_server_is_strict(self):
        client, who, first = self.signed_in("--refresh", "strict")
        self.assert_token(first)
        second = self.refresh(client, who, first["refreshToken"])
        self.assert_token(second)
        self.assertNotEqual(second["accessToken"], first["accessToken"])
        self.assertNotEqual(second["refreshToken"], first["refreshToken"])
        self.assert_refused(
            client.exceptions.InvalidGrantException, self.refresh, client, who, first["refreshToken"]
        )

    def test_another_clients_refresh_token_is_refused(self):
        client, _, first = self.signed_in()
        other = self.register(client, scopes=["sso:account:access"])
        self.assert_refused(
            client.exceptions.InvalidGrantException, self.refresh, client, other, first["refreshToken"]
        )

    def test_without_scopes_there_is_nothing_to_refresh_with(self):
        client = self.client(self.serve("--approve", "auto"))
        who = self.register(client)
        self.assertNotIn("refreshToken", self.poll(client, who, self.start(client, who)))


class Refusals(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.kill)

    def test_a_wrong_secret_is_a_401_with_a_request_id(self):
        client = self.client(self.server)
        who = self.register(client)
        wrong = {**who, "clientSecret": who["clientSecret"][::-1] + "x"}
        answer = self.assert_refused(client.exceptions.InvalidClientException, self.start, client, wrong)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 401)

    def test_an_unknown_client_is_refused_like_a_wrong_secret(self):
        client = self.client(self.server)
        unknown = {"clientId": "unknown", "clientSecret": "nothing"}
        answer = self.assert_refused(client.exceptions.InvalidClientException, self.start, client, unknown)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 401)

    def test_an_unknown_device_code_is_an_invalid_grant(self):
        client = self.client(self.server)
        who = self.register(client)
        answer = self.assert_refused(
            client.exceptions.InvalidGrantException, self.poll, client, who, {"deviceCode": "unknown"}
        )
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)

    def test_another_clients_device_code_is_an_invalid_grant(self):
        client = self.client(self.server)
        device = self.start(client, self.register(client))
        self.assert_refused(
            client.exceptions.InvalidGrantException, self.poll, client, self.register(client), device
        )

    def test_an_unknown_grant_type_is_named(self):
        client = self.client(self.server)
        who = self.register(client)
        self.assert_refused(
            client.exceptions.UnsupportedGrantTypeException, client.create_token,
            grantType="password", deviceCode="x", **who,
        )

    def test_a_client_type_other_than_public_is_refused(self):
        client = self.client(self.server)
        self.assert_refused(
            client.exceptions.InvalidClientMetadataException, client.register_client,
            clientName="x", clientType="confidential",
        )

    def test_the_servers_words_are_boto3s_message(self):
        client = self.client(self.server)
        who = self.register(client)
        device = self.start(client, who)
        answer = self.assert_refused(
            client.exceptions.AuthorizationPendingException, client.create_token,
            grantType=DEVICE_GRANT, deviceCode=device["deviceCode"], **who,
        )
        self.assertEqual(answer["error"], "authorization_pending")
        self.assertTrue(answer["error_description"])
        self.assertEqual(answer["Error"]["Message"], answer["error_description"])


if __name__ == "__main__":
    unittest.main()
