"""Exports of Keras's networks by tf2onnx: `in_tensorflow.py FOLDER`, weights at random.

Runs in an environment with tensorflow-cpu and tf2onnx (versions in `make.py`).
"""

import sys
from pathlib import Path

import tensorflow as tf
import tf2onnx

SIZE = 64
FOLDER = Path(sys.argv[1])


def export(name: str, build: type, opset: int, *, nchw: bool = False, **options: object) -> None:
    """Write `build`'s network with batch norms of random scale and shift, and the statistics of pictures."""
    network = build(input_shape=(SIZE, SIZE, 3), weights=None, classifier_activation=None, **options)
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign(tf.random.uniform(layer.gamma.shape, 0.5, 1.5))
            layer.beta.assign(tf.random.normal(layer.beta.shape, 0, 0.5))
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(tf.random.normal(layer.bias.shape, 0, 0.1))
    network(tf.random.uniform((8, SIZE, SIZE, 3), -1, 1), training=True)
    signature = [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32, name="image")]
    tf2onnx.convert.from_keras(
        network,
        signature,
        opset=opset,
        inputs_as_nchw=["image"] if nchw else None,
        output_path=FOLDER / f"{name}.onnx",
    )


tf.keras.utils.set_random_seed(0)
networks = tf.keras.applications
export("tf2onnx-small-11", networks.MobileNetV3Small, 11, alpha=0.5, include_preprocessing=False)
export("tf2onnx-large-15", networks.MobileNetV3Large, 15, alpha=0.35)
export("tf2onnx-minimal-13", networks.MobileNetV3Small, 13, alpha=0.5, minimalistic=True)
export("tf2onnx-v2-17-nchw", networks.MobileNetV2, 17, nchw=True, alpha=0.35)
