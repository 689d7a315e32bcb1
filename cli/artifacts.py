"""Commands that make artifacts and run them: compile, run, bench, explain."""

from pathlib import Path
from typing import Any

import click

from ..console import print_json, print_table, progress_bar, working
from .options import (
    TARGETS,
    artifact_argument,
    artifacts_argument,
    cooldown_option,
    cpus_option,
    device_option,
    force_option,
    json_option,
    precision_option,
    shapes_option,
    weights_options,
)
from .reports import TITLES, show_answer, show_memory, show_passes, show_turned, show_verification


@click.command(name="compile")
@click.argument("source", metavar="MODEL|M.onnx")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--target", "core", required=True, metavar="CORE", help=TARGETS)
@click.option("--os", type=click.Choice(["linux", "android"]), default="linux", show_default=True)
@precision_option
@click.option(
    "--layout",
    type=click.Choice(["nchw", "nhwc"]),
    default="nchw",
    show_default=True,
    help="Of the network's inputs and outputs.",
)
@click.option("--name", metavar="NAME", help="Of the C library: an identifier; the model's if left out.")
@click.option("--labels", type=click.Path(path_type=Path), metavar="FILE", help="The name of a class a line.")
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Tuning records, beside those that armlet ships.",
)
@weights_options
@shapes_option
@force_option
@json_option
def compile_(
    source: str,
    output: Path,
    core: str,
    weights: Path | None,
    whose: Any,
    shapes: Any,
    as_json: bool,
    **options: Any,
) -> None:
    """Compile a network of armlet's (with random weights, or a checkpoint's) or an ONNX file for a core."""
    from .. import compiler, frontend, targets

    target = targets.find_core(core)
    model = frontend.open_model(source, shapes, weights=weights, whose=whose)
    with progress_bar(f"compiling {source} for {core}") as progress:
        artifact = compiler.compile_model(model, output, target, progress=progress, **options)
    if as_json:
        sizes = {"file_bytes": artifact.sizes, "memory": artifact.memory}
        print_json({"folder": str(output), **sizes, "report": artifact.report})
        return
    show_turned(model)
    show_passes(artifact.report["passes"])
    print_table(("file", "bytes"), artifact.sizes.items(), title=f"{output}")
    show_memory(artifact.memory)
    show_verification(artifact.report["verification"])
    tuning = {kind: len(layers) for kind, layers in artifact.manifest["tuning"].items()}
    click.echo(
        f"kernels tuned by records: {tuning['used']} layers; by default: {tuning['missing']} without a record"
        f", {tuning['stale']} with one of another armlet"
    )
    for layer in artifact.report["fallbacks"]:
        click.echo(f"left to TVM's own code: {layer}")


@click.command()
@artifact_argument
@device_option
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A picture or an .npy array; the artifact's own sample if left out.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE.npy", help="Write the outputs there."
)
@force_option
@json_option
def run(folder: Path, uri: str, source: Path | None, output: Path | None, force: bool, as_json: bool) -> None:
    """Run an artifact on a device and compare the result with ONNX Runtime's.

    Shown are the five best classes; of detection, boxes (in pixels of the image that the network takes); of
    segmentation, the pixels of each class.
    """
    from .. import inference, pictures, targets
    from ..artifact import Artifact

    artifact, device = Artifact.open(folder), targets.open_device(uri)
    if output:
        inference.check_output_name(output, artifact)
    image = pictures.read_input(source, artifact) if source else artifact.sample[0]
    with working(f"running on {uri}"):
        result = inference.infer(artifact, device, image)
    if output:
        inference.save_outputs(result.outputs, output, force=force)
    weights, answer = artifact.manifest["source"]["weights"], result.answer
    if as_json:
        agreement = {"worst_error": result.worst_error, f"same_{answer.kind}": result.same}
        print_json(
            {"device": uri, "weights": weights, answer.kind: answer.rows, "against_onnxruntime": agreement}
        )
        return
    show_answer(answer)
    click.echo(
        f"{uri} against ONNX Runtime: worst error {result.worst_error:.1e} of the output's range, "
        f"{'the same' if result.same == 1 else f'{result.same:.2%} of the'} {TITLES[answer.kind]}"
    )
    click.echo(f"weights: {weights}")


@click.command()
@artifacts_argument
@device_option
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Of a real device."
)
@cpus_option
@cooldown_option
@click.option("--profile", is_flag=True, help="Kernel by kernel too.")
@json_option
def bench(
    folders: tuple[Path, ...],
    uri: str,
    rounds: int,
    cpus: str | None,
    cooldown: float,
    profile: bool,
    as_json: bool,
) -> None:
    """Measure the latency of artifacts on a device; on a simulated core, count them and model their cycles.

    One thread, batch 1. Exit code 4 says that the device throttled, and its times tell nothing.
    """
    from .. import inference, targets
    from ..artifact import Artifact
    from ..simulated_tables import show_profile, show_totals
    from ..timed_profile import TimedProfile
    from ..timed_tables import show_timed_profile

    device = targets.open_device(uri)
    artifacts = [Artifact.open(folder) for folder in folders]
    with working(f"measuring on {uri}") as say:
        conditions = targets.Conditions.of(cpus, cooldown, say)
        results = [
            inference.bench(artifact, device, rounds, conditions, by_kernel=profile) for artifact in artifacts
        ]
    if as_json:
        entries = [
            {"folder": str(artifact.folder), **result.to_json()}
            for artifact, result in zip(artifacts, results, strict=True)
        ]
        print_json({"device": uri, "artifacts": entries})
    else:
        timed = []
        for artifact, result in zip(artifacts, results, strict=True):
            if isinstance(result, TimedProfile):
                show_timed_profile(result, f"{artifact.folder} on {device.uri}")
            if isinstance(result, targets.Latency):
                times = map(result.percentile, (50, 10, 90))
                timed.append((str(artifact.folder), *times, result.watch.processors))
            else:
                show_totals(result, f"{artifact.folder} on {device.uri}")
                if profile:
                    show_profile(result)
        if timed:
            headings = ("artifact", "median ms", "10% ms", "90% ms", "processors")
            print_table(headings, timed, title=f"{uri}, {rounds} rounds")
    for result in results:
        if isinstance(result, targets.Latency):
            for note in result.watch.notes:
                click.echo(f"note: {note}", err=True)
            result.watch.require_steady(uri)


@click.command()
@artifact_argument
@click.option("--kernel", "name", required=True, metavar="NAME", help="A kernel or a layer of the profile.")
@click.option("--device", "uri", metavar="sim:CORE", help="The core of the artifact's target if left out.")
@click.option("--all", "everything", is_flag=True, help="All of the kernel's code, not only the hottest.")
@json_option
def explain(folder: Path, name: str, uri: str | None, everything: bool, as_json: bool) -> None:
    """Show the hot loops of a kernel on a simulated core: assembly, bottleneck, floor."""
    from .. import targets
    from ..artifact import Artifact
    from ..explain import explain as explain_kernel
    from ..simulated_tables import show_explanation

    artifact = Artifact.open(folder)
    device = targets.open_device(uri or f"sim:{artifact.manifest['target']['core']}")
    with working(f"simulating {folder} on {device.uri}"):
        explanation = explain_kernel(artifact, name, device, everything=everything)
    if as_json:
        print_json({"folder": str(folder), "device": device.uri, **explanation.to_json()})
    else:
        show_explanation(explanation)
