"""The library of a network: C functions that depend on nothing, called here without TVM."""

import ctypes

import numpy as np
import pytest

from armlet import compile_model
from armlet.errors import InvalidArtifactError
from armlet.frontend import build
from armlet.targets import find_core
from armlet.targets.elf import read_needs, read_signature


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "host", find_core("host"))


@pytest.fixture
def library(artifact):
    return ctypes.CDLL(str(artifact.library))


def pointers(*arrays):
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def memory(nbytes):
    """So many bytes, aligned to 64, that hold no zeros."""
    block = np.full(nbytes + 64, 0xA5, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + nbytes]


def workspace_of(library):
    return memory(ctypes.c_uint64.in_dll(library, "armlet_workspace_bytes").value)


def is_right(output, artifact):
    expected = artifact.sample[1]
    return np.abs(output - expected).max() <= 1e-4 * np.ptp(expected)


def test_it_needs_nothing_and_offers_little(artifact):
    needs = read_needs(artifact.library)
    assert needs.libraries == ()
    assert needs.undefined == ("TVMFFIErrorSetRaisedFromCStr",)  # weak: to be done without
    library = ctypes.CDLL(str(artifact.library))
    with pytest.raises(AttributeError):
        getattr(library, artifact.manifest["kernels"][0]["name"])


def test_it_says_what_it_takes_and_gives(artifact):
    assert read_signature(artifact.library) == {
        "inputs": [{"shape": [1, 3, 64, 64], "type": "float32"}],
        "outputs": [{"shape": [1, 10], "type": "float32"}],
    }


def test_a_call_needs_inputs_outputs_and_memory(library, artifact):
    image, output = artifact.sample[0], np.zeros((1, 10), np.float32)
    workspace = workspace_of(library)
    library.armlet_run(pointers(image), pointers(output), ctypes.c_void_p(workspace.ctypes.data))
    assert is_right(output, artifact)


def test_calls_with_memory_of_their_own_do_not_disturb_each_other(library, artifact):
    image, outputs = artifact.sample[0], [np.zeros((1, 10), np.float32) for _ in range(2)]
    workspaces = [workspace_of(library) for _ in range(2)]
    images = [image, np.zeros_like(image)]
    for number in range(ctypes.c_int32.in_dll(library, "armlet_kernels").value):
        for given, output, workspace in zip(images, outputs, workspaces, strict=True):
            library.armlet_run_kernel(
                number, pointers(given), pointers(output), ctypes.c_void_p(workspace.ctypes.data)
            )
    assert is_right(outputs[0], artifact)
    assert not is_right(outputs[1], artifact)


def test_the_memory_is_planned_to_the_byte(library, artifact):
    planned = artifact.manifest["arena"]
    assert workspace_of(library).nbytes == planned["bytes"]
    assert planned["lower_bound_bytes"] <= planned["bytes"] <= 1.1 * planned["lower_bound_bytes"]


def test_tensors_of_another_size_are_refused(artifact):
    import tvm

    main = tvm.runtime.load_module(str(artifact.library))["main"]
    image, output = (tvm.runtime.empty(shape, "float32") for shape in ((1, 3, 64, 64), (1, 10)))
    main(image, output)
    for wrong, complaint in (
        ((image, image), "not of the network's size"),
        ((image,), "inputs, then its outputs"),
        ((image, 3), "takes tensors only"),
    ):
        with pytest.raises(ValueError, match=complaint):
            main(*wrong)


def test_a_library_without_a_network(tmp_path):
    import platform

    from armlet.targets import find_toolchain

    (tmp_path / "source.c").write_text("int f(void) { return 0; }")
    find_toolchain("linux", platform.machine()).build_plugin([tmp_path / "source.c"], tmp_path / "library.so")
    with pytest.raises(InvalidArtifactError, match="holds no network"):
        read_signature(tmp_path / "library.so")
