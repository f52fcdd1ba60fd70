# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Ninja's lines "[142/190] ..." on stdin as one line that moves, or as ten plain lines where nobody watches."""
import os
import re
import sys
import time

preset, steps = sys.argv[1], os.environ.get("CONSILIUM_STEPS", "")
start, tenth, width = time.monotonic(), 0, 20
moving = sys.stdout.isatty()


def line(done, total):
    text = f"[3/{steps}] " if steps else ""
    full = width * done // total
    text += f"{'Build':<13} {preset}, {os.cpu_count()} cores  [{'#' * full}{'-' * (width - full)}] {done}/{total}"
    spent = time.monotonic() - start
    if done == total:
        return f"{text}   {spent:.0f} s"
    left = spent * (total - done) / done
    return text if done < 10 else f"{text}   {left:.0f} s left" if left < 90 else f"{text}   {left / 60:.0f} min left"


for output in sys.stdin:
    found = re.match(r"\[(\d+)/(\d+)\]", output)
    if not found:
        continue
    done, total = map(int, found.groups())
    if moving:
        print(f"\r\033[K{line(done, total)}", end="\n" if done == total else "", flush=True)
    elif 10 * done // total > tenth:
        tenth = 10 * done // total
        print(line(done, total), flush=True)
