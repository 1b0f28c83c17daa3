"""What a release has for others: its bill of materials, by CycloneDX's own schema, and the recipe for CI.

The files in `examples/ci` are checked by the schemas of GitHub, and their commands run as a runner would run them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import unittest
from pathlib import Path

import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from harness import COMMAND_LIMIT, HOME, PROGRAM, START_URL
from packageurl import PackageURL

CI = Path(__file__).parents[2] / "examples" / "ci"
TARGET = "x86_64-unknown-linux-gnu"
STATIC = "x86_64-unknown-linux-musl"
SIGN_IN = f"""\
#!/bin/sh
set -e
sso-oidc login --no-browser --start-url {START_URL} --region eu-west-1
sso-oidc status
"""


class BillOfMaterials(unittest.TestCase):
    def setUp(self):
        self.text = Path(os.environ["SSO_OIDC_SBOM"]).read_text()

    def test_cyclonedx_finds_no_fault_in_it(self):
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(self.text))

    def test_the_validator_would_find_a_fault(self):
        broken = self.text.replace('"type": "library"', '"type": "librarian"', 1)
        self.assertIsNotNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken))

    def test_every_package_url_is_one(self):
        urls = re.findall(r'"purl": "([^"]+)"', self.text)
        self.assertGreater(len(urls), 100)
        for url in urls:
            self.assertEqual(PackageURL.from_string(url).type, "cargo", url)


class Recipe(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(HOME) / self.id()
        shutil.rmtree(self.scratch, ignore_errors=True)
        for place in ["release", "runner", "checkout/tests"]:
            (self.scratch / place).mkdir(parents=True)
        self.version = subprocess.check_output([PROGRAM, "--version"], text=True).split()[1]
        self.archive = self.release(__file__)
        self.action = yaml.safe_load((CI / "action.yml").read_text())
        self.workflow = yaml.safe_load((CI / "workflow.yml").read_text())
        command = self.scratch / "checkout" / "tests" / "sign-in"
        command.write_text(SIGN_IN)
        command.chmod(0o755)

    def release(self, program, target=TARGET):
        """The folder of a release, with this file as the program."""
        name = f"sso-oidc-{self.version}-{target}"
        archive = self.scratch / "release" / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(program, f"{name}/sso-oidc")
        self.sum = hashlib.sha256(archive.read_bytes()).hexdigest()
        (archive.parent / "SHA256SUMS").write_text(f"{self.sum}  {archive.name}\n")
        return archive

    def run_step(self, step, **variables):
        """Runs a step as GitHub's runner does: a script of its own, with the directories that earlier steps added."""
        added = self.scratch / "added"
        added.touch()
        path = os.pathsep.join([*added.read_text().split("\n"), os.environ["PATH"]]).strip(os.pathsep)
        environment = {
            "HOME": str(self.scratch), "PATH": path, "GITHUB_PATH": str(added), "GITHUB_ACTION_PATH": str(CI),
            "RUNNER_TEMP": str(self.scratch / "runner"), "TARGET": TARGET, **variables,
        }
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=self.scratch / "checkout", env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_LIMIT,
        )

    def install(self, **inputs):
        """Runs the action with these inputs, and the defaults of the others."""
        given = {name: about.get("default", "") for name, about in self.action["inputs"].items()}
        given |= {"from": f"file://{self.archive.parent}", "version": self.version, **inputs}
        [step] = self.action["runs"]["steps"]
        fill = lambda text: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], text)
        return self.run_step(step, **{name: fill(text) for name, text in step["env"].items()})

    def installed(self):
        return (self.scratch / "runner" / "sso-oidc" / "sso-oidc").exists()

    def test_github_finds_no_fault_in_either_file(self):
        for schema, file in [("vendor.github-actions", "action.yml"), ("vendor.github-workflows", "workflow.yml")]:
            result = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, str(CI / file)])
            self.assertEqual(result.exit_code, 0, result.output)

    def test_the_workflow_gives_the_action_what_it_wants(self):
        inputs = self.action["inputs"]
        [job] = self.workflow["jobs"].values()
        [given] = [step["with"] for step in job["steps"] if "with" in step]
        self.assertLessEqual(set(given), set(inputs))
        self.assertLessEqual({name for name, about in inputs.items() if about.get("required")}, set(given))

    def test_tests_run_beside_the_installed_server_and_sign_in(self):
        self.release(PROGRAM)
        installed = self.install(sha256=self.sum)
        self.assertEqual(installed.returncode, 0, installed.stderr)
        self.assertIn(self.version, installed.stdout)
        [job] = self.workflow["jobs"].values()
        [step] = [step for step in job["steps"] if "run" in step]
        tested = self.run_step(step)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)
        self.assertRegex(tested.stderr + tested.stdout, r"\n +1  sign-ins\n")
        (self.scratch / "checkout" / "tests" / "sign-in").write_text("#!/bin/sh\nexit 7\n")
        self.assertEqual(self.run_step(step).returncode, 7)

    def test_the_commands_for_any_other_ci_do_the_same(self):
        self.release(PROGRAM)
        block = re.search(r"```sh\n(.*?)```", (CI / "README.md").read_text(), re.DOTALL)[1]
        # `cargo xtask tidy` checks that the block names the version of the program.
        block = block.replace(f"https://example.com/sso-oidc/{self.version}", f"file://{self.archive.parent}")
        block = block.replace("./install.sh", str(CI / "install.sh"))
        # The login of the tests is the program beside the server, so it is in the path, too.
        ran = self.run_step({"run": f'export PATH="$HOME/bin:$PATH"\n{block}'})
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_an_archive_that_was_changed_is_not_installed(self):
        self.archive.write_bytes(self.archive.read_bytes() + b"\0")
        installed = self.install()
        self.assertNotEqual(installed.returncode, 0)
        self.assertIn("checksum", installed.stderr)
        self.assertFalse(self.installed())

    def test_a_release_that_was_replaced_as_a_whole_is_not_installed_where_the_sum_is_known(self):
        known = self.sum
        self.release(CI / "install.sh")
        self.assertNotEqual(self.sum, known)
        installed = self.install(sha256=known)
        self.assertNotEqual(installed.returncode, 0)
        self.assertFalse(self.installed())

    def test_an_archive_without_a_checksum_and_a_version_that_is_not_there_are_errors(self):
        self.assertNotEqual(self.install(version="9.9.9").returncode, 0)
        (self.archive.parent / "SHA256SUMS").write_text("")
        installed = self.install()
        self.assertNotEqual(installed.returncode, 0)
        self.assertIn(f"this release has no archive of version {self.version} for {TARGET}", installed.stderr)
        self.assertFalse(self.installed())

    def on(self, system, *arguments):
        """Runs the script on a machine that says it is this system."""
        place = self.scratch / "system"
        place.mkdir(exist_ok=True)
        (place / "uname").write_text(f"#!/bin/sh\necho '{system}'\n")
        (place / "uname").chmod(0o755)
        arguments = arguments or (f"file://{self.archive.parent}", self.version, str(self.scratch / "runner" / "sso-oidc"))
        return subprocess.run(
            [str(CI / "install.sh"), *arguments], env={"PATH": f"{place}{os.pathsep}{os.environ['PATH']}"},
            cwd=self.scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_LIMIT,
        )

    def test_linux_gets_the_static_program_and_the_other_one_where_there_is_none(self):
        said = []
        for target in [STATIC, TARGET]:
            program = self.scratch / target
            program.write_text(f"#!/bin/sh\necho {target}\n")
            program.chmod(0o755)
            self.release(program, target)
            said.append((self.archive.parent / "SHA256SUMS").read_text())
        for sums, expected in [(said[1] + said[0], STATIC), (said[1], TARGET)]:
            (self.archive.parent / "SHA256SUMS").write_text(sums)
            installed = self.on("Linux x86_64")
            self.assertEqual((installed.returncode, installed.stdout), (0, f"{expected}\n"), installed.stderr)

    def test_a_system_without_an_archive_is_told_so_and_nothing_is_installed(self):
        for system, said in [
            ("Darwin arm64", "this release has no archive of version"),
            ("MINGW64_NT-10.0-20348 x86_64", "the archive for Windows is a zip"),
            ("SunOS i86pc", "no archive is known for SunOS i86pc"),
        ]:
            installed = self.on(system)
            self.assertEqual(installed.returncode, 1, system)
            self.assertIn(said, installed.stderr)
            self.assertFalse(self.installed())

    def test_missing_arguments_are_answered_with_the_usage(self):
        for arguments in [["one"], ["one", "two"], ["1", "2", "3", "4", "5"]]:
            wrong = self.on("Linux x86_64", *arguments)
            self.assertEqual((wrong.returncode, wrong.stderr), (2, "usage: install.sh FROM VERSION DIRECTORY [SHA256]\n"))


if __name__ == "__main__":
    unittest.main()
