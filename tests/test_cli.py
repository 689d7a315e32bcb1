"""The command line as a user meets it: a process, its output, its exit code."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from safetensors.numpy import save_file

from armlet import build
from armlet.frontend import save
from armlet.frontend.checkpoints import timm
from armlet.frontend.checkpoints.key_rule import Parameter
from armlet.targets.board_files import FIRMWARE

from .boards.trees import pi4, write_tree

ARMLET = Path(sys.executable).with_name("armlet")


def armlet(*arguments, cwd=None, **environment):
    return subprocess.run(
        [str(ARMLET), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def refused(code, *arguments, cwd=None):
    """The one line with which the command fails."""
    done = armlet(*arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("armlet: ")
    return line


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    save(build("mobilenet_v3_small", resolution=64, width=0.35, classes=10), path)
    return path


@pytest.fixture(scope="module")
def artifact(tiny):
    folder = tiny.parent / "artifact"
    assert armlet("compile", tiny, "-o", folder, "--target", "host").returncode == 0
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *(
            [name, "--help"]
            for name in ("build", "compile", "run", "bench", "explain", "check", "devices", "deploy")
        ),
    ],
)
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys; from armlet.cli import cli\n"
        f"cli.main({arguments!r}, prog_name='armlet', standalone_mode=False)\n"
        "heavy = {'tvm', 'tvm_ffi', 'onnx', 'onnx_ir', 'onnxruntime', 'numpy', 'onnxscript', 'PIL', 'rich'}\n"
        "sys.exit(f'imports {heavy & sys.modules.keys()}' if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "armlet" in done.stdout


def test_models():
    listed = json.loads(armlet("models", "--json").stdout)["models"]
    figures = {model["name"]: (model["parameters"], model["macs"]) for model in listed}
    assert figures == {
        "mobilenet_v3_large": (5_483_032, 216_589_760),
        "mobilenet_v3_small": (2_542_856, 56_510_400),
        "mobilenet_v2": (3_504_872, 300_774_272),
        "mnasnet_a1": (3_887_038, 311_579_072),
        "mnasnet_small": (2_030_264, 68_339_184),
        "lraspp_mobilenet_v3_large": (1_507_198, 2_342_426_752),
        "lraspp_mobilenet_v3_small": (468_830, 682_430_208),
        "lraspp_mobilenet_v2": (987_174, 3_079_884_800),
        "raspp_mobilenet_v3_large": (3_600_963, 4_448_976_768),
        "raspp_mobilenet_v3_small": (1_359_411, 1_672_249_344),
        "raspp_mobilenet_v2": (2_113_043, 5_206_786_048),
        "ssdlite_mobilenet_v3_large": (5_006_735, 613_143_104),
        "ssdlite_mobilenet_v3_small": (2_518_271, 210_417_856),
        "ssdlite_mobilenet_v2": (4_500_543, 804_397_504),
    }
    assert "mobilenet_v3_large" in armlet("models").stdout


def test_build_and_optimize(tmp_path):
    out = tmp_path / "m.onnx"
    built = json.loads(armlet("build", "mobilenet_v3_small", "-o", out, "--width", "0.75", "--json").stdout)
    assert (built["parameters"], built["macs"]) == (2_041_872, 43_399_344)
    assert sum(layer["macs"] for layer in built["layers"]) == 43_399_344

    report = json.loads(armlet("optimize", out, "-o", tmp_path / "o.onnx", "--json").stdout)
    passes = {entry["name"]: entry for entry in report["passes"]}
    assert passes["fold_batch_norm"]["rewritten"] == 34
    assert passes["fuse_squeeze_excite"]["rewritten"] == 9
    assert report["worst_error"] <= 1e-5
    operators = {node.op_type for node in onnx.load(tmp_path / "o.onnx").graph.node}
    assert not operators & {"BatchNormalization", "HardSigmoid", "HardSwish", "Div"}


def test_an_input_shape_for_a_model_that_leaves_it_open(tmp_path):
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>'
        "m (float[N,3,H,W] image) => (float[N,3,H,W] y) { y = Relu (image) }"
    )
    onnx.save(proto, tmp_path / "m.onnx")
    arguments = ("optimize", tmp_path / "m.onnx", "-o", tmp_path / "o.onnx", "--input-shape")
    armlet(*arguments, "image=1,3,6,7")
    (image,) = onnx.load(tmp_path / "o.onnx").graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [1, 3, 6, 7]
    for wrong in ("1,3,x,7", "other=1,3,6,7"):
        assert armlet(*arguments, wrong, "--force").returncode == 2


def test_build_takes_height_and_width(tmp_path):
    out = tmp_path / "m.onnx"
    small = ("--width", "0.35", "--filters", "8", "--input", "uint8", "--frame", "48x80")
    assert (
        armlet("build", "lraspp_mobilenet_v3_small", "-o", out, "--resolution", "64x96", *small).returncode
        == 0
    )
    graph = onnx.load(out).graph
    shapes = [
        [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    ]
    assert shapes == [[1, 48, 80, 3], [1, 19, 64, 96]]
    for wrong in ("64x", "x64", "large"):
        assert "nor HEIGHTxWIDTH" in refused(2, "build", "mobilenet_v2", "-o", out, "--resolution", wrong)


def test_build_with_weights(tmp_path):
    model = build("mobilenet_v2", width=0.35, resolution=32, classes=10, source="timm")
    parameters = [Parameter.of(name) for name in model.graph.initializers if "/act/" not in name]
    # 17 blocks, in timm's stages.
    stages = [
        f"blocks.{stage}.{place}." for stage, n in enumerate((1, 2, 3, 4, 3, 3, 1)) for place in range(n)
    ]
    names = timm.RULE.names(parameters, stages)
    arrays = [model.graph.initializers[str(parameter)].const_value.numpy() for parameter in parameters]
    weights = tmp_path / "model.safetensors"
    save_file(dict(zip(names, arrays, strict=True)), weights)

    command = ["build", "mobilenet_v2", "-o", tmp_path / "m.onnx", "--weights", weights, "--width", "0.35"]
    assert "say --source timm or --source timm-tf" in refused(2, *command)
    assert "it looks like mobilenet_v2 --width 0.35 --classes 10" in refused(6, *command, "--source", "timm")
    done = armlet(*command, "--source", "timm", "--classes", "10")
    assert "weights: model.safetensors of timm, sha256 " in done.stdout
    assert "cannot read the checkpoint" in refused(2, *command[:-3], tmp_path / "absent.pth")
    assert "cannot be read as a checkpoint" in refused(6, *command[:-3], tmp_path / "m.onnx")


def test_run_and_bench(artifact, tmp_path):
    done = armlet("run", artifact, "--device", "host", "--output", tmp_path / "y.npy", "--json")
    result = json.loads(done.stdout)
    logits = np.load(tmp_path / "y.npy")
    assert result["top5"][0] == {
        "class": int(logits.argmax()),
        "label": None,
        "value": pytest.approx(float(logits.max())),
    }
    assert result["against_onnxruntime"]["same_top5"] is True
    assert result["weights"] == "random, seed 0"

    options = ("--rounds", "17", "--cooldown", "0", "--json")
    timed = json.loads(armlet("bench", artifact, "--device", "host", *options).stdout)
    (entry,) = timed["artifacts"]
    assert len(entry["samples_ms"]) == 17
    assert entry["conditions"].keys() == {
        *("board", "cpus", "turns", "waited_seconds", "repeated_turns", "notes")
    }
    assert [turn.keys() for turn in entry["conditions"]["turns"]] == [
        {"clock_mhz", "celsius", "fastest", "tainted"}
    ] * 2
    assert all(sample > 0 for sample in entry["samples_ms"])


def test_bench_on_a_board_that_throttles_is_inconclusive(artifact, tmp_path, start_server):
    root = write_tree(tmp_path / "root", pi4(mhz=1000, throttled=0x6))
    uri = f"rpc://127.0.0.1:{start_server('--root', str(root)).port}"
    done = armlet("bench", artifact, "--device", uri, "--cooldown", "0.1")
    assert done.returncode == 4, done.stderr
    assert done.stdout.rstrip().endswith("cortex-a72 0, 1, 2, 3")
    words = (
        f"armlet: {uri} gives no steady times, after 0 s of waiting: the firmware caps the clock: let it cool"
    )
    *notes, last = done.stderr.splitlines()
    assert notes == [f"note: the device is not fit to measure: {why}" for why in FIRMWARE[1:3]]
    assert last.startswith(words)
    write_tree(root, pi4())
    entry = json.loads(armlet("bench", artifact, "--device", uri, "--json").stdout)["artifacts"][0]
    assert entry["conditions"]["board"]["cpus"][2]["core"] == "cortex-a72"
    assert entry["conditions"]["turns"][0]["clock_mhz"] == 1800


@pytest.fixture(scope="module")
def for_a53(tiny):
    folder = tiny.parent / "a53"
    assert armlet("compile", tiny, "-o", folder, "--target", "cortex-a53").returncode == 0
    return folder


@pytest.mark.emulator
def test_bench_on_a_simulated_core(for_a53):
    done = armlet("bench", for_a53, "--device", "sim:cortex-a53", "--json")
    (entry,) = json.loads(done.stdout)["artifacts"]
    assert entry["core"] == "cortex-a53"
    assert sum(sum(kernel["instructions"].values()) for kernel in entry["kernels"]) == sum(
        entry["instructions"].values()
    )
    shown = armlet("bench", for_a53, "--device", "sim:cortex-a53@1.4GHz", "--profile").stdout
    assert f"yardstick {entry['yardstick']}, qemu {entry['versions']['qemu']}" in shown
    assert " ms, " in shown
    assert "block4/depthwise/conv" in shown
    assert "to run, use emulated:cortex-a53" in refused(2, "run", for_a53, "--device", "sim:cortex-a53")


@pytest.mark.emulator
def test_explain(for_a53):
    bench = armlet("bench", for_a53, "--device", "sim:cortex-a53", "--json")
    (entry,) = json.loads(bench.stdout)["artifacts"]
    kernel = next(kernel for kernel in entry["kernels"] if "block4/depthwise/conv" in kernel["layers"])
    # Without a device, the core that the artifact is for.
    done = armlet("explain", for_a53, "--kernel", "block4/depthwise/conv", "--json")
    explained = json.loads(done.stdout)
    assert explained["device"] == "sim:cortex-a53"
    assert explained["kernel"] == kernel
    assert 1 <= len(explained["runs"]) <= 3

    whole = armlet("explain", for_a53, "--kernel", kernel["name"], "--all").stdout
    assert "bound by" in whole
    assert "fmla v" in whole
    assert "(--all)" not in whole
    assert "block4/depthwise/conv" in refused(2, "explain", for_a53, "--kernel", "block4/depth")
    assert "choose a simulated core" in refused(2, "explain", for_a53, "--kernel", "x", "--device", "host")


def test_labels(tiny, tmp_path):
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(f"animal {number}" for number in range(9)))
    command = ["compile", tiny, "-o", tmp_path / "named", "--target", "host", "--labels", names]
    assert "9 lines, expected one for each of 10 classes" in refused(2, *command)
    names.write_text("\n".join(f"animal {number}" for number in range(10)))
    assert armlet(*command).returncode == 0
    top = json.loads(armlet("run", tmp_path / "named", "--device", "host", "--json").stdout)["top5"]
    assert all(entry["label"] == f"animal {entry['class']}" for entry in top)
    assert "absent.txt" in refused(2, *command[:-1], tmp_path / "absent.txt", "--force")


def test_devices_and_doctor():
    listed = {device["uri"]: device for device in json.loads(armlet("devices", "--json").stdout)["devices"]}
    assert {"host", "emulated:cortex-a53", "emulated:cortex-a76"} <= listed.keys()
    assert listed["host"].keys() == {"name", "uri", "available", "note", "board", "unfit"}
    assert len(listed["host"]["board"]["cpus"]) >= 1
    assert listed["emulated:cortex-a53"]["board"] is None
    findings = json.loads(armlet("doctor", "--json").stdout)["findings"]
    found = {finding["name"]: finding["found"] for finding in findings}
    assert found["apache-tvm"] == "0.27.0.post1"
    assert all(finding["remedy"] for finding in findings)
    assert "apache-tvm-ffi" in armlet("doctor").stdout


def test_wrong_usage(tiny, artifact, tmp_path):
    out = tmp_path / "out"
    assert "no model named 'resnet50'" in refused(2, "build", "resnet50", "-o", out)
    assert "no ONNX file at" in refused(2, "optimize", tmp_path / "absent.onnx", "-o", out)
    assert "neither a model (mobilenet_v3_large, " in refused(
        2, "compile", "resnet50", "-o", out, "--target", "host"
    )
    assert "cortex-a99" in refused(2, "compile", tiny, "-o", out, "--target", "cortex-a99")
    assert "fp8" in refused(2, "compile", tiny, "-o", out, "--target", "host", "--precision", "fp8")
    assert "toaster" in refused(2, "run", artifact, "--device", "toaster:7")
    assert "cortex-a99" in refused(2, "run", artifact, "--device", "emulated:cortex-a99")
    assert "--force" in refused(2, "build", "mobilenet_v2", "-o", tiny)
    assert "--force" in refused(2, "compile", tiny, "-o", artifact, "--target", "host")
    assert "--nonsense" in refused(2, "models", "--nonsense")
    assert "minimalistic" in refused(2, "build", "mobilenet_v2", "--minimalistic", "-o", out)
    assert not out.exists()


def test_an_emulator_gives_no_times(artifact):
    assert "no times" in refused(2, "bench", artifact, "--device", "emulated:cortex-a76")


def test_unreachable_device(artifact):
    assert "rpc://127.0.0.1:9" in refused(5, "run", artifact, "--device", "rpc://127.0.0.1:9")
    assert "tracker" in refused(5, "run", artifact, "--device", "tracker://127.0.0.1:9/phone")


def test_invalid_models(tiny, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "cut.onnx").write_bytes(tiny.read_bytes()[:100_000])
    assert "text.onnx" in refused(6, "optimize", tmp_path / "text.onnx", "-o", out)
    assert "cut.onnx" in refused(6, "compile", tmp_path / "cut.onnx", "-o", out, "--target", "host")

    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    weight = model.graph.initializers["stem/conv/weight"]
    array = weight.const_value.numpy().copy()
    array[0, 0, 0, 0] = np.nan
    weight.const_value = ir.tensor(array, name=weight.name)
    save(model, tmp_path / "nan.onnx")
    assert "stem/conv/weight" in refused(6, "optimize", tmp_path / "nan.onnx", "-o", out)
    assert "stem/conv/weight" in refused(6, "compile", tmp_path / "nan.onnx", "-o", out, "--target", "host")
    assert not out.exists()


def test_a_changed_artifact(artifact, tmp_path):
    changed = tmp_path / "changed"
    subprocess.run(["cp", "-r", artifact, changed], check=True)
    with (changed / "model.so").open("r+b") as file:
        file.seek(100)
        file.write(b"x")
    for command in ("run", "bench"):
        assert "model.so has changed" in refused(6, command, changed, "--device", "host")
    assert "cannot run" in refused(6, "run", artifact, "--device", "emulated:cortex-a76")


def test_what_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write" in refused(1, "build", "mobilenet_v2", "-o", tmp_path / "file" / "m.onnx")
    assert "cannot write" in refused(1, "compile", tiny, "-o", tmp_path / "file" / "a", "--target", "host")
    assert "cannot write" in refused(1, "build", "mobilenet_v2", "-o", "/proc/armlet/m.onnx")


def test_a_run_does_not_overwrite(artifact, tmp_path):
    (tmp_path / "y.npy").write_text("precious")
    assert "--force" in refused(2, "run", artifact, "--device", "host", "--output", tmp_path / "y.npy")
    assert (tmp_path / "y.npy").read_text() == "precious"
    assert "must end in .npy" in refused(
        2, "run", artifact, "--device", "host", "--output", tmp_path / "y.txt"
    )


def test_the_memory_of_a_compiled_network_is_said(tiny, tmp_path):
    command = ["compile", tiny, "-o", tmp_path / "made", "--target", "host", "--force"]
    memory = json.loads(armlet(*command, "--json").stdout)["memory"]
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    constants = sum(each["constant_bytes"] * len(each["layers"]) for each in manifest["kernels"])
    assert manifest["arena"] == {
        "bytes": memory["workspace_bytes"],
        "lower_bound_bytes": memory["workspace_lower_bound_bytes"],
    }
    assert memory["workspace_lower_bound_bytes"] <= memory["workspace_bytes"]
    # No two layers have the same weights; the arrays are aligned to 64 bytes.
    assert constants <= memory["weights_bytes"] < constants + 64 * 3 * len(manifest["kernels"])
    assert memory["library_bytes"] == (tmp_path / "made" / "c" / "libtiny.so").stat().st_size
    assert memory["library_bytes"] > memory["weights_bytes"]

    (line,) = (line for line in armlet(*command).stdout.splitlines() if "workspace" in line)
    assert all(f"{size:,}" in line for size in memory.values())


def test_names_are_shown_as_they_are(tiny, tmp_path):
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(["[/b]", "[bold]x", *(f"[{n}] y" for n in range(8))]))
    folder = tmp_path / "[b] made"
    done = armlet("compile", tiny, "-o", folder, "--target", "host", "--labels", names)
    assert done.returncode == 0
    assert "[b] made" in done.stdout
    assert "[" in armlet("run", folder, "--device", "host").stdout


def test_a_terminated_compilation_leaves_nothing(tmp_path):
    command = [str(ARMLET), "compile", "mobilenet_v3_large", "-o", str(tmp_path / "out"), "--target", "host"]
    cache = tmp_path / "cache"
    process = subprocess.Popen(command, env=os.environ | {"ARMLET_CACHE": str(cache)})
    deadline = time.monotonic() + 120
    while not any(cache.rglob("*.o")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=120) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_cache_that_cannot_be_made(tiny, tmp_path):
    done = armlet("compile", tiny, "-o", tmp_path / "out", "--target", "host", ARMLET_CACHE="/proc/nope")
    assert done.returncode == 1
    assert "the cache /proc/nope" in done.stderr


def test_a_full_disk(tiny, tmp_path):
    limited = f"ulimit -f 1000; exec {ARMLET} compile {tiny} -o {tmp_path / 'out'} --target host"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "armlet: cannot write" in done.stderr.strip().splitlines()[-1]
    assert not any(tmp_path.iterdir())


def test_debug_shows_where(tmp_path):
    done = armlet("--debug", "build", "resnet50", "-o", tmp_path / "m.onnx")
    assert "Traceback" in done.stderr
    assert "UsageError" in done.stderr


@pytest.mark.emulator
def test_check_on_a_simulated_core(for_a53, tmp_path):
    command = ["check", for_a53, "--device", "sim:cortex-a53", "--baseline", tmp_path / "b.json"]
    assert "make it with --update" in refused(6, *command)
    assert armlet(*command, "--update").returncode == 0
    passed = armlet(*command, "--junit", tmp_path / "j.xml", "--summary", tmp_path / "s.md")
    assert passed.returncode == 0
    assert passed.stdout.splitlines()[-1] == "passed"
    assert (tmp_path / "j.xml").exists()
    assert "✅" in (tmp_path / "s.md").read_text()

    content = json.loads((tmp_path / "b.json").read_text())
    (entry,) = content["artifacts"].values()
    entry["cycles"] -= entry["cycles"] // 50
    (tmp_path / "b.json").write_text(json.dumps(content))
    slower = armlet(*command, "--json")
    assert slower.returncode == 3
    assert json.loads(slower.stdout)["outcome"] == "regression"
    assert armlet(*command, "--threshold", "3").returncode == 0


def test_check_refuses_what_has_no_exact_figures(artifact, tmp_path):
    complaint = refused(2, "check", artifact, "--device", "host", "--baseline", tmp_path / "b.json")
    assert "only compared within a run" in complaint


def test_init_ci(tmp_path):
    done = armlet("init-ci", "mobilenet_v3_small", "--target", "cortex-a53", cwd=tmp_path)
    assert done.returncode == 0
    assert "sim:cortex-a53" in (tmp_path / ".github/workflows/armlet.yml").read_text()
    assert "--update" in done.stdout
    again = refused(2, "init-ci", "mobilenet_v3_small", "--target", "cortex-a53", cwd=tmp_path)
    assert "--force" in again
