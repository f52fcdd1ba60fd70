# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""The documents are true: files they link to exist, ./dev commands exist, programs answer --help for each subcommand shown."""
import re
import subprocess
import sys
from sources import ROOT, files, report, text

bin_dir = sys.argv[1] if len(sys.argv) > 1 else None
problems, checked = [], 0
dev_usage = subprocess.run(["bash", "dev", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
dev_commands = set(re.findall(r"^  (\w+)", dev_usage, re.M))
help_cache = {}


def answers_help(words):
    key = tuple(words)
    if key not in help_cache:
        done = subprocess.run([f"{bin_dir}/{words[0]}", *words[1:], "--help"], capture_output=True, text=True)
        help_cache[key] = done.returncode == 0
    return help_cache[key]


for path in files("*.md"):
    content = text(path)
    for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", content):
        checked += 1
        if not (ROOT / path.parent / link).exists():
            problems.append(f"{path}: links to {link}, which does not exist")
    for block in re.findall(r"^```[^\n]*\n(.*?)^```|((?:^ {4}\S.*\n)+)", content, re.M | re.S):
        for line in (block[0] or block[1]).split("\n"):
            line = line.strip().removeprefix("$ ").removeprefix("sudo ")
            command = line.split("#")[0].split("|")[0].split()
            if not command:
                continue
            if command[0] == "./dev" and len(command) > 1:
                checked += 1
                if command[1] not in dev_commands and command[1] != "--help" and not command[1].isupper():
                    problems.append(f"{path}: ./dev {command[1]} does not exist")
            program = command[0].split("/")[-1]
            if bin_dir and program in ("consilium", "consilium-hub", "consilium-site") and line.startswith(command[0]):
                words = [program]
                for word in command[1:3]:
                    if re.fullmatch(r"[a-z]+", word) and answers_help(words + [word]):
                        words.append(word)
                    else:
                        break
                checked += 1
                if len(command) > 1 and re.fullmatch(r"[a-z]+", command[1]) and len(words) == 1:
                    problems.append(f"{path}: `{' '.join(command[:2])}` is no command of {program}")
report("check_documents", problems, checked)
