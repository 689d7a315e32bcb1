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
(folder / "listings.json").write_text(json.dumps(listings()))
