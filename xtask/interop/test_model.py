"""AWS's API model, as botocore has it, against what oidc-proto makes of it.

The crate's example `model` prints its side, and finds it out by writing and reading messages; nothing there is a list
of names. Here, what differs from the model on purpose is a list, so that a new difference is a failure.
"""

import json
import os
import pwd
import re
import subprocess
import unittest
from pathlib import Path

from botocore.loaders import Loader

ROOT = Path(__file__).resolve().parents[2]
# A build from nothing on a busy machine of two cores.
BUILD_LIMIT = 300

OPERATIONS = {"RegisterClient", "StartDeviceAuthorization", "CreateToken"}
# The model requires no member of any answer. A client cannot go on without these. A token is good whatever stands beside
# it, and verificationUriComplete stands in for verificationUri.
REQUIRED_OF_ANSWERS = {
    "RegisterClient": {"clientId", "clientSecret"},
    "StartDeviceAuthorization": {"deviceCode", "userCode", "expiresIn"},
    "CreateToken": {"accessToken"},
}
# The model does not call these sensitive. Who has a code has what it stands for; a URI may have one in it.
SECRET_TOO = {
    ("StartDeviceAuthorization", "output"): {"deviceCode", "userCode", "verificationUriComplete"},
    ("CreateToken", "input"): {"deviceCode", "code"},
}
# An exception of CreateTokenWithIAM, whose error code a client may meet all the same.
FAULT_OF_ANOTHER_OPERATION = {"InvalidRequestRegionException"}


def what_the_crate_says(example="model"):
    cargo = os.environ.get("CARGO", "cargo")
    # The other scenarios have moved HOME, and cargo lives there.
    env = {**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir}
    command = [cargo, "run", "--quiet", "--package", "oidc-proto", "--example", example]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=BUILD_LIMIT)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stderr}")
    return json.loads(run.stdout)


class Model(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.model = Loader().load_service_model("sso-oidc", "service-2", "2019-06-10")
        cls.ours = what_the_crate_says()

    def operations(self):
        for name in sorted(OPERATIONS):
            yield name, self.model["operations"][name], self.ours["operations"][name]

    def shape(self, operation, side):
        return self.model["shapes"][operation[side]["shape"]]

    def test_the_operations_are_those_that_need_no_credentials(self):
        without = {name for name, operation in self.model["operations"].items() if operation.get("authtype") == "none"}
        self.assertEqual(set(self.ours["operations"]), without)

    def test_every_operation_has_its_method_and_path(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                self.assertEqual(ours["method"], theirs["http"]["method"])
                self.assertEqual(ours["path"], theirs["http"]["requestUri"])

    def test_every_member_is_there_and_none_besides(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                for side in ["input", "output"]:
                    self.assertEqual(set(ours[side]), set(self.shape(theirs, side)["members"]), side)

    def test_a_member_is_required_where_the_model_requires_it(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                asked = {member for member, said in ours["input"].items() if said["required"]}
                self.assertEqual(asked, set(self.shape(theirs, "input").get("required", [])))
                answered = {member for member, said in ours["output"].items() if said["required"]}
                self.assertLessEqual(set(self.shape(theirs, "output").get("required", [])), answered)
                self.assertEqual(answered, REQUIRED_OF_ANSWERS[name])

    def test_what_is_sensitive_is_a_secret(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                for side in ["input", "output"]:
                    sensitive = {
                        member
                        for member, said in self.shape(theirs, side)["members"].items()
                        if said.get("sensitive") or self.model["shapes"][said["shape"]].get("sensitive")
                    }
                    secret = {member for member, said in ours[side].items() if said["secret"]}
                    self.assertEqual(secret, sensitive | SECRET_TOO.get((name, side), set()), side)

    def test_every_operation_has_its_faults(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                self.assertEqual(sorted(ours["errors"]), sorted(error["shape"] for error in theirs["errors"]))

    def test_the_faults_are_those_of_the_model(self):
        named = {error["shape"] for name in OPERATIONS for error in self.model["operations"][name]["errors"]}
        self.assertEqual(set(self.ours["faults"]), named | FAULT_OF_ANOTHER_OPERATION)
        exceptions = {name for name, shape in self.model["shapes"].items() if shape.get("exception")}
        self.assertEqual(set(self.ours["faults"]), exceptions)

    def test_a_fault_has_its_status_its_code_and_its_members(self):
        for name, ours in self.ours["faults"].items():
            with self.subTest(name):
                shape = self.model["shapes"][name]
                self.assertEqual(ours["status"], shape["error"]["httpStatusCode"])
                # The code stands in the documentation alone.
                said = re.search(r"value will be <code>(\w+)</code>", shape["members"]["error"]["documentation"])
                self.assertIsNotNone(said, "the model no longer says its codes where it did")
                self.assertEqual(ours["error"], said.group(1))
                self.assertLessEqual(set(shape["members"]), set(ours["members"]))


if __name__ == "__main__":
    unittest.main()
