# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""consilium demo from end to end, as small as it goes: what it leaves behind, seeds, and a display.

demo_test.py PROGRAMS: the folder of the programs.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve()
# One step a round: the model predicts nothing, or everything. An honest bad result is a result.
PLAN = """name = "tiny"
rounds = 2
[eligibility]
min_patients = 3
[round]
deadline_s = 60
[network]
features = [4, 8]
convs_per_stage = 1
[prep]
spacing_mm = 16
[train]
steps = 1
batch = 1
patch = 16
"""


def demo(folder, seed, *words, display=False):
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    keep, out = folder / f"kept-{seed}-{len(list(folder.iterdir()))}", folder / "out.json"
    command = [PROGRAMS / "consilium", "demo", "--sites", "2", "--seed", str(seed), "--plan", folder / "plan.toml",
               "--keep", keep, "--json", out, *words]
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    if display:
        command = ["xvfb-run", "-a", *command]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=200, check=False,
                          env=environment)
    if done.returncode != 0:
        raise AssertionError(f"the demo exits with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(out.read_text(encoding="utf-8")), done.stdout, keep


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="consilium-demo-")
        cls.root = pathlib.Path(cls.folder.name)
        cls.first, cls.text, cls.keep = demo(cls.root, 3, "--headless")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_everything_it_promises_is_there(self):
        result = self.first
        self.assertEqual(result["seed"], 3)
        self.assertEqual([r["round"] for r in result["rounds"]], [1, 2])
        self.assertEqual(set(result["dice"]["local"]), {"north", "coast"})
        self.assertEqual(set(result["dice"]["federated"]["by_site"]), {"north", "coast"})
        self.assertEqual(len(result["seg"]), 8)
        self.assertTrue(result["dciodvfy"], "dciodvfy is missing: ./dev setup installs it")
        for file in result["seg"] + result["pictures"]:
            self.assertGreater(pathlib.Path(file).stat().st_size, 500, file)
        self.assertEqual(len(result["pictures"]), 3)  # the rounds, and a case of each hospital
        for phase in ("setup", "phantom", "import", "train", "predict", "total"):
            self.assertIn(phase, result["seconds"])
        self.assertGreater(result["bytes"]["up"], 0)
        self.assertGreater(result["bytes"]["down"], 0)
        self.assertTrue((self.keep / "report.html").exists())
        for words in ("[1/2] Federation", "[2/2] Prediction", "dciodvfy: no error; reads back equal", "together",
                      "No image left a hospital"):
            self.assertIn(words, self.text)

    def test_the_seed_decides_every_number_also_with_a_display(self):
        again, _, keep = demo(self.root, 3, display=True)
        self.assertEqual(again["model_digest"], self.first["model_digest"])
        self.assertEqual(again["dice"], self.first["dice"])
        self.assertTrue((keep / "logs" / "desktop.log").exists(), "the desktop program was opened")
        other, _, _ = demo(self.root, 4, "--headless")
        self.assertNotEqual(other["model_digest"], self.first["model_digest"])

    def test_help_and_slips_come_before_any_set_up(self):
        dev = pathlib.Path(__file__).resolve().parents[2] / "dev"
        for words, code, said in ((["--help"], 0, "usage: ./dev demo [OPTIONS]"),
                                  (["--sede", "3"], 1, "./dev demo has no option '--sede'\n  ./dev demo --help"),
                                  (["--seed"], 1, "--seed needs a value"),
                                  (["--data", "/no/such"], 1, "there is no folder /no/such\n  docs/real-data.md")):
            done = subprocess.run([dev, "demo", *words], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, code, words)
            self.assertIn(said, done.stdout + done.stderr)
            self.assertNotIn("Packages", done.stdout)

    def test_a_folder_that_is_not_a_demos_is_left_alone(self):
        precious = self.root / "precious"
        precious.mkdir()
        (precious / "thesis.txt").write_text("years", encoding="utf-8")
        done = subprocess.run([PROGRAMS / "consilium", "demo", "--headless", "--keep", precious], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not empty and holds no earlier demo\n  Name another folder with --keep.", done.stderr)
        self.assertEqual((precious / "thesis.txt").read_text(encoding="utf-8"), "years")


if __name__ == "__main__":
    unittest.main(verbosity=2)
