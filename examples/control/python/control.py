"""The control API of `sso-oidc serve --control`, with the standard library alone."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request


class ControlError(Exception):
    """An error of the control API; `code` is its name, for example `unknown_user_code`."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Control:
    """Plays the person, moves the server's clock, and reads what was requested."""

    def __init__(self, url=None, token=None):
        self.url = url or os.environ["SSO_OIDC_CONTROL_URL"]
        self.token = token or os.environ["SSO_OIDC_CONTROL_TOKEN"]

    def approve(self, user_code):
        self._ask("approve", {"user_code": user_code})

    def deny(self, user_code):
        self._ask("deny", {"user_code": user_code})

    def expire(self, user_code):
        self._ask("expire", {"user_code": user_code})

    def revoke(self, client_id=None, token=None):
        self._ask("revoke", {"client_id": client_id} if client_id else {"token": token})

    def advance(self, seconds):
        return json.loads(self._ask("clock", {"advance": seconds}))["time"]

    def faults(self, *faults):
        self._ask("faults", {"faults": faults})

    def script(self, text):
        """Lays down the course of the next sign-ins, in TOML; `None` ends that."""
        self._ask("script", {"script": text})

    def reset(self):
        self._ask("reset", {})

    def devices(self):
        return json.loads(self._ask("devices"))["devices"]

    def requests(self, **query):
        """Returns the requests; `after`, `operation`, `wait` and `timeout` choose them."""
        lines = self._ask("requests?" + urllib.parse.urlencode(query))
        return [json.loads(line) for line in lines.splitlines()]

    def _ask(self, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/_control/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                said = json.load(error)
            raise ControlError(error.code, said["error"], said["message"]) from None
