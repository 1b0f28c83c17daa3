"""A small client of the device authorization grant (RFC 8628): the program under test."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class LoginError(Exception):
    """The end of a login without a token; its text is the error code of the server."""


class DeviceLogin:
    def __init__(self, issuer, client_id, sleep=time.sleep):
        self.issuer = issuer
        self.client_id = client_id
        self.sleep = sleep

    def login(self, scope, show):
        """Signs in. `show` gets the user code, for the person."""
        status, device = self._post("device_authorization", {"scope": scope})
        if status != 200:
            raise LoginError(device["error"])
        show(device["user_code"])
        interval = device.get("interval", 5)
        while True:
            self.sleep(interval)
            form = {"grant_type": DEVICE_GRANT, "device_code": device["device_code"]}
            status, said = self._post("token", form)
            if status == 200:
                return said
            # RFC 8628, section 3.5.
            if said["error"] == "slow_down":
                interval += 5
            elif said["error"] != "authorization_pending":
                raise LoginError(said["error"])

    def refresh(self, refresh_token):
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        status, said = self._post("token", form)
        if status != 200:
            raise LoginError(said["error"])
        return said

    def _post(self, path, form):
        data = urllib.parse.urlencode({"client_id": self.client_id, **form}).encode()
        try:
            with urllib.request.urlopen(f"{self.issuer}/oauth/{path}", data, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
