"""What the scenarios share: the server as a child process, the person with a browser, and the clients.

Import this before boto3: it takes this machine's AWS settings out of the environment and moves HOME, so that nobody's
real sessions are read or written, and the results do not depend on whose machine this is.
"""

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path

PROGRAM = os.environ["SSO_OIDC_PROGRAM"]
REGION = "eu-west-1"
# AWS's tools accept only start URLs of AWS's own domains, so a test server must accept any.
START_URL = "https://d-1234567890.awsapps.com/start"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# The slowest peer creates tables and takes 3 seconds on a quiet machine; CI's may be busy, and its disk cold.
START_LIMIT = 90
STOP_LIMIT = 10
COMMAND_LIMIT = 60

HOME = tempfile.mkdtemp(prefix="sso-oidc-interop-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[name]
os.environ.update(
    HOME=HOME,
    AWS_EC2_METADATA_DISABLED="true",
    AWS_REGION=REGION,
    AWS_DEFAULT_REGION=REGION,
    BROWSER="/bin/true",
    NO_PROXY="127.0.0.1,localhost",
)

SSO_CONFIG = f"""\
[profile work]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = ReadOnlyAccess
region = {REGION}

[profile lacking]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = Owner
region = {REGION}

[sso-session corp]
sso_start_url = {START_URL}
sso_region = {REGION}
sso_registration_scopes = sso:account:access
"""

# The CLI's first version fetches an argument that is a URL and sends what it finds there, unless told not to.
(Path(HOME) / ".aws").mkdir()
(Path(HOME) / ".aws" / "config").write_text("[default]\ncli_follow_urlparam = false\n")

# `cargo xtask` asks politely before it kills; as an exit, that runs the clean-ups, which end the servers.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402


class Listener:
    """A child process that says on its first line where it listens, for as long as a `with` block or a test lasts."""

    def __init__(self, *command, **settings):
        self.log = tempfile.TemporaryFile(mode="w+", prefix="serve-", dir=HOME)
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1,
            env={**os.environ, **settings},
        )
        atexit.register(self.kill)
        try:
            self.line = self._first_line()
            self.url = self.line.removeprefix("listening on ").strip()
        except BaseException:
            self.kill()
            raise

    def _first_line(self):
        ready, _, _ = select.select([self.child.stdout], [], [], START_LIMIT)
        line = self.child.stdout.readline() if ready else ""
        if not line.startswith(("listening on http://127.0.0.1:", "listening on https://127.0.0.1:")):
            raise AssertionError(f"no address but {line!r}; the log:\n{self.logged()}")
        return line

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, how=signal.SIGTERM):
        """Asks the server to stop; its exit code and what else it printed on standard output."""
        if self.child.poll() is None:
            self.child.send_signal(how)
        rest, _ = self.child.communicate(timeout=STOP_LIMIT)
        return self.child.returncode, rest

    def kill(self):
        """Ends the server whatever state it is in; twice does no harm."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Server(Listener):
    """`sso-oidc serve` on a free port of loopback."""

    def __init__(self, *flags, interval=1):
        super().__init__(PROGRAM, "serve", "--listen", "127.0.0.1:0", "--interval", str(interval), *flags)


class Scenario(unittest.TestCase):
    """A test with a server of its own, if it wants one."""

    def serve(self, *flags, interval=1):
        """Starts a server. An early poll must come within its interval, so scenarios with one have a longer interval."""
        server = Server(*flags, interval=interval)
        self.addCleanup(server.kill)
        return server

    def client(self, server):
        """boto3's client as anyone makes it; a retry of boto3's own would hide what the server answered."""
        config = Config(retries={"total_max_attempts": 1}, read_timeout=20)
        return boto3.client("sso-oidc", region_name=REGION, endpoint_url=server.url, config=config)

    def register(self, client, **more):
        answer = client.register_client(clientName="interop", clientType="public", **more)
        return {"clientId": answer["clientId"], "clientSecret": answer["clientSecret"]}

    def start(self, client, who):
        return client.start_device_authorization(startUrl=START_URL, **who)

    def poll(self, client, who, device):
        return client.create_token(grantType=DEVICE_GRANT, deviceCode=device["deviceCode"], **who)

    def assert_refused(self, exception, call, *arguments, **members):
        """The call must raise boto3's own class for this exception. Returns what came with it."""
        with self.assertRaises(exception) as caught:
            call(*arguments, **members)
        answer = caught.exception.response
        self.assertEqual(answer["Error"]["Code"], exception.__name__)
        self.assertTrue(answer["ResponseMetadata"]["RequestId"], "every answer names its request")
        return answer

    def assert_token(self, token):
        self.assertEqual(token["tokenType"], "Bearer")
        self.assertGreater(token["expiresIn"], 0)
        self.assertTrue(token["accessToken"])


class SignedIn(Scenario):
    """A test with a server, and a home directory in which our program has signed in there."""

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="home-", dir=HOME)
        (Path(self.home) / ".aws").mkdir()
        (Path(self.home) / ".aws/config").write_text(SSO_CONFIG)
        self.server = self.serve("--approve", "auto")
        self.settings = {
            "HOME": self.home,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.server.url,
            "AWS_ENDPOINT_URL_SSO": self.server.url,
        }
        self.ok(ours("login", "--sso-session", "corp", "--no-browser", "--use-device-code", **self.settings))
        (file,) = self.token_files()
        self.token = json.loads(file.read_text())["accessToken"]

    def token_files(self):
        """The tokens in the cache that AWS's tools share."""
        files = (Path(self.home) / ".aws/sso/cache").glob("*.json")
        return [file for file in files if "accessToken" in json.loads(file.read_text())]

    def ok(self, done):
        """The standard output of a command that must succeed."""
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Form(HTMLParser):
    """The forms of a page, with what a browser would send for each."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append({"action": attributes.get("action") or "", "method": attributes.get("method", "get"),
                               "fields": {}, "choices": set()})
        elif self.forms and attributes.get("name"):
            choice = tag == "button" or attributes.get("type") == "submit"
            if choice:
                self.forms[-1]["choices"].add((attributes["name"], attributes.get("value", "")))
            elif tag == "input":
                self.forms[-1]["fields"][attributes["name"]] = attributes.get("value", "")


class Person:
    """Someone with a browser: keeps cookies, follows redirects, sends what the page's form has."""

    # The page may ask for the code first and show who asks second.
    MOST_PAGES = 3

    def __init__(self):
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, url, fields=None):
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        request = urllib.request.Request(url, data=data)
        if data is not None:
            parts = urllib.parse.urlsplit(url)
            request.add_header("Origin", f"{parts.scheme}://{parts.netloc}")
        with self.browser.open(request, timeout=20) as answer:
            return answer.geturl(), answer.read().decode()

    def approve(self, device):
        return self.decide_by_form(device["verificationUriComplete"], device["userCode"], "approve")

    def deny(self, device):
        return self.decide_by_form(device["verificationUriComplete"], device["userCode"], "deny")

    def approve_by_typing(self, device):
        """From the short URL, with the code typed in, as from another machine's screen."""
        return self.decide_by_form(device["verificationUri"], device["userCode"], "approve")

    def decide_by_form(self, url, user_code, action):
        """By the page's own form, whose button has this value."""
        url, page = self.open(url)
        for _ in range(self.MOST_PAGES):
            form = next((form for form in Form(page).forms), None)
            if form is None:
                raise AssertionError(f"no form on {url}:\n{page}")
            fields = dict(form["fields"])
            if not fields.get("user_code"):
                fields["user_code"] = user_code
            target = urllib.parse.urljoin(url, form["action"])
            if ("action", action) in form["choices"]:
                return self.open(target, {**fields, "action": action})
            if form["method"].lower() == "get":
                url, page = self.open(target.split("?")[0] + "?" + urllib.parse.urlencode(fields))
            else:
                url, page = self.open(target, fields)
        raise AssertionError(f"no way to {action} on {url}:\n{page}")


def post(url, body, content_type="application/json"):
    """One request with no client library that would correct it first: status, headers, JSON body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, json.loads(refused.read())


def run(*command, **settings):
    """A command line with no standard input, within a time limit."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_LIMIT,
        env={**os.environ, **settings},
    )


def aws(*arguments, **settings):
    """The AWS CLI of this environment."""
    return run(str(Path(sys.executable).with_name("aws")), *arguments, **settings)


def ours(*arguments, **settings):
    """Our program."""
    return run(PROGRAM, *arguments, **settings)


def wait(seconds):
    """Real time: the server under test has a real clock. A little more than asked, for its resolution."""
    time.sleep(seconds + 0.2)
