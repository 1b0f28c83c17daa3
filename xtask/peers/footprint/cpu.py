"""`cpu.py ROUNDS -- COMMAND… [-- COMMAND…]…`: runs the commands in turn, so often, and prints for each the least and the median
of the processor time, in microseconds, that it and the processes it waited for took. Words with `=` before a command's
program are its environment. A line that is an address is opened here, as a browser would, so that costs the command nothing.
What a process took is known to whoever waits for it, and Rust's standard library does not ask.
"""

import os
import subprocess
import sys
import urllib.request


def split(words):
    commands = [[]]
    for word in words:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def once(command):
    names = [word for word in command[:4] if "=" in word and not word.startswith(("-", "/"))]
    environment = os.environ | dict(name.split("=", 1) for name in names)
    # Cargo sets it, and the loader would search its directories.
    environment.pop("LD_LIBRARY_PATH", None)
    child = subprocess.Popen(
        command[len(names):], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    said = []
    with child.stdout:
        for line in child.stdout:
            said.append(line)
            if line.startswith("http"):
                urllib.request.urlopen(line.strip(), timeout=20).close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command}: exit code {child.returncode}\n{''.join(said)}")
    return round((usage.ru_utime + usage.ru_stime) * 1_000_000)


def main():
    (rounds,), *commands = split(sys.argv[1:])
    took = [[] for _ in commands]
    for _ in range(int(rounds)):
        for command, times in zip(commands, took):
            times.append(once(command))
    for times in took:
        times.sort()
        print(times[0], times[len(times) // 2])


main()
