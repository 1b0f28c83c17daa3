"""A device grant server on Authlib's server classes and Flask, on a free port of loopback; the first line on standard
output says which.

The classes are filled in as Authlib's documentation does it. So what `conform` finds is what a reader of that gets.
"""

import os
import secrets
import threading
import time

# Authlib refuses plain HTTP otherwise, on loopback, too.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer  # noqa: E402
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants, list_to_scope, scope_to_list  # noqa: E402
from authlib.oauth2.rfc7009 import RevocationEndpoint  # noqa: E402
from authlib.oauth2.rfc8628 import (  # noqa: E402
    DEVICE_CODE_GRANT_TYPE,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)
from flask import Flask, abort, jsonify, request  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

SECRET = "Authlib's secret: +%&=/"
SCOPES = ["read", "write"]

app = Flask(__name__)
app.config.update(OAUTH2_REFRESH_TOKEN_GENERATOR=True, OAUTH2_SCOPES_SUPPORTED=SCOPES)

# In place of a database. Each statement below is atomic in Python.
devices, decisions, tokens = {}, {}, []
lock = threading.Lock()


class Client(ClientMixin):
    def __init__(self, client_id, secret=None):
        self.client_id, self.secret = client_id, secret

    def get_client_id(self):
        return self.client_id

    def get_allowed_scope(self, scope):
        return list_to_scope([word for word in scope_to_list(scope or "") if word in SCOPES])

    def check_client_secret(self, client_secret):
        return self.secret is not None and secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method, endpoint):
        return method == ("none" if self.secret is None else "client_secret_basic")

    def check_grant_type(self, grant_type):
        return grant_type in [DEVICE_CODE_GRANT_TYPE, "refresh_token"]


class Token(TokenMixin):
    def __init__(self, client, user, token):
        self.client, self.user, self.token = client, user, token
        self.revoked = False
        self.expires_at = time.time() + token["expires_in"]

    def check_client(self, client):
        return self.client.client_id == client.client_id

    def get_scope(self):
        return self.token.get("scope", "")

    def get_expires_in(self):
        return self.token["expires_in"]

    def is_expired(self):
        return self.expires_at < time.time()

    def is_revoked(self):
        return self.revoked


clients = {
    client.client_id: client
    for client in [Client("public-tool"), Client("other-tool"), Client("confidential-tool", SECRET)]
}


def find(name, value):
    return next((token for token in tokens if token.token.get(name) == value), None)


class Authorization(DeviceAuthorizationEndpoint):
    INTERVAL = 1

    def get_verification_uri(self):
        return request.url_root + "device"

    def save_device_credential(self, client_id, scope, data):
        times = {"expires_at": time.time() + data["expires_in"], "polled_at": 0.0}
        devices[data["device_code"]] = DeviceCredentialDict(data, client_id=client_id, scope=scope, **times)


class Device(DeviceCodeGrant):
    def query_device_credential(self, device_code):
        return devices.get(device_code)

    def query_user_grant(self, user_code):
        approved = decisions.get(user_code)
        return None if approved is None else ("someone", approved)

    def should_slow_down(self, credential):
        """Each early poll makes the interval longer by five seconds."""
        with lock:
            now = time.time()
            is_early = now - credential["polled_at"] < credential["interval"]
            credential["polled_at"] = now
            credential["interval"] += 5 if is_early else 0
            return is_early


class Refresh(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        token = find("refresh_token", refresh_token)
        return token if token and not token.is_revoked() else None

    def authenticate_user(self, refresh_token):
        return refresh_token.user

    def revoke_old_credential(self, refresh_token):
        refresh_token.revoked = True


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ["client_secret_basic", "none"]

    def query_token(self, token_string, token_type_hint):
        return find("access_token", token_string) or find("refresh_token", token_string)

    def revoke_token(self, token, request):
        token.revoked = True


server = AuthorizationServer(
    app,
    query_client=clients.get,
    save_token=lambda token, request: tokens.append(Token(request.client, request.user, token)),
)
server.register_grant(Device)
server.register_grant(Refresh)
server.register_endpoint(Authorization)
server.register_endpoint(Revocation)


@app.get("/.well-known/oauth-authorization-server")
def metadata():
    url = request.url_root
    return jsonify(
        issuer=url.rstrip("/"),
        token_endpoint=f"{url}token",
        device_authorization_endpoint=f"{url}device_authorization",
        revocation_endpoint=f"{url}revoke",
        scopes_supported=SCOPES,
        response_types_supported=["code"],
        grant_types_supported=[DEVICE_CODE_GRANT_TYPE, "refresh_token"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic"],
    )


@app.post("/device_authorization")
def device_authorization():
    return server.create_endpoint_response(Authorization.ENDPOINT_NAME)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.get("/device")
def page():
    return """<form method="post"><input name="user_code" value="">
        <button name="action" value="approve">Approve</button><button name="action" value="deny">Deny</button></form>"""


@app.post("/device")
def decide():
    code = request.form["user_code"]
    if code not in [device["user_code"] for device in devices.values()]:
        abort(404)
    decisions[code] = request.form["action"] == "approve"
    return "<p>Done.</p>"


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    listener = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"listening on http://127.0.0.1:{listener.server_port}", flush=True)
    listener.serve_forever()
