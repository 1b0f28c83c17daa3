"""A real Chromium, headless, as the person's browser: on the page for a device code, and on the page that a browser of
the same machine is sent to."""

import json
import os
import subprocess
import unittest

from harness import HOME, PROGRAM, START_URL, Scenario

NODE, CLICK, CHROMIUM = (os.environ[f"INTEROP_{name}"] for name in ["NODE", "CLICK", "CHROMIUM"])
LIMIT = 60


class Chromium(Scenario):
    def click(self, url, action):
        """Presses a button on a page. Returns what the pages say."""
        # A picture of each page, for a look at them: INTEROP_PICTURES=DIRECTORY.
        pictures = os.environ.get("INTEROP_PICTURES")
        name = [f"{pictures}/{self._testMethodName}-{action}"] if pictures else []
        ended = subprocess.run(
            [NODE, CLICK, CHROMIUM, url, action, *name], capture_output=True, text=True, timeout=LIMIT,
            env={**os.environ, "HOME": HOME},
        )
        self.assertEqual(ended.returncode, 0, ended.stderr)
        seen = json.loads(ended.stdout)
        # The pages' own policies forbid nothing that they need.
        self.assertEqual(seen["errors"], [], seen)
        return seen

    def test_it_approves_and_denies_a_device(self):
        server = self.serve()
        client = self.client(server)
        who = self.register(client, scopes=["sso:account:access"])
        for action, refusal in [("approve", None), ("deny", client.exceptions.AccessDeniedException)]:
            with self.subTest(action):
                device = self.start(client, who)
                seen = self.click(device["verificationUriComplete"], action)
                if refusal:
                    self.assert_refused(refusal, self.poll, client, who, device)
                else:
                    self.assert_token(self.poll(client, who, device))
                self.assertNotEqual(seen["asked"], seen["told"])

    def test_it_comes_back_to_the_program_that_listens(self):
        server = self.serve()
        for action, code, told in [("approve", 0, "You are signed in"), ("deny", 254, "You are not signed in")]:
            with self.subTest(action):
                command = [PROGRAM, "login", "--start-url", START_URL, "--region", "us-east-1", "--endpoint-url", server.url,
                           "--flow", "code", "--scopes", "sso:account:access", "--no-cache", "--show-token"]
                program = subprocess.Popen(
                    command, env={**os.environ, "HOME": HOME}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True,
                )
                with program:
                    url = next(line.strip() for line in program.stderr if line.startswith("http"))
                    seen = self.click(url, action)
                    printed, said = program.communicate(timeout=LIMIT)
                self.assertEqual(program.returncode, code, said)
                self.assertEqual(seen["told"], told)
                self.assertTrue(seen["url"].startswith("http://127.0.0.1:"), seen)
                self.assertEqual("accessToken" in printed, code == 0)


if __name__ == "__main__":
    unittest.main()
