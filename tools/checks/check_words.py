# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Every source has its licence lines; nothing swallows an error; nothing is left for later; no path of one machine."""
import re
from sources import files, report, text

FORBIDDEN = [
    (r"catch \(\.\.\.\) *\{ *\}", "swallows every error"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", "is left for later"),
    (r"/home/\w+/|/root/", "names a path of one machine"),
    (r"torch::jit::load|torch::load\(|pickle_load|jit::import", "could run code from a file"),
    (r"\bstd::async\b|\.detach\(\)", "starts a thread that nobody owns"),
]
# Torch tensors have a detach() of their own.
TORCH_CODE = ("learning/", "tests/learning/", "tools/oracles/")
# They hold the words above as patterns and as the text that a test feeds to this check.
HOLDS_THE_WORDS = ("tools/checks/check_words.py", "tests/tools/checks_test.py")
problems, checked = [], 0
for path in files("*.h", "*.cc", "*.cu", "*.cuh", "*.proto", "*.md", "*.sh", "*.py", "dev", "*.txt", "*.cmake"):
    if path.as_posix() in HOLDS_THE_WORDS:
        continue
    content = text(path)
    checked += 1
    if path.suffix in (".h", ".cc", ".cu", ".cuh", ".proto") and "SPDX-License-Identifier: Apache-2.0" not in content[:300]:
        problems.append(f"{path}: the two SPDX lines are missing")
    for pattern, why in FORBIDDEN:
        for match in re.finditer(pattern, content):
            if match.group(0) == ".detach()" and path.as_posix().startswith(TORCH_CODE):
                continue
            line = content.count("\n", 0, match.start()) + 1
            problems.append(f"{path}:{line}: `{match.group(0)}` {why}")
report("check_words", problems, checked)
