# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""A hub and three hospitals as processes: seeds, a killed site, corrupt images, used tokens, old TLS.

federation_test.py PROGRAMS: the folder of consilium, consilium-hub and consilium-site.
"""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve()
SITES = {"north": 1, "coast": 2, "valley": 3}  # scanner style, seed
PLAN = """name = "tiny"
rounds = 2
seed = {seed}
[eligibility]
min_sites = {sites}
min_patients = 3
[round]
quorum = 2
deadline_s = 60
[network]
features = [4, 8]
convs_per_stage = 1
[prep]
spacing_mm = 16
[train]
steps = {steps}
batch = 1
patch = 16
precision = "float32"
"""


def run(program, *words, ok=True, text=None):
    done = subprocess.run([PROGRAMS / program, *map(str, words)], input=text or "", capture_output=True, text=True,
                          timeout=120, check=False)
    if ok and done.returncode != 0:
        raise AssertionError(f"{program} {words[0]} exits with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def read(path):
    return path.read_text(encoding="utf-8") if path.exists() else ""


class Federation:
    """Ends its processes with close()."""

    def __init__(self, root):
        self.root, self.processes, self.tokens, self.panels = root, {}, {}, {}
        run("consilium-hub", "init", root / "hub", "--name", "Test network")
        self.start("hub", "consilium-hub", "serve", root / "hub", "--listen", "127.0.0.1:0", "--enrol-listen",
                   "127.0.0.1:0", "--heartbeat", "0.5", "--ports-file", root / "ports")
        text = wait_for("the hub's ports", lambda: read(root / "ports"))
        self.ports = dict(line.split("=", 1) for line in text.split())

    def start(self, name, program, *words):
        with open(self.log(name), "w", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen([PROGRAMS / program, *map(str, words)], stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log)

    def log(self, name):
        return self.root / f"{name}.log"

    def hub(self, *words, ok=True):
        return run("consilium-hub", *words, "--hub", self.ports["admin_socket"], ok=ok)

    def invite(self, site):
        text = self.hub("invite", site).stdout
        self.tokens[site] = self.root / f"{site}.token"
        self.tokens[site].write_text(re.search(r"Token +(\S+)", text)[1] + "\n", encoding="utf-8")
        self.tokens[site].chmod(0o600)
        self.fingerprint = re.search(r"fingerprint: +(\S+)", text)[1]

    def join_words(self, folder, token):
        return ["join", "--dir", folder, "--hub", self.ports["sites"], "--enrol", self.ports["enrolment"],
                "--token-file", token, "--fingerprint", self.fingerprint]

    def enrol(self, site):
        self.invite(site)
        self.start(site + "-join", "consilium-site", *self.join_words(self.root / site, self.tokens[site]))
        wait_for("approval", lambda: self.hub("approve", site, ok=False).returncode == 0)
        if self.processes.pop(site + "-join").wait(30) != 0:
            raise AssertionError(read(self.log(site + "-join")))

    def serve(self, site):
        ports = self.root / f"{site}-ports.json"
        self.start(site, "consilium-site", "serve", "--dir", self.root / site, "--panel-listen", "127.0.0.1:0",
                   "--ports-file", ports, "--threads", "1", "--device", "cpu")
        self.panels[site] = json.loads(wait_for("the panel", lambda: read(ports)))["panel"]

    def start_run(self, seed, steps=4, sites=3):
        plan = self.root / "plan.toml"
        plan.write_text(PLAN.format(seed=seed, steps=steps, sites=sites), encoding="utf-8")
        self.hub("run", "start", plan, "--wait")
        return self.show()["run"]

    def show(self, *name):
        done = self.hub("run", "show", *name, "--json", ok=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def finish(self, name):
        shown = wait_for("the run's end", lambda: (s := self.show(name)) and s["phase"] in
                         ("done", "failed", "aborted") and s, 120)
        if shown["phase"] != "done":
            raise AssertionError(f"the run {shown['phase']}: {shown['reason']}\n{read(self.log('hub'))}")
        return shown

    def weights(self, name):
        """Digest of the newest model's arrays. The file's own digest also covers its card, which names the run."""
        file = self.root / f"{name}.safetensors"
        self.hub("model", "export", name, "--out", file)
        content = file.read_bytes()
        return hashlib.sha256(content[8 + int.from_bytes(content[:8], "little"):]).hexdigest()

    def close(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class FederationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.scratch.name)
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.federation = Federation(root)
        cls.addClassCleanup(cls.federation.close)
        for site, seed in SITES.items():
            images = root / "images" / site
            run("consilium", "phantom", "--out", images, "--patients", "5" if site == "north" else "4", "--style", site,
                "--seed", seed)
        for file in (root / "images/north/north-002/PET/image").iterdir():  # one corrupt study
            os.truncate(file, file.stat().st_size // 2)
        for site in SITES:
            cls.federation.enrol(site)
            last = 5 if site == "north" else 4  # the last by name, as a study takes them
            roles = root / f"{site}-roles.csv"
            roles.write_text("".join(f"{site}-{n:03},{'validation' if n == last else 'training'}\n"
                                     for n in range(1, last + 1)), encoding="utf-8")
            run("consilium-site", "import", root / "images" / site, "--dir", root / site, "--roles", roles)
            cls.federation.serve(site)

    def s_client(self, address, folder_pems, version):
        authority, certificate, key = folder_pems
        return subprocess.run(["openssl", "s_client", "-connect", address, "-CAfile", authority, "-cert", certificate,
                               "-key", key, "-alpn", "h2", version], input="", capture_output=True, text=True,
                              errors="replace", timeout=30, check=False)

    def expect_only_tls13(self, address, pems):
        new = self.s_client(address, pems, "-tls1_3")
        self.assertIn("TLSv1.3, Cipher is TLS_", new.stdout)
        self.assertIn("Verify return code: 0 (ok)", new.stdout)
        old = self.s_client(address, pems, "-tls1_2")
        self.assertNotEqual(old.returncode, 0)
        self.assertIn("Cipher is (NONE)", old.stdout)
        for log in self.federation.root.glob("*.log"):  # gRPC's own lines are nobody's business
            self.assertNotIn("ssl_transport_security", read(log))

    def test_1_a_corrupt_study_is_named_and_the_rest_imported(self):
        north = self.federation.root / "north"
        cases = json.loads(run("consilium-site", "cases", "--dir", north, "--json").stdout)
        self.assertEqual(len(cases.get("cases", cases) if isinstance(cases, dict) else cases), 4)
        named = run("consilium-site", "cases", "--quarantined", "--dir", north).stdout
        self.assertIn("north-002/PET/image", named)
        self.assertNotIn("north-001", named)

    def test_2_a_used_token_is_refused(self):
        self.federation.invite("island")  # the enrolment port is open
        done = run("consilium-site", *self.federation.join_words(self.federation.root / "thief",
                                                                  self.federation.tokens["north"]), ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: the invitation token was used before", done.stderr)
        self.assertFalse((self.federation.root / "thief/certificate.pem").exists())

    def test_2b_a_join_that_was_cut_goes_on_with_the_same_key_and_token(self):
        root, federation = self.federation.root, self.federation
        federation.invite("harbour")
        words = federation.join_words(root / "harbour", federation.tokens["harbour"])
        federation.start("harbour-1", "consilium-site", *words)
        wait_for("the request", lambda: "Waiting for approval" in read(federation.log("harbour-1")))
        key = re.search(r"fingerprint is (\S+)", read(federation.log("harbour-1")))[1]
        federation.processes["harbour-1"].kill()
        federation.processes.pop("harbour-1").wait()
        self.assertIn(f"harbour waits with the key {key}", federation.hub("sites").stdout)
        self.assertEqual((root / "harbour/invitation.token").stat().st_mode & 0o777, 0o600)
        federation.start("harbour-2", "consilium-site", "join", "--dir", root / "harbour", "--hub",
                         federation.ports["sites"], "--enrol", federation.ports["enrolment"])  # nothing is asked again
        wait_for("the same key", lambda: f"Still waiting; your fingerprint is {key}" in read(federation.log("harbour-2")))
        federation.hub("approve", "harbour")
        self.assertEqual(federation.processes.pop("harbour-2").wait(30), 0, read(federation.log("harbour-2")))
        self.assertIn("Going on with the join that was interrupted", read(federation.log("harbour-2")))
        federation.hub("revoke", "harbour")

    def test_2c_swapped_ports_are_told_without_grpcs_own_words(self):
        self.federation.invite("swap")
        words = [str(word) for word in self.federation.join_words(self.federation.root / "swap",
                                                                  self.federation.tokens["swap"])]
        hub, enrol = words.index("--hub") + 1, words.index("--enrol") + 1
        words[hub], words[enrol] = words[enrol], words[hub]
        done = run("consilium-site", *words, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        self.assertIn("swapped", done.stderr)
        self.assertIn("The invitation of swap is withdrawn", self.federation.hub("withdraw", "swap").stdout)
        again = self.federation.hub("withdraw", "swap", ok=False)
        self.assertEqual((again.returncode, again.stdout), (1, ""))

    def test_2d_init_names_the_command_that_comes_next(self):
        root = self.federation.root
        (root / "pass").write_text("correct horse\n", encoding="utf-8")
        (root / "pass").chmod(0o600)
        done = run("consilium-hub", "init", root / "locked", "--name", "Locked", "--passphrase-file", root / "pass")
        self.assertIn(f"Next: consilium-hub serve {root}/locked --passphrase-file {root}/pass\n", done.stdout)

    def test_3_tls_1_2_with_a_valid_certificate_is_refused_on_the_sites_port(self):
        coast = self.federation.root / "coast"
        self.expect_only_tls13(self.federation.ports["sites"],
                               (coast / "hub-authority.pem", coast / "certificate.pem", coast / "key.pem"))

    def test_4_tls_1_2_with_a_readers_certificate_is_refused_on_the_panel(self):
        root = self.federation.root
        run("consilium-site", "reader", "add", "dr-lee", "--dir", root / "coast", "--out", root / "lee.reader")
        blocks = re.findall(r"-----BEGIN [\s\S]*?-----END [^\n]*-----\n", read(root / "lee.reader"))
        self.assertEqual(len(blocks), 3)
        pems = [root / f"lee-{number}.pem" for number in range(3)]
        for path, block in zip(pems, blocks):
            path.write_text(block, encoding="utf-8")
        self.expect_only_tls13(self.federation.panels["coast"], pems)

    def test_5_the_same_seed_gives_the_same_model_and_another_seed_another(self):
        models = []
        for seed in (7, 7, 8):
            name = self.federation.start_run(seed)
            shown = self.federation.finish(name)
            self.assertEqual([len(entry["sites"]) for entry in shown["history"]], [3, 3])
            models.append(self.federation.weights(name))
        self.assertEqual(models[0], models[1])
        self.assertNotEqual(models[0], models[2])

    def test_5a_a_study_in_one_process_makes_the_same_model(self):
        federation, root = self.federation, self.federation.root
        name = federation.start_run(7)
        federation.finish(name)
        run("consilium", "study", "--plan", root / "plan.toml", "--data", root / "images", "--out", root / "study",
            "--arms", "federated", "--json", root / "study.json")
        content = (root / "study/models/federated.safetensors").read_bytes()
        self.assertEqual(hashlib.sha256(content[8 + int.from_bytes(content[:8], "little"):]).hexdigest(),
                         federation.weights(name))
        report = json.loads(read(root / "study.json"))
        self.assertEqual(report["steps"], 2 * 4 * 3)
        self.assertEqual(set(report["test"]["federated"]), {"north-005", "coast-004", "valley-004"})

    def test_5b_the_service_and_a_model_file_predict_the_same(self):
        root = self.federation.root
        self.federation.hub("model", "export", "--out", root / "newest.safetensors")
        done = run("consilium-hub", "run", "watch", "--json", "--hub", self.federation.ports["admin_socket"])
        self.assertTrue(done.stdout.endswith("\n"))
        self.assertEqual({json.loads(line)["phase"] for line in done.stdout.splitlines()}, {"done"})
        told = []
        for words in ((), ("--model", root / "newest.safetensors")):
            done = run("consilium-site", "predict", "--dir", root / "coast", "--role", "validation", "--out",
                       root / "predicted", "--json", *words)
            told.append([(case["entropy"], case["dice"], case["lesions"]) for case in json.loads(done.stdout)["cases"]])
        self.assertEqual(told[0], told[1])

    def test_6_a_site_killed_in_round_1_does_not_stop_the_others(self):
        name = self.federation.start_run(9, steps=400)
        log = self.federation.log("valley")
        wait_for("valley's order", lambda: f"order to train run={name}" in read(log))
        self.federation.processes["valley"].kill()
        self.federation.processes["valley"].wait()
        self.assertNotIn(f"update sent run={name}", read(log))
        shown = self.federation.finish(name)
        self.assertEqual(shown["round"], 2)
        for entry in shown["history"]:
            self.assertEqual({result["site"] for result in entry["sites"]}, {"north", "coast"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
