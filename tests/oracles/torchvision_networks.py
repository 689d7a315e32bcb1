"""Save torchvision's networks with random weights, and what they compute: FOLDER/CASE.pth and CASE.npz."""

import sys
from pathlib import Path

import numpy as np
import torch
from random_torch import image, randomise

# The wheel's own operators need the torch that it was built with; to be imported it needs their names.
for operator in ("nms", "qnms"):
    torch.library.define(
        f"torchvision::{operator}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
    )

from torchvision import models  # noqa: E402

CLASSIFIERS = {
    # case: network, size, options
    "large": (models.mobilenet_v3_large, (225, 225), {}),
    "small": (models.mobilenet_v3_small, (224, 224), {}),
    "v2": (models.mobilenet_v2, (97, 97), {"num_classes": 10}),
    "small-0.5": (models.mobilenet_v3_small, (96, 96), {"width_mult": 0.5, "num_classes": 7}),
}


def main(folder: Path) -> None:
    for seed, (case, (network, size, options)) in enumerate(CLASSIFIERS.items()):
        model = randomise(network(**options), seed)
        x = image(*size, seed)
        with torch.no_grad():
            np.savez(folder / f"{case}.npz", image=x.numpy(), logits=model(x).numpy())
        torch.save(model.state_dict(), folder / f"{case}.pth")


main(Path(sys.argv[1]))
