# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""The lints find what they are for: each is run on a small broken tree and must name the fault."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "// SPDX-FileCopyrightText: The Consilium authors\n// SPDX-License-Identifier: Apache-2.0\n"


class Checks(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp())
        shutil.copytree(ROOT / "tools/checks", self.tree / "tools/checks", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["git", "init", "-q"], cwd=self.tree, check=True)

    def tearDown(self):
        shutil.rmtree(self.tree)

    def write(self, name, content):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def run_check(self, name, *arguments):
        done = subprocess.run([sys.executable, f"tools/checks/check_{name}.py", *arguments], cwd=self.tree,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    def test_layers_accept_a_good_file(self):
        self.write("hub/a.cc", LICENCE + '#include "core/base/error.h"\n#include "cuda/device.h"\n')
        code, out = self.run_check("layers")
        self.assertEqual(code, 0, out)

    def test_layers_find_the_hub_using_imaging(self):
        self.write("hub/a.cc", LICENCE + '#include "imaging/dicom/series.h"\n')
        code, out = self.run_check("layers")
        self.assertEqual(code, 1)
        self.assertIn("hub/ must not use imaging/", out)

    def test_layers_find_torch_outside_learning(self):
        self.write("gui/a.cc", LICENCE + "#include <torch/torch.h>\n")
        code, out = self.run_check("layers")
        self.assertEqual(code, 1)
        self.assertIn("Torch may not be seen here", out)

    def test_layers_find_dcmtk_in_a_header(self):
        self.write("imaging/dicom/a.h", LICENCE + "#include <dcmtk/dcmdata/dctk.h>\n")
        self.assertEqual(self.run_check("layers")[0], 1)
        self.write("imaging/dicom/a.h", LICENCE)
        self.write("imaging/dicom/a.cc", LICENCE + "#include <dcmtk/dcmdata/dctk.h>\n")
        self.assertEqual(self.run_check("layers")[0], 0)

    def test_layers_find_widgets_in_presenters(self):
        self.write("gui/model/a.h", LICENCE + "#include <QWidget>\n")
        code, out = self.run_check("layers")
        self.assertEqual(code, 1)
        self.assertIn("QtCore only", out)

    def test_sizes_find_long_files_functions_and_missing_tests(self):
        body = "".join(f"  x += {i};\n" for i in range(70))
        self.write("core/a.cc", LICENCE + "void F() {\n" + body + "}\n")
        self.write("core/b.h", LICENCE + "// line\n" * 300)
        code, out = self.run_check("sizes")
        self.assertEqual(code, 1)
        self.assertIn("core/a.cc:3: a function of 70 lines", out)
        self.assertIn("core/b.h: 302 lines, the limit is 300", out)
        self.assertIn("test lines 0 are under", out)
        self.assertIn("write the missing tests", out)

    def test_tests_find_what_asserts_nothing(self):
        self.write("tests/a_test.cc", LICENCE + "TEST(A, B) {\n  Run();\n}\n\nTEST(A, C) {\n  EXPECT_TRUE(true);\n}\n")
        code, out = self.run_check("tests")
        self.assertEqual(code, 1)
        self.assertIn("A.B asserts nothing", out)
        self.assertIn("A.C holds an assertion that cannot fail", out)

    def test_words_find_swallowed_errors_and_missing_licence(self):
        self.write("core/a.cc", "int x;\n")
        self.write("core/b.cc", LICENCE + "void F() {\n  try { G(); } catch (...) {}\n}\n// TO" + "DO later\n")
        code, out = self.run_check("words")
        self.assertEqual(code, 1)
        self.assertIn("core/a.cc: the two SPDX lines are missing", out)
        self.assertIn("core/b.cc:4: `catch (...) {}` swallows every error", out)
        self.assertIn("core/b.cc:6:", out)

    def test_documents_find_dead_links_and_commands(self):
        shutil.copy(ROOT / "dev", self.tree / "dev")
        shutil.copytree(ROOT / "tools/dev", self.tree / "tools/dev")
        self.write("README.md", "[a](docs/none.md)\n\n    ./dev nonsense\n    ./dev test\n")
        code, out = self.run_check("documents")
        self.assertEqual(code, 1)
        self.assertIn("links to docs/none.md", out)
        self.assertIn("./dev nonsense does not exist", out)
        self.assertNotIn("./dev test does not", out)


if __name__ == "__main__":
    unittest.main()
