# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the project's files, and how a check reports."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*patterns):
    """Tracked and new files that match the git patterns, as paths relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    return sorted(pathlib.Path(name) for name in set(listed) if name and (ROOT / name).exists())


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def report(name, problems, checked):
    """Prints the problems and ends the program: 0 only if there is none and something was checked."""
    for problem in problems:
        print(problem)
    if checked == 0:
        problems = [f"{name}: nothing was checked"]
        print(problems[0])
    print(f"{name}: {checked} checked, {len(problems)} problems")
    sys.exit(1 if problems else 0)
