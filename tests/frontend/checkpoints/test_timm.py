import json

import numpy as np
import pytest

from armlet import build
from armlet.frontend.checkpoints import Checkpoint, match, recognise

LARGE, SMALL, V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"
A1, MNAS_SMALL = "mnasnet_a1", "mnasnet_small"


@pytest.fixture(scope="module")
def made(made_by):
    return made_by("timm_networks.py")


@pytest.mark.parametrize(
    ("file", "name", "options", "source"),
    [
        ("mobilenetv3_large_100", LARGE, {}, "timm"),
        ("mobilenetv3_small_050", SMALL, {"width": 0.5}, "timm"),
        ("tf_mobilenetv3_large_075", LARGE, {"width": 0.75}, "timm-tf"),
        ("tf_mobilenetv3_small_075", SMALL, {"width": 0.75}, "timm-tf"),
        ("tf_mobilenetv3_small_minimal_100", SMALL, {"minimalistic": True}, "timm-tf"),
        ("mobilenetv2_050", V2, {"width": 0.5}, "timm"),
        ("semnasnet_100", A1, {}, "timm"),
        ("mnasnet_small", MNAS_SMALL, {}, "timm"),
    ],
)
def test_the_same_outputs(made, agree, file, name, options, source):
    data = np.load(made / f"{file}.npz")
    weights = made / f"{file}.safetensors"
    model = build(name, weights=weights, resolution=data["image"].shape[2], classes=10, **options)
    agree(model, data["image"], data["logits"])
    assert f"{file}.safetensors of {source}, sha256 " in model.metadata_props["armlet.weights"]


NETWORKS = {"mobilenetv3_large": LARGE, "mobilenetv3_small": SMALL, "mobilenetv2": V2, "semnasnet": A1}


def test_every_network_has_the_names_and_shapes_of_ours(made):
    listings = json.loads((made / "listings.json").read_text())
    for listed, tensors in listings.items():
        network, _, width = listed.removeprefix("tf_").replace("_minimal", "").rpartition("_")
        options = {"minimalistic": True} if "minimal" in listed else {}
        zeros = {key: np.broadcast_to(np.float32(0), shape) for key, shape in tensors.items()}
        checkpoint = Checkpoint(made, "", zeros, listed)
        source = recognise(checkpoint)
        assert source == ("timm-tf" if listed.startswith("tf_") else "timm")
        name, width = NETWORKS[network], int(width) / 100
        model = build(name, width=width, source=source, resolution=32, **options)
        assert match(model, checkpoint, source).fits, listed
