"""The AWS CLI and our program, side by side: the same call, the same members, the same exit code."""

import json
import unittest

from harness import DEVICE_GRANT, REGION, START_URL, Scenario, Server, aws, ours

# Our program has the exit codes of the CLI's second version. PyPI has the first, whose codes are coarser.
OURS = {"service error": 254, "bad arguments": 252}
THEIRS = {"service error": 255, "bad arguments": 2}


class SideBySide(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.patient = Server("--approve", "auto")
        cls.addClassCleanup(cls.server.kill)
        cls.addClassCleanup(cls.patient.kill)

    def theirs_and_ours(self, server, operation, *flags):
        where = ["--region", REGION, "--endpoint-url", server.url, "--output", "json"]
        return aws("sso-oidc", operation, *flags, *where), ours(operation, *flags, *where)

    def answer(self, server, operation, *flags):
        """Both succeed, with the same members of the same types. Returns their answer."""
        theirs, mine = self.theirs_and_ours(server, operation, *flags)
        self.assertEqual((theirs.returncode, mine.returncode), (0, 0), theirs.stderr + mine.stderr)
        return self.assert_same_shape(json.loads(theirs.stdout), json.loads(mine.stdout))

    def assert_same_shape(self, theirs, mine):
        shape = lambda answer: {name: type(value).__name__ for name, value in answer.items()}  # noqa: E731
        self.assertEqual(shape(theirs), shape(mine))
        return theirs

    def assert_exit(self, reason, theirs, mine):
        self.assertEqual((theirs.returncode, theirs.stdout), (THEIRS[reason], ""), theirs.stderr)
        self.assertEqual((mine.returncode, mine.stdout), (OURS[reason], ""), mine.stderr)

    def registered(self, server, *flags):
        answer = self.answer(server, "register-client", "--client-name", "x", "--client-type", "public", *flags)
        return ["--client-id", answer["clientId"], "--client-secret", answer["clientSecret"]]

    def started(self, server, who):
        return self.answer(server, "start-device-authorization", *who, "--start-url", START_URL)["deviceCode"]

    def test_register_and_start_print_the_same(self):
        self.started(self.server, self.registered(self.server))

    def test_each_gets_a_token_for_its_own_code_and_prints_it_the_same(self):
        for flags in [[], ["--scopes", "sso:account:access"]]:
            with self.subTest(flags):
                who = self.registered(self.patient, *flags)
                where = ["--region", REGION, "--endpoint-url", self.patient.url, "--output", "json"]
                codes = [self.started(self.patient, who) for _ in range(2)]
                tokens = []
                for run, code in [(lambda *a: aws("sso-oidc", *a), codes[0]), (ours, codes[1])]:
                    call = run("create-token", *who, "--grant-type", DEVICE_GRANT, "--device-code", code, *where)
                    self.assertEqual(call.returncode, 0, call.stderr)
                    tokens.append(json.loads(call.stdout))
                self.assert_token(self.assert_same_shape(*tokens))

    def test_what_the_service_refuses_is_named_with_the_operation(self):
        who = self.registered(self.server)
        code = self.started(self.server, who)
        wrong_secret = [*who[:-1], "wrong"]
        device = ["--grant-type", DEVICE_GRANT, "--device-code"]
        cases = [
            ("AuthorizationPendingException", [*who, *device, code]),
            ("InvalidGrantException", [*who, *device, "unknown"]),
            ("InvalidClientException", [*wrong_secret, *device, code]),
        ]
        for name, flags in cases:
            with self.subTest(name):
                theirs, mine = self.theirs_and_ours(self.server, "create-token", *flags)
                self.assert_exit("service error", theirs, mine)
                for call in [theirs, mine]:
                    self.assertIn(f"({name}) when calling the CreateToken operation", call.stderr)

    def test_wrong_arguments_are_an_exit_code_of_their_own(self):
        for flags in [["--no-such-flag"], ["--client-name"]]:
            with self.subTest(flags):
                theirs, mine = self.theirs_and_ours(self.server, "register-client", *flags)
                self.assert_exit("bad arguments", theirs, mine)

    def test_a_grant_type_that_no_service_knows_is_refused_by_either(self):
        who = self.registered(self.server)
        theirs, mine = self.theirs_and_ours(self.server, "create-token", *who, "--grant-type", "password")
        # Theirs asks the service. Ours knows the three there are, and says so without sending the secret anywhere.
        self.assertEqual((theirs.returncode, mine.returncode), (THEIRS["service error"], OURS["bad arguments"]))
        self.assertIn("UnsupportedGrantTypeException", theirs.stderr)
        self.assertIn("password", mine.stderr)

    def test_a_query_picks_the_same_value(self):
        flags = ["--client-name", "x", "--client-type", "public", "--query", "{kind: type(clientSecretExpiresAt)}"]
        for call in self.theirs_and_ours(self.server, "register-client", *flags):
            self.assertEqual(json.loads(call.stdout), {"kind": "number"}, call.stderr)

    def test_the_endpoint_may_come_from_the_environment(self):
        flags = ["--client-name", "x", "--client-type", "public", "--output", "json"]
        settings = {"AWS_ENDPOINT_URL_SSO_OIDC": self.server.url}
        for call in [aws("sso-oidc", "register-client", *flags, **settings), ours("register-client", *flags, **settings)]:
            self.assertEqual(call.returncode, 0, call.stderr)
            self.assertTrue(json.loads(call.stdout)["clientId"])


if __name__ == "__main__":
    unittest.main()
