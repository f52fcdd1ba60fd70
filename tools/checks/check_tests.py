# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Every test asserts something: each TEST body holds an EXPECT_ or ASSERT_ that can fail, or calls a helper that does."""
import re
from sources import files, report, text

HEAD = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+),\s*(\w+)\)\s*\{", re.M)
ASSERTS = re.compile(r"\b(EXPECT|ASSERT|RC_ASSERT|QVERIFY|QCOMPARE|ADD_FAILURE|RC_GTEST_PROP)\w*|\b(Expect|Check|Verify|Assert)\w*\(")
EMPTY = re.compile(r"(EXPECT|ASSERT)_TRUE\(true\)|(EXPECT|ASSERT)_EQ\((\w+),\s*\3\)")

problems, checked = [], 0
for path in files("tests/**/*.cc", "tests/*.cc"):
    content = text(path)
    for match in HEAD.finditer(content):
        checked += 1
        end = content.find("\n}\n", match.end())
        body = content[match.end():end if end >= 0 else len(content)]
        if not ASSERTS.search(body) and not re.search(r"static_assert", body):
            problems.append(f"{path}: {match.group(1)}.{match.group(2)} asserts nothing")
        if EMPTY.search(body):
            problems.append(f"{path}: {match.group(1)}.{match.group(2)} holds an assertion that cannot fail")
report("check_tests", problems, checked)
