"""Requests that a client library would not let through, sent as bytes."""

import unittest

from harness import Scenario, Server, post


class MalformedRequests(Scenario):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.kill)

    def assert_invalid(self, path, body, content_type="application/json"):
        status, headers, answer = post(self.server.url + path, body, content_type)
        self.assertEqual((status, answer.get("error")), (400, "invalid_request"), answer)
        self.assertEqual(headers["x-amzn-ErrorType"].split(":")[0], "InvalidRequestException")
        self.assertTrue(headers["x-amzn-RequestId"])

    def test_a_missing_or_empty_member_is_an_invalid_request(self):
        for body in [{}, {"clientType": "public"}, {"clientName": "", "clientType": "public"}, {"clientName": "x"},
                     {"clientName": None, "clientType": "public"}]:
            with self.subTest(body):
                self.assert_invalid("/client/register", body)

    def test_what_is_not_a_json_object_is_an_invalid_request(self):
        for body in [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"clientName": 1}', b"[" * 10_000]:
            for path in ["/client/register", "/device_authorization", "/token"]:
                with self.subTest(path=path, body=body[:20]):
                    self.assert_invalid(path, body)

    def test_the_content_type_is_not_asked_for(self):
        for content_type in ["application/json", "application/x-amz-json-1.1", "text/plain"]:
            with self.subTest(content_type):
                body = {"clientName": "x", "clientType": "public", "a member of tomorrow": [1]}
                status, headers, answer = post(self.server.url + "/client/register", body, content_type)
                self.assertEqual(status, 200)
                self.assertTrue(headers["x-amzn-RequestId"])
                self.assertTrue(answer["clientId"])

    def test_a_registration_lasts_ninety_days(self):
        _, _, answer = post(self.server.url + "/client/register", {"clientName": "x", "clientType": "public"})
        self.assertEqual(answer["clientSecretExpiresAt"] - answer["clientIdIssuedAt"], 90 * 24 * 3600)


if __name__ == "__main__":
    unittest.main()
