"""`sso-oidc serve` as a script sees it: one line, then quiet, and gone when asked."""

import signal
import unittest

from harness import Scenario, ours


class Serve(Scenario):
    def test_one_line_on_standard_output_and_a_clean_end_when_asked(self):
        for how in [signal.SIGTERM, signal.SIGINT]:
            with self.subTest(how.name):
                server = self.serve()
                self.assertRegex(server.line, r"^listening on http://127\.0\.0\.1:[1-9][0-9]*\n$")
                self.register(self.client(server))
                self.assertEqual(server.stop(how), (0, ""), server.logged())

    def test_a_port_in_use_is_said_with_the_port(self):
        address = self.serve().url.removeprefix("http://")
        second = ours("serve", "--listen", address)
        self.assertNotEqual(second.returncode, 0)
        self.assertEqual(second.stdout, "")
        self.assertIn(address.split(":")[1], second.stderr)


if __name__ == "__main__":
    unittest.main()
