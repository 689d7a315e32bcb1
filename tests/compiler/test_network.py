"""The object of a network: C functions that depend on nothing, called here as their C library."""

import ctypes

import numpy as np
import pytest


@pytest.fixture
def name(artifact):
    return artifact.manifest["c_library"]["name"]


@pytest.fixture
def library(artifact, name):
    return ctypes.CDLL(str(artifact.folder / f"c/lib{name}.so"))


def pointers(*arrays):
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def memory(nbytes, *, misaligned=0):
    """So many bytes, aligned to 64 and then moved by so many bytes more, that hold no zeros."""
    block = np.full(nbytes + 128, 0xA5, np.uint8)
    start = -block.ctypes.data % 64 + misaligned
    return block[start : start + nbytes]


@pytest.fixture
def workspaces(artifact):
    """Two blocks of memory to compute in."""
    return [memory(artifact.manifest["arena"]["bytes"]) for _ in range(2)]


def is_right(output, artifact):
    expected = artifact.sample[1]
    return np.abs(output - expected).max() <= 1e-4 * np.ptp(expected)


def test_a_call_needs_inputs_outputs_and_memory(library, artifact, name, workspaces):
    image, output = artifact.sample[0], np.zeros((1, 10), np.float32)
    workspace = ctypes.c_void_p(workspaces[0].ctypes.data)
    getattr(library, f"{name}_run")(pointers(image), pointers(output), workspace)
    assert is_right(output, artifact)


def test_inputs_and_outputs_are_aligned_as_their_type_only(library, artifact, name, workspaces):
    image, output = (memory(array.nbytes, misaligned=4) for array in artifact.sample)
    image[:] = artifact.sample[0].view(np.uint8).ravel()
    workspace = ctypes.c_void_p(workspaces[0].ctypes.data)
    getattr(library, f"{name}_run")(pointers(image), pointers(output), workspace)
    assert is_right(output.view(np.float32), artifact)


def test_calls_with_memory_of_their_own_do_not_disturb_each_other(library, artifact, name, workspaces):
    image, outputs = artifact.sample[0], [np.zeros((1, 10), np.float32) for _ in range(2)]
    images = [image, np.zeros_like(image)]
    run_kernel = getattr(library, f"{name}_run_kernel")
    for number in range(sum(len(kernel["layers"]) for kernel in artifact.manifest["kernels"])):
        for given, output, workspace in zip(images, outputs, workspaces, strict=True):
            run_kernel(number, pointers(given), pointers(output), ctypes.c_void_p(workspace.ctypes.data))
    assert is_right(outputs[0], artifact)
    assert not is_right(outputs[1], artifact)


def test_the_memory_is_planned_near_the_bound(artifact):
    planned = artifact.manifest["arena"]
    assert planned["lower_bound_bytes"] <= planned["bytes"] <= 1.1 * planned["lower_bound_bytes"]


def test_the_version_tells_networks_apart(library, artifact, name):
    version = getattr(library, f"{name}_version")
    version.restype = ctypes.c_char_p
    assert version().decode() == artifact.manifest["c_library"]["version"]
