"""timm's networks with random weights: FOLDER/CASE.safetensors, what each computes in CASE.npz, listings.

A listing has the names and shapes of a network's tensors alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import random_torch
import timm
import torch
from safetensors.torch import save_file

NETWORKS = {
    # case, which is timm's name: height and width, options
    "mobilenetv3_large_100": ((224, 224), {"num_classes": 10}),
    "mobilenetv3_small_050": ((97, 97), {"num_classes": 10}),
    "tf_mobilenetv3_large_075": ((96, 96), {"num_classes": 10}),
    "tf_mobilenetv3_small_075": ((225, 225), {"num_classes": 10}),
    "tf_mobilenetv3_small_minimal_100": ((128, 128), {"num_classes": 10}),
    "mobilenetv2_050": ((127, 127), {"num_classes": 10}),
    "semnasnet_100": ((129, 129), {"num_classes": 10}),
    "mnasnet_small": ((97, 97), {"num_classes": 10}),
}
LISTED = (
    *("mobilenetv3_large_075", "mobilenetv3_large_100", "mobilenetv3_small_050", "mobilenetv3_small_075"),
    *("mobilenetv3_small_100", "tf_mobilenetv3_large_minimal_100", "tf_mobilenetv3_small_100"),
    *("mobilenetv2_035", "mobilenetv2_100", "mobilenetv2_140", "semnasnet_075", "semnasnet_140"),
)


def save(folder: Path) -> None:
    for seed, (case, (size, options)) in enumerate(NETWORKS.items()):
        model = random_torch.randomise(timm.create_model(case, **options), seed)
        image = random_torch.image(*size, seed)
        with torch.no_grad():
            np.savez(folder / f"{case}.npz", image=image.numpy(), logits=model(image).numpy())
        save_file(model.state_dict(), folder / f"{case}.safetensors")


def listings() -> dict[str, dict[str, list[int]]]:
    with torch.device("meta"):
        states = {name: timm.create_model(name).state_dict() for name in LISTED}
    return {
        name: {key: list(tensor.shape) for key, tensor in state.items()} for name, state in states.items()
    }


folder = Path(sys.argv[1])
save(folder)
(folder / "listings.json").write_text(json.dumps(listings()))
