# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Headers under 300 lines, sources under 600, functions under 60; test lines at least 0.6 of code lines."""
import re
from sources import files, report, text

HEADER, SOURCE, FUNCTION, RATIO = 300, 600, 60, 0.6


def code_lines(content):
    return sum(1 for line in content.split("\n") if line.strip() and not line.strip().startswith("//"))


def long_functions(content):
    """(line, length) of bodies longer than FUNCTION lines: a '{' that ends a line in column < 4 up to its '}'."""
    lines = content.split("\n")
    start = None
    for number, line in enumerate(lines):
        opens = re.match(r"^(  )?[A-Za-z_~].*\)[^;]*\{\s*$", line) or re.match(r"^( {4,}.*\)[^;]*)\{\s*$", line)
        is_type = re.match(r"^\s*(class|struct|namespace|enum|union|extern)\b", line)
        if start is None and opens and not is_type and (len(line) - len(line.lstrip())) <= 6:
            indent = len(line) - len(line.lstrip())
            if indent > 2:  # a continuation line: its body closes where the function's first line, above, begins
                heads = (len(above) - len(above.lstrip()) for above in reversed(lines[:number]) if above.strip())
                indent = next((head for head in heads if head <= 2), 0)
            start = (number, indent)
        elif start is not None and re.match(r"^ {%d}\}" % start[1], line):
            if number - start[0] - 1 > FUNCTION:
                yield start[0] + 1, number - start[0] - 1
            start = None


problems, checked, code, tests = [], 0, 0, 0
for path in files("*.h", "*.cc", "*.cu", "*.cuh", "*.py"):
    content = text(path)
    lines = content.count("\n")
    if path.parts[0] == "tests":
        tests += code_lines(content)
    elif path.suffix != ".py":
        code += code_lines(content)
    if path.suffix == ".py":
        continue
    checked += 1
    limit = HEADER if path.suffix in (".h", ".cuh") else SOURCE
    if lines > limit:
        problems.append(f"{path}: {lines} lines, the limit is {limit}: split it by idea")
    if path.suffix in (".cc", ".cu") and path.parts[0] != "tests":
        for line, length in long_functions(content):
            problems.append(f"{path}:{line}: a function of {length} lines, the limit is {FUNCTION}")
if tests < RATIO * code:
    problems.append(f"test lines {tests} are under {RATIO} of code lines {code}: write the missing tests")
print(f"code lines {code}, test lines {tests}, ratio {tests / max(code, 1):.2f}, at least {RATIO}")
report("check_sizes", problems, checked)
