"""Keras's network to LiteRT: `keras_to_litert.py NETWORK PRECISION MODEL.tflite`.

Runs in an environment that holds TensorFlow and Keras. The image is [1, 224, 224, 3], the output [1, 1000]
logits, the weights random.
"""

import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

NETWORKS = {
    "mobilenet_v2": (keras.applications.MobileNetV2, {}),
    "mobilenet_v3_large": (keras.applications.MobileNetV3Large, {"include_preprocessing": False}),
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, {"include_preprocessing": False}),
}
SHAPE = (224, 224, 3)

_, name, precision, target = sys.argv
keras.utils.set_random_seed(0)
build, options = NETWORKS[name]
model = build(input_shape=SHAPE, weights=None, classifier_activation=None, **options)
with tempfile.TemporaryDirectory() as folder:
    signature = [keras.InputSpec(shape=(1, *SHAPE), dtype="float32")]
    model.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    if precision == "fp16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        converter.target_spec._experimental_supported_accumulation_type = tf.float16
    Path(target).write_bytes(converter.convert())
