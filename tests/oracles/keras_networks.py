"""Keras' networks with random weights: FOLDER/CASE.weights.h5, one in other formats too, and CASE.npz.

Images are 0..255, [1, height, width, 3].
"""

import os
import sys
from pathlib import Path

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"
import keras

NETWORKS = {
    # case: network, size, options
    "large": (keras.applications.MobileNetV3Large, 224, {}),
    "small": (keras.applications.MobileNetV3Small, 97, {"alpha": 0.5, "classes": 10}),
    "small-wide": (keras.applications.MobileNetV3Small, 96, {"alpha": 1.25, "classes": 10}),
    "small-minimalistic": (keras.applications.MobileNetV3Small, 129, {"minimalistic": True, "classes": 10}),
    "v2": (keras.applications.MobileNetV2, 128, {"alpha": 0.5, "classes": 10}),
}


def randomise(network: keras.Model, seed: int) -> None:
    """Redraw all of `network` from `seed`: pre-activations reach past the kinks of h-swish on both sides."""
    draw = np.random.default_rng(seed)
    for layer in network.layers:
        shapes = [variable.shape for variable in layer.weights]
        if isinstance(layer, keras.layers.BatchNormalization):
            # As small as epsilon, here and there: then a wrong epsilon shows.
            small = draw.random(shapes[0]) < 0.05
            scale = draw.uniform(1.5, 3.0, shapes[0]) * np.where(small, 0.05, 1)
            variance = np.where(small, 1e-3, draw.uniform(0.5, 1.5, shapes[0]))
            mean = draw.normal(0, 0.3, shapes[0])
            layer.set_weights([scale, draw.normal(0, 1, shapes[0]), mean, variance])
        elif shapes:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            inputs = np.prod(shapes[0][:2] if depthwise else shapes[0][:-1])
            kernel = draw.normal(0, (3 * inputs) ** -0.5 * len(shapes), shapes[0])
            layer.set_weights([kernel, *(draw.normal(0, 1.5, shape) for shape in shapes[1:])])


def save(folder: Path) -> None:
    for seed, (case, (network, size, options)) in enumerate(NETWORKS.items()):
        model = network(input_shape=(size, size, 3), weights=None, classifier_activation=None, **options)
        randomise(model, seed)
        image = np.random.default_rng(seed).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
        # Keras' V2 leaves the scaling to its caller.
        scaled = image / 127.5 - 1 if case == "v2" else image
        np.savez(folder / f"{case}.npz", image=image, logits=model(scaled).detach().numpy())
        model.save_weights(folder / f"{case}.weights.h5")
        if case == "small":
            model.save(folder / "small.keras")
            model.save(folder / "small.h5")


save(Path(sys.argv[1]))
