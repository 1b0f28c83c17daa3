"""What `aws sso` prints, against what our commands of the same names print for the same answers of a portal."""

import json
import os
import unittest
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from harness import REGION, aws, ours  # first: it moves HOME

ACCOUNTS = [
    {"accountId": "012345678901", "accountName": "Sandbox", "emailAddress": "sandbox@example.com"},
    {"accountId": "123456789012", "accountName": "Équipe 東京", "emailAddress": "a+b@example.com"},
    {"accountId": "234567890123", "accountName": "no address"},
    {"accountId": "345678901234"},
    {"accountId": "456789012345", "accountName": "last \"one\"", "emailAddress": "last@example.com"},
]
ROLES = [{"roleName": name, "accountId": "012345678901"} for name in ["Admin", "Power User", "Reader"]]
CREDENTIALS = {
    "roleCredentials": {
        "accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "a/secret+key", "sessionToken": "a session/token=",
        "expiration": 1795799421000,
    }
}
ACCOUNTS_CASES = [
    [], ["--page-size", "2"], ["--max-items", "2"], ["--max-items", "5"], ["--max-items", "9"],
    ["--max-items", "3", "--page-size", "2"], ["--max-items", "4", "--page-size", "2"], ["--max-results", "2"],
    ["--max-results", "2", "--next-token", "4"], ["--next-token", "2"], ["--starting-token", "2"],
    ["--starting-token", "2", "--max-items", "2"],
]
CASES = [
    *(["list-accounts", *flags] for flags in ACCOUNTS_CASES),
    ["list-accounts", "--query", "accountList[?emailAddress].[accountId, accountName]"],
    ["list-accounts", "--max-results", "1", "--query", "nextToken"],
    ["list-accounts", "--max-items", "1", "--query", "NextToken"],
    ["list-account-roles", "--account-id", "012345678901"],
    ["list-account-roles", "--account-id", "012345678901", "--page-size", "1"],
    ["list-account-roles", "--account-id", "012345678901", "--max-items", "2"],
    ["list-account-roles", "--account-id", "012345678901", "--max-results", "1"],
    ["list-account-roles", "--account-id", "none"],
    ["get-role-credentials", "--account-id", "012345678901", "--role-name", "Power User"],
]
# Those whose text and table are compared too: each shape of a document once.
IN_ALL_FORMATS = [
    ["list-accounts"], ["list-accounts", "--max-items", "4", "--page-size", "2"], ["list-accounts", "--max-results", "2"],
    ["list-accounts", "--max-items", "4", "--page-size", "2", "--query", "accountList[].[accountId, accountName]"],
    ["list-account-roles", "--account-id", "012345678901"], ["list-account-roles", "--account-id", "none"],
    ["get-role-credentials", "--account-id", "012345678901", "--role-name", "Power User"],
]
# The same flags are an error of the command line.
CONTRADICTIONS = [["--max-results", "1", "--max-items", "1"], ["--next-token", "1", "--page-size", "1"]]


class Portal(BaseHTTPRequestHandler):
    """The portal's three answers, in pages of the size that is asked for, or of three."""

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/assignment/accounts":
                answer = self.page("accountList", ACCOUNTS, query)
            case "/assignment/roles":
                answer = self.page("roleList", ROLES if query["account_id"] != "none" else [], query)
            case _:
                answer = CREDENTIALS
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @staticmethod
    def page(name, items, query):
        begin = int(query.get("next_token", "0"))
        end = begin + int(query.get("max_result", "3"))
        return {"nextToken": str(end) if end < len(items) else None, name: items[begin:end]}

    def log_message(self, *_):
        pass


class Output(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.portal = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        Thread(target=cls.portal.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.portal.server_close)
        cls.addClassCleanup(cls.portal.shutdown)

    def both(self, command):
        url = f"http://127.0.0.1:{self.portal.server_port}"
        settings = {"AWS_ENDPOINT_URL_SSO": url, "AWS_ENDPOINT_URL_SSO_OIDC": url, "AWS_REGION": REGION,
                    "PYTHONIOENCODING": "utf-8"}
        command = [*command, "--access-token", "a token"]
        return aws("sso", *command, **settings), ours(*command, **settings)

    def compared(self, commands):
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            yield from zip(commands, pool.map(self.both, commands))

    def test_every_command_prints_the_same_document_in_every_format(self):
        commands = [[*case, "--output", "json"] for case in CASES]
        commands += [[*case, "--output", form] for case in IN_ALL_FORMATS for form in ["text", "table"]]
        for command, (theirs, our) in self.compared(commands):
            with self.subTest(command=" ".join(command)):
                self.assertEqual((theirs.returncode, our.returncode), (0, 0), theirs.stderr + our.stderr)
                self.assertEqual(our.stdout, theirs.stdout)

    def test_the_token_of_a_list_that_was_cut_leads_to_the_others(self):
        for command in [["list-accounts"], ["list-account-roles", "--account-id", "012345678901"]]:
            command = [*command, "--max-items", "2", "--page-size", "3", "--output", "json"]
            theirs, our = self.both(command)
            token = json.loads(theirs.stdout)["NextToken"]
            self.assertEqual(json.loads(our.stdout)["NextToken"], token)
            theirs, our = self.both([*command, "--starting-token", token])
            self.assertEqual(our.stdout, theirs.stdout)

    def test_flags_that_contradict_each_other_are_refused_by_both(self):
        for _, (theirs, our) in self.compared([["list-accounts", *flags] for flags in CONTRADICTIONS]):
            self.assertNotEqual(theirs.returncode, 0)
            self.assertEqual(our.returncode, 252)


if __name__ == "__main__":
    unittest.main()
