"""Options and arguments that several commands have."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class _InputShape(click.ParamType):
    """`image=1,3,224,224`, or the sizes alone: the name of an input, or "", and the sizes."""

    name = "shape"

    def convert(self, value: Any, param: Any, context: Any) -> tuple[str, tuple[int, ...]]:
        if not isinstance(value, str):
            return value
        name, _, sizes = value.rpartition("=")
        try:
            return name, tuple(int(size) for size in sizes.split(","))
        except ValueError:
            self.fail(f"{value!r} is no shape: expected sizes such as 1,3,224,224", param, context)


def _by_input(context: Any, param: Any, shapes: Any) -> dict[str, tuple[int, ...]]:
    """The shape of each input by its name."""
    for name, _ in shapes:
        if [each for each, _ in shapes].count(name) > 1:
            asked = f"input {name!r}" if name else "the only input"
            raise click.BadParameter(f"{asked} has several: give one", context, param)
    return dict(shapes)


class Number(click.FloatRange):
    """A number in a range; NaN, which is in every range, is none."""

    def convert(self, value: Any, param: Any, context: Any) -> Any:
        """As FloatRange has it."""
        number = super().convert(value, param, context)
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, context)
        return number


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
device_option = click.option(
    "--device",
    "uri",
    required=True,
    metavar="URI",
    help="host, emulated:CORE, sim:CORE, ssh://[USER@]HOST[:PORT], adb:SERIAL, rpc://HOST:PORT, "
    "tracker://HOST:PORT/KEY, or a name in armlet.toml",
)
shapes_option = click.option(
    "--input-shape",
    "shapes",
    type=_InputShape(),
    multiple=True,
    callback=_by_input,
    metavar="[NAME=]1,3,224,224",
    help="The shape of an input that the ONNX file leaves open; an open batch is 1.",
)


def weights_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whose network, and a checkpoint for it."""
    weights = click.option(
        "--weights",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A checkpoint of torchvision's, timm's or Keras': .pth, .safetensors, .h5, .keras.",
    )
    whose = click.option(
        "--source",
        "whose",
        type=click.Choice(["paper", "torchvision", "timm", "timm-tf", "keras"]),
        help="Whose network: its head, channels at other widths, padding, epsilon and preprocessing. If left "
        "out, that of the weights, or the paper's.",
    )
    return whose(weights(command))


cpus_option = click.option(
    "--cpus",
    metavar="LIST",
    help="Of a real device: processors to run on, such as 4-7, or any. If left out, the biggest of the core "
    "that it is compiled for, else of all.",
)
cooldown_option = click.option(
    "--cooldown",
    type=Number(0),
    metavar="SECONDS",
    default=60,
    show_default=True,
    help="Of a real device: wait so long at most while it throttles, and measure again.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of what the layers hand to each other, and of their arithmetic where the core has it.",
)
TARGETS = (
    "A core (cortex-a53, a55, a72, a73, a76, a78, x1, a510, a710), host, or a family of cores (armv8-a, "
    "armv8.2-a+fp16, armv8.2-a+fp16+dotprod), for one library on many phones."
)
artifact_argument = click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
artifacts_argument = click.argument(
    "folders", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="DIR..."
)
