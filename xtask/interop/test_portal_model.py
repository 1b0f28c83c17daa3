"""The model of AWS's portal API, as botocore has it, against what oidc-proto makes of it.

The crate's example `portal_model` prints its side; see `test_model`. Here too, what differs from the model on purpose
is a list.
"""

import unittest

from botocore.loaders import Loader

from test_model import what_the_crate_says

# The model requires no member of any answer. A client cannot go on without these.
REQUIRED_OF_ANSWERS = {
    "ListAccounts": {"accountList.accountId"},
    "ListAccountRoles": {"roleList.roleName"},
    "GetRoleCredentials": {
        "roleCredentials", "roleCredentials.accessKeyId", "roleCredentials.secretAccessKey",
        "roleCredentials.sessionToken", "roleCredentials.expiration",
    },
    "Logout": set(),
}
# The model lacks it, but the service sends it to a person who does not have the role.
FAULT_BESIDE_THE_MODEL = {"ForbiddenException"}


class PortalModel(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.model = Loader().load_service_model("sso", "service-2", "2019-06-10")
        cls.ours = what_the_crate_says("portal_model")

    def operations(self):
        for name, theirs in sorted(self.model["operations"].items()):
            yield name, theirs, self.ours["operations"][name]

    def input_of(self, operation):
        """The members of a request, by their names on the wire."""
        shape = self.model["shapes"][operation["input"]["shape"]]
        for name, member in shape["members"].items():
            yield member.get("locationName", name), name in shape["required"], member, self.model["shapes"][member["shape"]]

    def described(self, name):
        """A shape of a success, in the form of the example's output, without what is required."""
        shape = self.model["shapes"][name]
        match shape["type"]:
            case "structure":
                members = {name: self.described(member["shape"]) for name, member in shape["members"].items()}
                return {"type": "structure", "members": members}
            case "list":
                return {"type": "list", "member": self.described(shape["member"]["shape"])}
            case leaf:
                return {"type": leaf, "secret": shape.get("sensitive", False)}

    def test_the_operations_are_those_of_the_model(self):
        self.assertEqual(set(self.ours["operations"]), set(self.model["operations"]))

    def test_every_operation_has_its_method_and_path(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                self.assertEqual((ours["method"], ours["path"]), (theirs["http"]["method"], theirs["http"]["requestUri"]))

    def test_every_member_of_a_request_is_in_its_place_and_none_besides(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                places = {member: said["location"] for member, said in ours["input"].items()}
                self.assertEqual(places, {name: member.get("location") for name, _, member, _ in self.input_of(theirs)})

    def test_every_member_of_a_request_has_its_type_and_its_limits(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                said = {name: (member["type"], member.get("min"), member.get("max"))
                        for name, member in ours["input"].items()}
                self.assertEqual(said, {name: (shape["type"], shape.get("min"), shape.get("max"))
                                        for name, _, _, shape in self.input_of(theirs)})

    def test_a_member_of_a_request_is_required_or_secret_as_the_model_says(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                said = {name: (member["required"], member["secret"]) for name, member in ours["input"].items()}
                self.assertEqual(said, {name: (required, shape.get("sensitive", False))
                                        for name, required, _, shape in self.input_of(theirs)})

    def test_every_member_of_a_success_has_its_type_and_none_is_besides(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                output = theirs.get("output")
                self.assertEqual(without_required(ours["output"]), output and self.described(output["shape"]))

    def test_a_success_is_refused_without_what_a_client_needs(self):
        for name, _, ours in self.operations():
            with self.subTest(name):
                self.assertEqual(set(required_paths(ours["output"])), REQUIRED_OF_ANSWERS[name])

    def test_every_operation_understands_its_faults(self):
        for name, theirs, ours in self.operations():
            with self.subTest(name):
                self.assertLessEqual({error["shape"] for error in theirs["errors"]}, set(ours["errors"]))

    def test_the_faults_are_those_of_the_model(self):
        exceptions = {name for name, shape in self.model["shapes"].items() if shape.get("exception")}
        self.assertEqual(set(self.ours["faults"]), exceptions | FAULT_BESIDE_THE_MODEL)

    def test_a_fault_has_its_status_its_name_and_its_members(self):
        for name, ours in self.ours["faults"].items():
            with self.subTest(name):
                self.assertEqual((ours["header"], ours["type"].split("#")[-1]), (name, name))
                if name not in FAULT_BESIDE_THE_MODEL:
                    shape = self.model["shapes"][name]
                    self.assertEqual(ours["status"], shape["error"]["httpStatusCode"])
                    self.assertEqual(set(ours["members"]), {*shape["members"], "__type"})


def without_required(described):
    """The same description of a shape, but for what is required."""
    if not isinstance(described, dict):
        return described
    if described.get("type") == "structure":
        members = {name: without_required(member) for name, member in described["members"].items()}
        return {"type": "structure", "members": members}
    return {name: without_required(said) for name, said in described.items() if name != "required"}


def required_paths(described, path=""):
    """The paths of the required members, without the positions in lists."""
    if described is None:
        return
    for name, member in described.get("members", {}).items():
        if member["required"]:
            yield path + name
        yield from required_paths(member, f"{path}{name}.")
    if "member" in described:
        yield from required_paths(described["member"], path)


if __name__ == "__main__":
    unittest.main()
