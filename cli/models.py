"""Commands on models: what can be built, build, optimise."""

from pathlib import Path
from typing import Any

import click

from ..console import print_json, print_table
from .options import force_option, json_option, shapes_option, weights_options
from .reports import show_passes, show_turned


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the networks that can be built."""
    from ..frontend import ARCHITECTURES, build, count

    rows = []
    for name, architecture in ARCHITECTURES.items():
        counts = count(build(name))
        published = vars(architecture.published).values() if architecture.published else (None, None, None)
        rows.append((name, architecture.task, counts.parameters, counts.macs, *published))
    keys = ("name", "task", "parameters", "macs", "published_percent", "metric", "reference")
    if as_json:
        print_json({"models": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print_table(("model", "task", "parameters", "MACs", "published %", "metric", "reference"), rows)


class _Resolution(click.ParamType):
    name = "resolution"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        height, cross, width = str(value).partition("x")
        try:
            return int(height), int(width if cross else height)
        except ValueError:
            self.fail(f"{value!r} is not a number of pixels, nor HEIGHTxWIDTH", param, ctx)


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="M.onnx")
@click.option("--width", type=float, default=1.0, show_default=True, help="Factor on the channels.")
@click.option("--resolution", type=_Resolution(), metavar="N|HxW", help="Of the image, in pixels.")
@click.option("--classes", type=int)
@weights_options
@click.option("--output-stride", type=int, help="8, 16 or 32: dilation instead of further strides.")
@click.option("--reduced-tail/--full-tail", default=None, help="Half the channels from the last stride on.")
@click.option(
    "--minimalistic", is_flag=True, default=None, help="V3 with no 5x5, no squeeze-excite, no h-swish."
)
@click.option("--filters", type=int, help="The channels of a segmentation head.")
@click.option("--argmax", is_flag=True, default=None, help="The best class of each pixel, not all logits.")
@click.option(
    "--postprocess/--no-postprocess",
    default=None,
    help="Boxes decoded and suppressed in the graph of a detection network, or logits and regressions.",
)
@click.option(
    "--input",
    "input_type",
    type=click.Choice(["float32", "uint8"]),
    default="float32",
    show_default=True,
    help="Normalised planes, or RGB as phones have it, NHWC, resized and normalised in the graph.",
)
@click.option("--frame", type=_Resolution(), metavar="N|HxW", help="Of a uint8 input, in pixels.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random weights.")
@force_option
@json_option
def build(name: str, output: Path, whose: Any, force: bool, as_json: bool, **options: Any) -> None:
    """Build a network as an ONNX file, with random weights or those of a checkpoint.

    An option that is left out has the default of that network; one that it does not know is refused.
    """
    from .. import frontend

    model = frontend.build(name, source=whose, **options)
    frontend.save(model, output, force=force)
    counts, weights = frontend.count(model), model.metadata_props["armlet.weights"]
    if as_json:
        layers = [vars(layer) for layer in counts.layers]
        figures = {"parameters": counts.parameters, "macs": counts.macs, "layers": layers}
        print_json({"file": str(output), "weights": weights, **figures})
    else:
        click.echo(f"{output}: {counts.parameters:,} parameters, {counts.macs:,} MACs")
        click.echo(f"weights: {weights}")


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="IN.onnx")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT.onnx")
@click.option(
    "--for",
    "target",
    type=click.Choice(["tvm", "onnxruntime"]),
    default="tvm",
    show_default=True,
    help="Everything as clips, or what ONNX Runtime runs fastest.",
)
@shapes_option
@force_option
@json_option
def optimize(source: Path, output: Path, target: Any, shapes: Any, force: bool, as_json: bool) -> None:
    """Rewrite an ONNX file, proving each rewrite with ONNX Runtime."""
    from .. import frontend, passes

    optimized = passes.optimize(frontend.load(source, shapes), target)
    frontend.save(optimized.model, output, force=force)
    if as_json:
        print_json({"file": str(output), **optimized.report.to_json()})
    else:
        show_turned(optimized.model)
        show_passes(optimized.report.to_json())
        click.echo(f"written to {output}")
