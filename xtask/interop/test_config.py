"""AWS's two files, odd ones too, as botocore reads them and as our program does.

botocore's reading of a profile is its session's merged configuration. Our program's reading is the token that it stores after
signing in: start URL, region, and the file's name, under which AWS's tools look.
"""

import hashlib
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from harness import HOME, Scenario, ours  # first: it moves HOME

import botocore.exceptions
import botocore.session

CORP = "[sso-session corp]\nsso_start_url = https://d-1111111111.awsapps.com/start\nsso_region = eu-west-1\n"
OTHER = "[sso-session other]\nsso_start_url = https://d-2222222222.awsapps.com/start#/\nsso_region = eu-west-2\n"
LEGACY = "sso_start_url = https://d-3333333333.awsapps.com/start/\nsso_region = eu-west-3\n"
KEYS = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = example\n"

# Name, profile, config, credentials, and variables that say where they are.
CASES = [
    ("session", "work", f"[profile work]\nsso_session = corp\n{CORP}", "", {}),
    ("older form", "work", f"[profile work]\n{LEGACY}", "", {}),
    ("credentials alone", "work", "", f"[work]\n{LEGACY}", {}),
    ("session named in credentials", "work", CORP, "[work]\nsso_session = corp\n", {}),
    ("credentials win", "work", f"[profile work]\nsso_session = corp\n{CORP}{OTHER}", "[work]\nsso_session = other\n", {}),
    ("keys of both", "work", "[profile work]\nsso_region = eu-west-1\n",
     "[work]\nsso_start_url = https://d-4444444444.awsapps.com/start\n", {}),
    ("default", "default", "[default]\nregion = eu-west-1\n", f"[default]\n{LEGACY}", {}),
    ("keys beside it", "work", f"[profile work]\n{LEGACY}", f"[work] # keys\n{KEYS}", {}),
    ("session in credentials is none", "work", "[profile work]\nsso_session = corp\n", CORP, {}),
    ("profile with its word in credentials", "work", "", f"[profile work]\n{LEGACY}", {}),
    ("header without its word", "work", f"[work]\n{LEGACY}", "", {}),
    ("unquoted session", "work", "[profile work]\nsso_session = My Corp\n" + CORP.replace("corp", "My Corp"), "", {}),
    ("quoted session", "work", "[profile work]\nsso_session = My Corp\n" + CORP.replace("corp", '"My Corp"'), "", {}),
    ("apostrophe", "bob's", f"[profile bob's]\n{LEGACY}", "", {}),
    ("quoted apostrophe", "bob's", f'[profile "bob\'s"]\n{LEGACY}', "", {}),
    ("old line ends", "work", f"[profile work]\nsso_session = corp\n{CORP}".replace("\n", "\r"), "", {}),
    ("mixed line ends", "work", f"[profile work]\r\nsso_session = corp\r{CORP}", "", {}),
    ("text behind the header", "work", f"[profile work] mine\n{LEGACY}", "", {}),
    ("capital keys and colons", "work", "[profile work]\n" + LEGACY.upper().replace("HTTPS", "https").replace(" =", ":")
     .replace("D-3333333333.AWSAPPS.COM/START/", "d-5555555555.awsapps.com/start").replace("EU-WEST", "eu-west"), "", {}),
    ("duplicate key", "work", f"[profile work]\n{LEGACY}{LEGACY}", "", {}),
    ("tilde", "work", "", "", {"AWS_CONFIG_FILE": "~/moved"}),
    ("variables", "work", "", "", {"AWS_CONFIG_FILE": "${AT}/moved", "AT": "$HOME"}),
    ("variable", "work", "", "", {"AWS_CONFIG_FILE": "$HOME/moved"}),
    ("braces", "work", "", "", {"AWS_SHARED_CREDENTIALS_FILE": "${HOME}/keys"}),
    ("unset variable", "work", "", "", {"AWS_CONFIG_FILE": "$NOT_SET/moved"}),
]


class AwsFiles(Scenario):
    def home(self, config, credentials):
        home = Path(tempfile.mkdtemp(dir=HOME))
        (home / ".aws").mkdir()
        (home / ".aws/config").write_bytes(config.encode())
        (home / ".aws/credentials").write_bytes(credentials.encode())
        (home / "moved").write_text(f"[profile work]\n{LEGACY}")
        (home / "keys").write_text(f"[work]\n{LEGACY}")
        return home

    def botocores(self, profile, settings):
        """Start URL, region and cache key of the profile, or None if there is no such portal."""
        with mock.patch.dict(os.environ, settings):
            session = botocore.session.Session(profile=profile)
            try:
                scoped, whole = session.get_scoped_config(), session.full_config
            except (botocore.exceptions.ProfileNotFound, botocore.exceptions.ConfigParseError):
                return None
        name = scoped.get("sso_session")
        found = whole["sso_sessions"].get(name, {}) if name else scoped
        if not found.get("sso_start_url") or not found.get("sso_region"):
            return None
        key = name or found["sso_start_url"]
        return found["sso_start_url"], found["sso_region"], hashlib.sha1(key.encode()).hexdigest() + ".json"

    def our(self, server, home, profile, settings):
        """The same, as a sign-in stores it; or None."""
        settings = {**settings, "AWS_ENDPOINT_URL_SSO_OIDC": server.url}
        signed_in = ours("login", "--no-browser", "--profile", profile, **settings)
        if signed_in.returncode != 0:
            self.assertIn(signed_in.returncode, (253, 255), signed_in.stderr)
            return None
        for file in (home / ".aws/sso/cache").glob("*.json"):
            entry = json.loads(file.read_text())
            if "accessToken" in entry:
                return entry["startUrl"], entry["region"], file.name
        self.fail("no token was stored")

    def test_a_profile_is_the_same_portal_to_botocore_and_to_us(self):
        server = self.serve("--approve", "auto")

        def both(case):
            _, profile, config, credentials, variables = case
            home = self.home(config, credentials)
            variables = {name: value.replace("$HOME", str(home)) if name == "AT" else value
                         for name, value in variables.items()}
            return home, {**variables, "HOME": str(home)}

        places = [both(case) for case in CASES]
        theirs = [self.botocores(case[1], settings) for case, (_, settings) in zip(CASES, places)]
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda case, place: self.our(server, place[0], case[1], place[1]), CASES, places)
            for case, expected, found_here in zip(CASES, theirs, found):
                with self.subTest(case[0]):
                    self.assertEqual(found_here, expected)
        self.assertGreater(sum(expected is not None for expected in theirs), len(CASES) // 2)
