"""model.so: the network as TVM's runtime, and whoever does without it, finds it."""

import ctypes
import platform

import numpy as np
import pytest

from armlet.errors import InvalidArtifactError
from armlet.targets import find_toolchain
from armlet.targets.elf import read_needs, read_signature


def test_it_needs_nothing_and_offers_little(artifact):
    needs = read_needs(artifact.library)
    assert needs.libraries == ()
    assert needs.undefined == ("TVMFFIErrorSetRaisedFromCStr",)  # weak: to be done without
    library = ctypes.CDLL(str(artifact.library))
    for name in (artifact.manifest["kernels"][0]["name"], f"{artifact.manifest['c_library']['name']}_run"):
        with pytest.raises(AttributeError):
            getattr(library, name)


def test_it_says_what_it_takes_and_gives(artifact):
    assert read_signature(artifact.library) == {
        "inputs": [{"shape": [1, 3, 64, 64], "type": "float32"}],
        "outputs": [{"shape": [1, 10], "type": "float32"}],
        "workspace_bytes": artifact.manifest["arena"]["bytes"],
        "calls": sum(len(kernel["layers"]) for kernel in artifact.manifest["kernels"]),
    }


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


def test_its_kernels_by_the_clock(artifact):
    import tvm

    module, calls = tvm.runtime.load_module(str(artifact.library)), read_signature(artifact.library)["calls"]
    image = tvm.runtime.tensor(artifact.sample[0])
    outputs = [tvm.runtime.empty((1, 10), "float32") for _ in range(2)]
    ticks = tvm.runtime.empty((calls,), "int64")
    module["main"](image, outputs[0])
    module["profile"](image, outputs[1], ticks)
    np.testing.assert_array_equal(*(output.numpy() for output in outputs))
    assert (ticks.numpy() > 0).all()
    for wrong, complaint in (
        ((image, outputs[0]), "what main does, and a tensor of ticks"),
        ((image, image, ticks), "not of the network's size"),
        ((image, outputs[0], outputs[1]), f"a tensor of {calls} int64"),
    ):
        with pytest.raises(ValueError, match=complaint):
            module["profile"](*wrong)


def test_it_runs_without_tvm_under_names_that_are_always_the_same(artifact):
    library = ctypes.CDLL(str(artifact.library))
    image, output = artifact.sample[0], np.zeros((1, 10), np.float32)
    workspace = np.empty(ctypes.c_uint64.in_dll(library, "armlet_workspace_bytes").value + 64, np.uint8)
    aligned = ctypes.c_void_p(workspace.ctypes.data + -workspace.ctypes.data % 64)
    given, made = ((ctypes.c_void_p * 1)(array.ctypes.data) for array in (image, output))
    library.armlet_run(given, made, aligned)
    np.testing.assert_allclose(output, artifact.sample[1], atol=1e-4 * np.ptp(artifact.sample[1]))


def test_a_library_without_a_network(tmp_path):
    (tmp_path / "source.c").write_text("int f(void) { return 0; }")
    find_toolchain("linux", platform.machine()).build_plugin([tmp_path / "source.c"], tmp_path / "library.so")
    with pytest.raises(InvalidArtifactError, match="holds no network"):
        read_signature(tmp_path / "library.so")
