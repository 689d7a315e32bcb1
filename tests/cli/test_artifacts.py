"""compile, run, bench, explain."""

import json
import subprocess

import numpy as np
import pytest

from armlet.targets.board_files import FIRMWARE

from ..boards.trees import pi4, write_tree
from .process import armlet, refused
from .timm_checkpoint import write_checkpoint


def test_run_and_bench(artifact, tmp_path):
    done = armlet("run", artifact, "--device", "host", "--output", tmp_path / "y.npy", "--json")
    result = json.loads(done.stdout)
    logits = np.load(tmp_path / "y.npy")
    assert result["top5"][0] == {
        "class": int(logits.argmax()),
        "label": None,
        "value": pytest.approx(float(logits.max())),
    }
    assert result["against_onnxruntime"]["same_top5"] == 1
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


def test_bench_kernel_by_kernel(artifact):
    command = ["bench", artifact, "--device", "host", "--profile", "--rounds", "10", "--cooldown", "0"]
    (entry,) = json.loads(armlet(*command, "--json").stdout)["artifacts"]
    table = json.loads((artifact / "manifest.json").read_text())["kernels"]
    assert {kernel["name"]: kernel["layers"] for kernel in entry["kernels"]} == {
        kernel["name"]: kernel["layers"] for kernel in table
    }
    assert sum(kernel["macs"] for kernel in entry["kernels"]) == sum(
        kernel["macs"] * len(kernel["layers"]) for kernel in table
    )
    assert all(len(layer["samples_ms"]) == 10 for layer in entry["layers"])
    samples = [layer["samples_ms"] for layer in entry["layers"]]
    assert entry["by_kernel_ms"] == pytest.approx(float(np.median(np.sum(samples, axis=0))))
    shown = armlet(*command).stdout
    assert "block4/depthwise/conv" in shown
    assert "ms are in no kernel" in shown
    assert "median ms" in shown


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
    done = armlet("bench", artifact, "--device", uri, "--cooldown", "0", "--json")
    (entry,) = json.loads(done.stdout)["artifacts"]
    assert entry["conditions"]["board"]["cpus"][2]["core"] == "cortex-a72"
    assert entry["conditions"]["turns"][0]["clock_mhz"] == 1800


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


def test_compile_with_weights(tiny, tmp_path):
    write_checkpoint(tmp_path / "model.safetensors", "mobilenet_v3_small", seed=5)
    command = ["compile", "mobilenet_v3_small", "-o", tmp_path / "made", "--target", "host"]
    command += ["--weights", tmp_path / "model.safetensors"]
    assert "say --source timm or --source timm-tf" in refused(2, *command)
    report = json.loads(armlet(*command, "--source", "timm", "--json").stdout)["report"]
    assert report["made_of"]["weights"] == str(tmp_path / "model.safetensors")
    assert report["made_of"]["whose"] == "timm"
    manifest = json.loads((tmp_path / "made" / "manifest.json").read_text())
    assert manifest["source"]["weights"].startswith("model.safetensors of timm, sha256 ")
    assert manifest["preprocessing"]["interpolation"] == "bicubic"
    command[1] = tiny
    assert "is no network of armlet's, which a checkpoint is for" in refused(2, *command, "--force")


def test_run_shows_boxes(tmp_path):
    network = ("ssdlite_mobilenet_v3_small", "--width", "0.35", "--resolution", "96", "--no-postprocess")
    assert armlet("build", *network, "-o", tmp_path / "m.onnx").returncode == 0
    folder = tmp_path / "made"
    assert armlet("compile", tmp_path / "m.onnx", "-o", folder, "--target", "host").returncode == 0
    result = json.loads(armlet("run", folder, "--device", "host", "--json").stdout)
    assert len(result["detections"]) == 100
    assert result["detections"][0].keys() == {"class", "label", "score", "left", "top", "right", "bottom"}
    shown = armlet("run", folder, "--device", "host").stdout
    assert "and 80 more (--json has all)" in shown
    assert shown.splitlines()[1].split() == [*result["detections"][0]]


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


def test_an_emulator_gives_no_times(artifact):
    for profile in ((), ("--profile",)):
        assert "no times" in refused(2, "bench", artifact, "--device", "emulated:cortex-a76", *profile)


def test_unreachable_device(artifact):
    assert "rpc://127.0.0.1:9" in refused(5, "run", artifact, "--device", "rpc://127.0.0.1:9")
    assert "tracker" in refused(5, "run", artifact, "--device", "tracker://127.0.0.1:9/phone")


def test_a_changed_artifact(artifact, tmp_path):
    changed = tmp_path / "changed"
    subprocess.run(["cp", "-r", artifact, changed], check=True)
    with (changed / "model.so").open("r+b") as file:
        file.seek(100)
        file.write(b"x")
    for command in ("run", "bench"):
        assert "model.so has changed" in refused(6, command, changed, "--device", "host")
    assert "cannot run" in refused(6, "run", artifact, "--device", "emulated:cortex-a76")


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
