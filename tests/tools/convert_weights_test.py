# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""tools/convert_weights.py without torch: names, networks, files, cards, words. With torch, nnU-Net and MONAI it is
tools/oracles/convert_weights.py; the files that it wrote are read here and in tests/learning."""
import contextlib
import io
import json
import pathlib
import struct
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import convert_weights as converter  # noqa: E402

LAYOUTS = json.loads((ROOT / "tests/core/oracles/network_layout.json").read_text(encoding="utf-8"))["networks"]
CONVERTED = ROOT / "tests/learning/oracles"
PREP = {"spacing_mm": 4, "pet_low": 1, "pet_high": 51, "pet_mean": 7, "pet_sd": 8, "ct_low": -832, "ct_high": 1128,
        "ct_mean": 108, "ct_sd": 286, "ct_outside": -1024, "pet_outside": 0}


def spec_of_reference(network):
    spec = {"architecture": network.get("architecture", "plain_conv_unet"), "input_channels": network["input"],
            "classes": network["classes"], "features": network["features"], "convs_per_stage": network["convs"],
            "blocks_per_stage": network.get("blocks", [])}
    return {**spec, "blocks_per_stage": converter.blocks_of(spec)}


def zeros(spec):
    """Arrays of the network's shapes that hold no numbers."""
    return {name: converter.Array(shape, b"") for name, shape in converter.layout_of(spec).items()}


class Networks(unittest.TestCase):
    def test_layouts_are_the_references(self):
        architectures = set()
        for network in LAYOUTS:
            spec = spec_of_reference(network)
            layout = [(name, list(shape)) for name, shape in converter.layout_of(spec).items()]
            self.assertEqual(layout, [(a["name"], a["shape"]) for a in network["arrays"]], spec)
            architectures.add(spec["architecture"])
        self.assertEqual(architectures, {"plain_conv_unet", "res_enc_unet", "seg_res_net"})

    def test_the_network_is_found_from_its_arrays(self):
        for network in LAYOUTS:
            spec = spec_of_reference(network)
            found = converter.spec_of(zeros(spec))
            self.assertEqual({k: found[k] for k in spec}, spec)
            self.assertEqual(found["deep_supervision"], spec["architecture"] != "seg_res_net")

    def test_every_name_of_nnunets_state_dict_comes_from_one_of_ours(self):
        checked = 0
        for network in LAYOUTS:
            if "all_names" not in network:
                continue
            ours = list(converter.layout_of(spec_of_reference(network)))
            self.assertEqual(sorted(n for name in ours for n in converter.all_names(name)), sorted(network["all_names"]))
            self.assertEqual(sorted(converter.each_once(network["all_names"])), sorted(ours))
            checked += 1
        self.assertEqual(checked, 2)

    def test_other_networks_are_refused_by_name(self):
        spec = spec_of_reference(LAYOUTS[4])

        def words(change):
            arrays = zeros(spec)
            change(arrays)
            with self.assertRaises(converter.Refused) as refused:
                converter.spec_of(arrays)
            return str(refused.exception)

        name = "encoder.stages.1.0.convs.0.conv.weight"
        self.assertIn("decoder.stages.0.convs.0.norm.running_mean", words(
            lambda a: a.update({"decoder.stages.0.convs.0.norm.running_mean": converter.Array((6,), b"")})))
        flat = converter.Array((6, 4, 1, 3, 3), b"")
        self.assertIn(f"array {name} is [6, 4, 1, 3, 3]", words(lambda a: a.update({name: flat})))
        self.assertIn(f"no array {name}", words(lambda a: a.pop(name)))
        self.assertIn("not a network that Consilium knows", words(lambda a: a.clear()))


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "m.safetensors"

    def tearDown(self):
        self.folder.cleanup()

    def test_round_trip(self):
        arrays = {"a": converter.Array((2, 2), struct.pack("<4f", 1, -2, 3.5, 4)),
                  "b": converter.Array((1,), struct.pack("<f", 7))}
        converter.write_safetensors(self.path, arrays, {"consilium.card": "{}"})
        self.assertEqual(converter.read_safetensors(self.path), (arrays, {"consilium.card": "{}"}))

    def test_what_consilium_wrote_is_read(self):
        arrays, metadata = converter.read_safetensors(ROOT / "tests/core/oracles/ours.safetensors")
        self.assertTrue(arrays)
        for array in arrays.values():
            numbers = 1
            for edge in array.shape:
                numbers *= edge
            self.assertEqual(len(array.data), 4 * numbers)
        self.assertTrue(metadata)

    def test_a_pickle_is_refused(self):
        self.path.write_bytes(b"PK\x03\x04" + bytes(100))
        with self.assertRaisesRegex(converter.Refused, "is no safetensors file"):
            converter.read_safetensors(self.path)

    def test_the_converted_files_describe_themselves(self):
        for name, architecture, patch, mirror in (("from_nnunet", "res_enc_unet", 16, True),
                                                  ("from_monai", "seg_res_net", 32, False)):
            arrays, metadata = converter.read_safetensors(CONVERTED / f"{name}.safetensors")
            card = json.loads(metadata[converter.CARD])
            self.assertEqual(converter.spec_of(arrays), card["network"])
            self.assertEqual((card["network"]["architecture"], card["patch"], card["mirror"]),
                             (architecture, patch, mirror))
            # nnU-Net's constants for CTNormalization, the channels found by their names.
            self.assertEqual((card["prep"]["ct_mean"], card["prep"]["pet_sd"]), (99.48, 7.96))

    def test_errors_are_words_not_tracebacks(self):
        converter.write_safetensors(self.path, {}, {})
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), self.assertRaises(SystemExit):
            converter.main(["export", str(self.path)])
        self.assertIn("one of the arguments --nnunet --monai is required", errors.getvalue())


class Cards(unittest.TestCase):
    def setUp(self):
        self.spec = converter.spec_of(zeros(spec_of_reference(LAYOUTS[0])))

    def refused(self, words, **changes):
        given = {"spec": self.spec, "prep": PREP, "patch": 48, "mirror": False, "run": "r", **changes}
        with self.assertRaises(converter.Refused) as refused:
            converter.card_of(**given)
        self.assertIn(words, str(refused.exception))

    def test_a_card_wants_the_preparation_and_a_patch_that_fits(self):
        card = converter.card_of(self.spec, PREP, 48, True, "r")
        self.assertEqual((card["version"], card["parent"], card["mirror"]), (0, "0" * 64, True))
        self.refused("not known: pet_mean, pet_sd", prep={k: v for k, v in PREP.items() if k not in ("pet_mean", "pet_sd")})
        self.refused("unknown key suv", prep={**PREP, "suv": 1})
        self.refused("--patch is 44; it must be a multiple of 8", patch=44)
        self.refused("--patch is None", patch=None)

    def test_channels_are_found_by_name(self):
        self.assertEqual(converter.channel_order({"channel_names": {"0": "CT", "1": "PET"}}), [1, 0])
        self.assertEqual(converter.channel_order({"channel_names": {"0": "PT", "1": "CT"}}), [0, 1])
        with self.assertRaisesRegex(converter.Refused, "Give --channels"):
            converter.channel_order({"channel_names": {"0": "T1", "1": "T2"}})

    def test_plans_give_what_is_constant_and_no_more(self):
        values = {"percentile_00_5": 1, "percentile_99_5": 9, "mean": 5, "std": 2}
        plans = {"foreground_intensity_properties_per_channel": {"0": values, "1": values}}
        configuration = {"spacing": [3, 2, 2], "normalization_schemes": ["CTNormalization", "ZScoreNormalization"]}
        prep = converter.prep_of_plans(plans, configuration, [1, 0])
        self.assertEqual(prep, {**converter.OUTSIDE, "ct_low": 1.0, "ct_high": 9.0, "ct_mean": 5.0, "ct_sd": 2.0})
        self.refused("not known: spacing_mm, pet_low, pet_high, pet_mean, pet_sd.", prep=prep)

    def test_our_plans_are_read_back_as_they_were(self):
        card = converter.card_of(self.spec, PREP, 48, False, "r")
        plans = converter.plans_of(card, "name")
        configuration = converter.configuration_of(plans, "3d_fullres")
        self.assertEqual(converter.prep_of_plans(plans, configuration, [0, 1]), PREP)
        for key, value, words in (("nonlin", "torch.nn.ReLU", "nonlin is torch.nn.ReLU"),
                                  ("norm_op", "torch.nn.BatchNorm3d", "norm_op is torch.nn.BatchNorm3d"),
                                  ("strides", [[1, 1, 1], [1, 2, 2]], "Consilium halves every axis")):
            changed = converter.plans_of(card, "name")
            changed["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"][key] = value
            with self.assertRaisesRegex(converter.Refused, words):
                converter.configuration_of(changed, "3d_fullres")


if __name__ == "__main__":
    unittest.main()
