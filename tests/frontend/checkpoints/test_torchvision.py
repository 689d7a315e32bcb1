import json

import numpy as np
import pytest

from armlet import build
from armlet.frontend.checkpoints import Checkpoint, match

LARGE, SMALL, V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"


@pytest.fixture(scope="module")
def made(made_by):
    return made_by("torchvision_networks.py")


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [
        ("large", LARGE, {}),
        ("small", SMALL, {"width": 0.5, "classes": 7}),
        ("small-training", SMALL, {"width": 0.5, "classes": 7}),
        ("small-legacy", SMALL, {"width": 0.5, "classes": 7}),
        ("v2", V2, {"width": 0.5, "classes": 10}),
    ],
)
def test_the_same_outputs(made, agree, file, name, options):
    data = np.load(made / f"{file.partition('-')[0]}.npz")
    model = build(name, weights=made / f"{file}.pth", resolution=data["image"].shape[2], **options)
    agree(model, data["image"], data["logits"])


def test_lraspp(made, agree):
    data = np.load(made / "lraspp.npz")
    size = data["image"].shape[2:]
    weights = made / "lraspp.pth"
    model = build("lraspp_mobilenet_v3_large", weights=weights, resolution=size, classes=5)
    agree(model, data["image"], data["logits"])


def test_ssdlite(made, outputs_of):
    data = np.load(made / "ssdlite.npz")
    model = build("ssdlite_mobilenet_v3_large", weights=made / "ssdlite.pth")
    boxes, scores, labels = outputs_of(model, data["image"])
    assert len(labels) == len(data["labels"]) == 300
    assert len(set(data["labels"])) > 10
    left = set(range(300))
    for box, score, label in zip(data["boxes"], data["scores"], data["labels"], strict=True):
        # Those of almost equal scores may change places.
        found = (
            place
            for place in left
            if labels[place] == label
            and abs(scores[place] - score) <= 1e-4
            and np.abs(boxes[place] - box).max() <= 1e-4 * 320
        )
        left.remove(next(found))


def test_every_width_has_the_names_and_shapes_of_its_network(made):
    listings = json.loads((made / "listings.json").read_text())
    assert len(listings) == 18
    for listed, tensors in listings.items():
        name, width = listed.split()
        model = build(name, width=float(width), source="torchvision", resolution=32)
        zeros = {key: np.broadcast_to(np.float32(0), shape) for key, shape in tensors.items()}
        assert match(model, Checkpoint(made, "", zeros, ""), "torchvision").fits, listed
