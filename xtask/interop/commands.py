"""The processor time and the wall time of commands, ours beside those of the AWS CLI and aws-sso-util.

`cargo xtask bench --commands` runs it. All programs talk to one server on this machine, with the same files. They take
turns, and the times of one round are compared, so that other load affects all. The medians are printed.
"""

import os
import statistics
import sys
import time
from pathlib import Path

from harness import HOME, PROGRAM, START_URL, SignedIn  # first: it moves HOME

# With each of the others a round takes several seconds.
ROUNDS = int(os.environ.get("ROUNDS", "15"))
# Our command is so short that one run a round says little.
OURS_A_ROUND = 5
# The most processor time of our command, in milliseconds, and the least ratio to the AWS CLI's.
MOST = 2.0
LEAST_RATIO = 150
# A bundle of certificates is read by whoever is told of one. Here it would be read for nothing.
BUNDLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]

LEGACY = f"""
[profile legacy]
sso_start_url = {START_URL}
sso_region = eu-west-1
sso_account_id = 012345678901
sso_role_name = ReadOnlyAccess
region = eu-west-1
"""


class Bench(SignedIn):
    def runTest(self):
        config = Path(self.home) / ".aws/config"
        config.write_text(config.read_text() + LEGACY)
        environment = {name: value for name, value in {**os.environ, **self.settings}.items() if name not in BUNDLES}
        tools = Path(sys.executable).parent
        aws, util = str(tools / "aws"), str(tools / "aws-sso-util")
        legacy = [PROGRAM, "login", "--profile", "legacy", "--no-browser", "--use-device-code"]
        measured(legacy, environment)
        rows = [
            ("--version", ["--version"], [aws, "--version"], [util, "--version"]),
            ("status", ["status", "--profile", "work"], None, None),
            ("token", ["token", "--profile", "work"], None, None),
            ("credential-process, cached", ["credential-process", "--profile", "legacy"], None,
             [util, "credential-process", "--profile", "legacy"]),
            ("list-accounts", ["list-accounts", "--access-token", self.token],
             [aws, "sso", "list-accounts", "--access-token", self.token], None),
            ("accounts", ["accounts", "--profile", "work"],
             [aws, "sso", "list-accounts", "--access-token", self.token], None),
        ]
        print(f"processor and wall time in ms, medians of {ROUNDS} rounds; ratios of processor time\n")
        print(f"{'':28}{'ours':>14}{'AWS CLI':>18}{'ratio':>7}{'aws-sso-util':>18}{'ratio':>7}")
        for name, ours, *theirs in rows:
            print(f"{name:28}{self.row([PROGRAM, *ours], theirs, environment)}", flush=True)
        print(f"\nwanted: at most {MOST} ms for the first four, at least {LEAST_RATIO} times less than the AWS CLI")

    def row(self, ours, theirs, environment):
        """The cells of a row. Each program runs once before, so that all caches are warm."""
        commands = [command for command in [ours, *theirs] if command]
        for command in commands:
            measured(command, environment)
        rounds = []
        for _ in range(ROUNDS):
            own = [measured(ours, environment) for _ in range(OURS_A_ROUND)]
            own = tuple(statistics.median(part) for part in zip(*own))
            rounds.append([own, *(measured(command, environment) if command else None for command in theirs)])
        cells = []
        for at, command in enumerate([ours, *theirs]):
            if not command:
                cells.append(f"{'-':>18}{'-':>7}")
                continue
            processor, wall = (statistics.median(part) for part in zip(*(times[at] for times in rounds)))
            if at == 0:
                cells.append(f"{processor:>7.2f}{wall:>7.2f}")
            else:
                ratio = statistics.median(times[at][0] / times[0][0] for times in rounds)
                cells.append(f"{processor:>9.0f}{wall:>9.0f}{ratio:>7.0f}")
        return "".join(cells)


def measured(command, environment):
    """The processor time of a command, user and system, and its wall time, in milliseconds."""
    nowhere = [(os.POSIX_SPAWN_OPEN, to, os.devnull, os.O_RDWR, 0) for to in (0, 1, 2)]
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, environment, file_actions=nowhere)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    if status:
        raise RuntimeError(f"{' '.join(command[:2])} failed: {os.waitstatus_to_exitcode(status)}")
    return (usage.ru_utime + usage.ru_stime) * 1e3, wall * 1e3


if __name__ == "__main__":
    bench = Bench()
    os.chdir(HOME)
    try:
        bench.setUp()
        bench.runTest()
    finally:
        bench.doCleanups()
