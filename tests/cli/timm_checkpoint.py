"""Checkpoints as timm would write them, of networks of armlet's."""

from safetensors.numpy import save_file

from armlet import build
from armlet.frontend.checkpoints import timm
from armlet.frontend.checkpoints.key_rule import Parameter

# The blocks of each of timm's stages; the last of MobileNetV3 is its last convolution.
STAGES = {"mobilenet_v2": (1, 2, 3, 4, 3, 3, 1), "mobilenet_v3_small": (1, 2, 3, 2, 3, 1)}


def write_checkpoint(path, name, **options):
    model = build(name, source="timm", **options)
    values = [Parameter.of(value) for value in model.graph.initializers if value.count("/") >= 2]
    parameters = [value for value in values if value.layer in ("conv", "bn", "linear")]
    places = [f"blocks.{stage}.{place}." for stage, n in enumerate(STAGES[name]) for place in range(n)]
    names = timm.RULE.names(parameters, places)
    arrays = [model.graph.initializers[str(parameter)].const_value.numpy() for parameter in parameters]
    save_file(dict(zip(names, arrays, strict=True)), path)
