"""torchvision's networks with random weights: FOLDER/CASE.pth, what each computes in CASE.npz, listings.json.

A listing has the names and shapes of a network's tensors alone.
"""

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import random_torch
import torch
from torchvision import models
from torchvision.ops import boxes

CLASSIFIERS = {
    # case: network, height and width, options
    "large": (models.mobilenet_v3_large, (225, 225), {}),
    "small": (models.mobilenet_v3_small, (96, 96), {"width_mult": 0.5, "num_classes": 7}),
    "v2": (models.mobilenet_v2, (97, 97), {"width_mult": 0.5, "num_classes": 10}),
}
WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.25, 1.4)


def save(folder: Path) -> None:
    for seed, (case, (network, size, options)) in enumerate(CLASSIFIERS.items()):
        model = random_torch.randomise(network(**options), seed)
        image = random_torch.image(*size, seed)
        with torch.no_grad():
            np.savez(folder / f"{case}.npz", image=image.numpy(), logits=model(image).numpy())
        state = model.state_dict()
        if case == "small":
            # What references/classification/train.py saves, under DataParallel, and the format before 1.6.
            optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
            wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
            training = {
                "model": wrapped,
                "optimizer": optimizer.state_dict(),
                "epoch": 3,
                "args": Namespace(lr=1),
            }
            torch.save(training, folder / "small-training.pth")
            torch.save(state, folder / "small-legacy.pth", _use_new_zipfile_serialization=False)
            torch.save(model, folder / "small-whole.pth")
        torch.save(state, folder / f"{case}.pth")


def save_segmentation(folder: Path) -> None:
    model = models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)
    random_torch.randomise(model, 10)
    image = random_torch.image(129, 161, 10)
    with torch.no_grad():
        np.savez(folder / "lraspp.npz", image=image.numpy(), logits=model(image)["out"].numpy())
    torch.save(model.state_dict(), folder / "lraspp.pth")


def greedy_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """What torchvision's native operator computes."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    left, kept = scores.sort(descending=True, stable=True).indices, []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        first = torch.maximum(boxes[best, :2], boxes[left, :2])
        last = torch.minimum(boxes[best, 2:], boxes[left, 2:])
        common = (last - first).clamp(min=0).prod(1)
        left = left[common / (areas[best] + areas[left] - common) <= threshold]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


def save_detection(folder: Path) -> None:
    """The image is normalised, as armlet's networks want it; torchvision's does that itself.

    With this seed no overlap is so near the threshold that rounding decides.
    """
    model = models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=91
    )
    random_torch.randomise(model, 15)
    boxes.nms = greedy_nms
    image = torch.rand((3, 320, 320), generator=torch.Generator().manual_seed(15))
    with torch.no_grad():
        (found,) = model([image])
    found = {name: tensor.numpy() for name, tensor in found.items()}
    np.savez(folder / "ssdlite.npz", image=(image[None].numpy() - 0.5) / 0.5, **found)
    torch.save(model.state_dict(), folder / "ssdlite.pth")


def listings() -> dict[str, dict[str, list[int]]]:
    networks = (models.mobilenet_v3_large, models.mobilenet_v3_small, models.mobilenet_v2)
    with torch.device("meta"):
        return {
            f"{network.__name__} {width}": {
                name: list(tensor.shape) for name, tensor in network(width_mult=width).state_dict().items()
            }
            for network in networks
            for width in WIDTHS
        }


folder = Path(sys.argv[1])
save(folder)
save_segmentation(folder)
save_detection(folder)
(folder / "listings.json").write_text(json.dumps(listings()))
