"""The command line: each command parses, calls one function of the library, and shows what it returned."""

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from . import __version__
from .console import print_json, print_table, progress_bar, working
from .errors import ArmletError, DeviceError

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
device_option = click.option(
    "--device",
    "uri",
    required=True,
    metavar="URI",
    help="host, emulated:CORE, sim:CORE, rpc://HOST:PORT, tracker://HOST:PORT/KEY",
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


def main() -> NoReturn:
    """Run the command line; every failure is one line and the exit code of its kind."""
    code = _run()
    # Python itself would wait for LLVM in other threads, and free a million objects one by one.
    os._exit(code)


def _run() -> int:
    # Imports alone make a million objects that stay: looking for garbage among them took half a second.
    gc.set_threshold(100_000)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _failed(f"{error.format_message()} (armlet --help)", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except (ArmletError, OSError, RuntimeError) as error:
        # TVM turns an interruption of what it calls back into an error of its own.
        if _signals:
            return _failed("interrupted", 130)
        if "--debug" in sys.argv or isinstance(error, RuntimeError):
            raise
        return _failed(" ".join(str(error).split()), getattr(error, "exit_code", 1))
    return 0


_signals: list[int] = []


def _interrupt(number: int, frame: object) -> NoReturn:
    _signals.append(number)
    raise KeyboardInterrupt


def _failed(words: str, code: int) -> int:
    click.echo(f"armlet: {words}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="armlet")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
def cli(debug: bool) -> None:
    """Compile MobileNetV3-class networks for ARM CPUs.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 5 device unreachable or lost, 6 invalid model or artifact,
    130 interrupted.
    """


@cli.command()
@json_option
def models(as_json: bool) -> None:
    """List the networks that can be built."""
    from .frontend import ARCHITECTURES, build, count

    rows = []
    for name, architecture in ARCHITECTURES.items():
        counts = count(build(name))
        rows.append((name, counts.parameters, counts.macs, architecture.published_top1, architecture.source))
    keys = ("name", "parameters", "macs", "published_top1_percent", "source")
    if as_json:
        print_json({"models": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print_table(("model", "parameters", "MACs", "published top-1 %", "source"), rows)


@cli.command()
@click.argument("name", metavar="MODEL")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="M.onnx")
@click.option("--width", type=float, default=1.0, show_default=True, help="Factor on the channels.")
@click.option("--resolution", type=int, default=224, show_default=True, help="Height and width in pixels.")
@click.option("--classes", type=int, default=1000, show_default=True)
@click.option("--minimalistic", is_flag=True, help="No 5x5, no squeeze-excite, no h-swish.")
@click.option(
    "--width-rule",
    type=click.Choice(["paper", "torchvision"]),
    default="paper",
    show_default=True,
    help="How channels follow the width: the paper keeps the head below width 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random weights.")
@force_option
@json_option
def build(name: str, output: Path, force: bool, as_json: bool, **options: Any) -> None:
    """Build a network with random weights as an ONNX file."""
    from . import frontend

    model = frontend.build(name, **options)
    frontend.save(model, output, force=force)
    counts = frontend.count(model)
    if as_json:
        layers = [vars(layer) for layer in counts.layers]
        print_json(
            {"file": str(output), "parameters": counts.parameters, "macs": counts.macs, "layers": layers}
        )
    else:
        click.echo(f"{output}: {counts.parameters:,} parameters, {counts.macs:,} MACs, random weights")


@cli.command()
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
@force_option
@json_option
def optimize(source: Path, output: Path, target: Any, force: bool, as_json: bool) -> None:
    """Rewrite an ONNX file, proving each rewrite with ONNX Runtime."""
    from . import frontend, passes

    optimized = passes.optimize(frontend.load(source), target)
    frontend.save(optimized.model, output, force=force)
    if as_json:
        print_json({"file": str(output), **optimized.report.to_json()})
    else:
        _show_passes(optimized.report.to_json())
        click.echo(f"written to {output}")


@cli.command(name="compile")
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
@force_option
@json_option
def compile_(source: str, output: Path, core: str, as_json: bool, **options: Any) -> None:
    """Compile a network of armlet's (random weights) or an ONNX file for a core."""
    from . import compiler, frontend, targets

    target = targets.find_core(core)
    model = frontend.open_model(source)
    with progress_bar(f"compiling {source} for {core}") as progress:
        artifact = compiler.compile_model(model, output, target, progress=progress, **options)
    if as_json:
        sizes = {"file_bytes": artifact.sizes, "memory": artifact.memory}
        print_json({"folder": str(output), **sizes, "report": artifact.report})
        return
    _show_passes(artifact.report["passes"])
    print_table(("file", "bytes"), artifact.sizes.items(), title=f"{output}")
    _show_memory(artifact.memory)
    _show_verification(artifact.report["verification"])
    tuning = {kind: len(layers) for kind, layers in artifact.manifest["tuning"].items()}
    click.echo(
        f"kernels tuned by records: {tuning['used']} layers; by default: {tuning['missing']} without a record"
        f", {tuning['stale']} with one of another armlet"
    )
    for layer in artifact.report["fallbacks"]:
        click.echo(f"left to TVM's own code: {layer}")


@cli.command()
@click.argument("source", metavar="MODEL|M.onnx")
@click.option("--target", "core", required=True, metavar="CORE", help=TARGETS)
@click.option("--device", "uri", required=True, metavar="URI", help="Where kernels are measured.")
@click.option("--database", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--trials", type=click.IntRange(1), metavar="N", help="Measure at most so many; else all.")
@precision_option
@json_option
def tune(source: str, core: str, uri: str, database: Path, as_json: bool, **options: Any) -> None:
    """Find the best parameters for a network's kernels, and keep what was measured in a file.

    What ends a run loses the trials that were running: the same command goes on from there.
    """
    from . import compiler, frontend, targets

    target, device = targets.find_core(core), targets.open_device(uri)
    model = frontend.open_model(source)
    with progress_bar(f"tuning {source} for {core} on {uri}") as progress:
        tuning = compiler.tune_model(model, target, device, database, progress=progress, **options)
    if as_json:
        print_json({"database": str(database), "device": uri, **tuning.to_json()})
        return
    unit = tuning.unit
    rows = [
        (kernel["kernel"], kernel["layers"][0], kernel[f"default_{unit}"], kernel[f"tuned_{unit}"])
        for kernel in tuning.to_json()["kernels"]
    ]
    print_table(("template", "first layer", "default", "tuned"), rows, title=unit.replace("_", " "))
    click.echo(
        f"{tuning.measured} trials measured, {sum(tuning.failures.values())} rounds failed; the network: "
        f"{tuning.default_cost:,.0f} {unit.replace('_', ' ')} by default, {tuning.tuned_cost:,.0f} tuned; "
        f"records in {database}"
    )
    for reason, times in tuning.failures.items():
        click.echo(f"failed {times} times: {reason}")


@cli.command()
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
    """Run an artifact on a device and compare the result with ONNX Runtime's."""
    from . import inference, pictures, targets
    from .artifact import Artifact

    artifact, device = Artifact.open(folder), targets.open_device(uri)
    if output:
        inference.check_output_name(output, artifact)
    image = pictures.read_input(source, artifact) if source else artifact.sample[0]
    with working(f"running on {uri}"):
        result = inference.infer(artifact, device, image)
    if output:
        inference.save_outputs(result.outputs, output, force=force)
    weights, labels = artifact.manifest["source"]["weights"], artifact.manifest["labels"]
    named = [(place, labels[place] if labels else None, value) for place, value in result.top5]
    if as_json:
        top5 = [{"class": place, "label": label, "value": value} for place, label, value in named]
        agreement = {"worst_error": result.worst_error, "same_top5": result.same_top5}
        print_json({"device": uri, "weights": weights, "top5": top5, "against_onnxruntime": agreement})
        return
    print_table(("class", "label", "value"), named, title="top 5")
    click.echo(
        f"{uri} against ONNX Runtime: worst error {result.worst_error:.1e} of the output's range, "
        f"{'the same' if result.same_top5 else 'another'} top 5"
    )
    click.echo(f"weights: {weights}")


@cli.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="DIR...")
@device_option
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Of a real device."
)
@click.option("--profile", is_flag=True, help="Kernel by kernel, of a simulated core.")
@json_option
def bench(folders: tuple[Path, ...], uri: str, rounds: int, profile: bool, as_json: bool) -> None:
    """Measure the latency of artifacts on a device; on a simulated core, count them and model their cycles.

    One thread, batch 1.
    """
    from . import inference, targets
    from .artifact import Artifact
    from .simulated_tables import show_profile, show_totals

    device = targets.open_device(uri)
    artifacts = [Artifact.open(folder) for folder in folders]
    with working(f"measuring on {uri}"):
        results = [inference.bench(artifact, device, rounds) for artifact in artifacts]
    if as_json:
        entries = [
            {"folder": str(artifact.folder), **result.to_json()}
            for artifact, result in zip(artifacts, results, strict=True)
        ]
        print_json({"device": uri, "artifacts": entries})
        return
    timed = []
    for artifact, result in zip(artifacts, results, strict=True):
        if isinstance(result, targets.Latency):
            timed.append((str(artifact.folder), *map(result.percentile, (50, 10, 90))))
        else:
            show_totals(result, f"{artifact.folder} on {device.uri}")
            if profile:
                show_profile(result)
    if timed:
        print_table(("artifact", "median ms", "10% ms", "90% ms"), timed, title=f"{uri}, {rounds} rounds")


@cli.command()
@artifact_argument
@click.option("--kernel", "name", required=True, metavar="NAME", help="A kernel or a layer of the profile.")
@click.option("--device", "uri", metavar="sim:CORE", help="The core of the artifact's target if left out.")
@click.option("--all", "everything", is_flag=True, help="All of the kernel's code, not only the hottest.")
@json_option
def explain(folder: Path, name: str, uri: str | None, everything: bool, as_json: bool) -> None:
    """Show the hot loops of a kernel on a simulated core: assembly, bottleneck, floor."""
    from . import targets
    from .artifact import Artifact
    from .explain import explain as explain_kernel
    from .simulated_tables import show_explanation

    artifact = Artifact.open(folder)
    device = targets.open_device(uri or f"sim:{artifact.manifest['target']['core']}")
    with working(f"simulating {folder} on {device.uri}"):
        explanation = explain_kernel(artifact, name, device, everything=everything)
    if as_json:
        print_json({"folder": str(folder), "device": device.uri, **explanation.to_json()})
    else:
        show_explanation(explanation)


@cli.command()
@click.argument("uris", nargs=-1, metavar="[URI...]")
@json_option
def devices(uris: tuple[str, ...], as_json: bool) -> None:
    """List the devices of this machine, or check those named; exit code 5 if one of these cannot be used."""
    from . import targets

    with working("asking the devices"):
        statuses = targets.list_devices(uris)
    if as_json:
        print_json({"devices": [vars(status) for status in statuses]})
    else:
        rows = [(status.uri, "yes" if status.available else "no", status.note) for status in statuses]
        print_table(("device", "usable", "note"), rows)
    if uris and not all(status.available for status in statuses):
        sys.exit(DeviceError.exit_code)


@cli.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR")
@force_option
def server(output: Path, force: bool) -> None:
    """Write the RPC server for a 64-bit Raspberry Pi or an Android phone, with all it needs, to a folder."""
    from . import targets

    with working("building the server"):
        targets.write_server(output, force=force)
    click.echo(f"{output}: copy it to the board or phone and run ./start there (./start --help)")


@cli.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed, what is missing, and the command that brings it."""
    from . import targets

    findings = targets.diagnose()
    if as_json:
        print_json({"findings": [vars(finding) for finding in findings]})
    else:
        rows = [(f.name, f.found or "missing", f.purpose, "" if f.found else f.remedy) for f in findings]
        print_table(("what", "found", "for", "to get it"), rows)


def _show_passes(report: dict[str, Any]) -> None:
    rows = [
        (p["name"], p["found"], p["rewritten"], len(p["refused"]), p["worst_error"]) for p in report["passes"]
    ]
    print_table(("pass", "found", "rewritten", "refused", "worst error"), rows)
    for entry in report["passes"]:
        for refusal in entry["refused"]:
            click.echo(f"{entry['name']} refused {refusal['node']}: {refusal['reason']}")
    if report["large_skipped"]:
        click.echo(f"not verified on large inputs: {report['large_skipped']}")
    click.echo(
        f"against the original in ONNX Runtime: worst error {report['worst_error']:.1e} of the output's "
        f"range, at most {report['tolerance']:.0e} allowed"
    )


def _show_memory(memory: dict[str, int]) -> None:
    workspace, least, weights, library = (f"{size:,}" for size in memory.values())
    click.echo(
        f"bytes of memory: workspace {workspace} (any plan: at least {least}), weights {weights}, "
        f"library with weights {library}"
    )


def _show_verification(verification: dict[str, Any]) -> None:
    if verification["device"] is None:
        click.echo(f"compiled network not verified: {verification['reason']}")
    else:
        click.echo(
            f"compiled network on {verification['device']}: worst error {verification['worst_error']:.1e} of "
            f"the output's range, at most {verification['tolerance']:.0e} allowed"
        )
