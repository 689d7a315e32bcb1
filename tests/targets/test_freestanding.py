"""The mathematical functions that libraries bring along, against NumPy in double precision."""

import ctypes
import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from armlet.targets import toolchains


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The functions, visible: compiled for this machine."""
    folder = tmp_path_factory.mktemp("freestanding")
    source = (
        Path(toolchains.FREESTANDING[1]).read_text().replace('visibility("hidden")', 'visibility("default")')
    )
    (folder / "math.c").write_text(source)
    toolchain = toolchains.find_toolchain("linux", platform.machine())
    command = [*toolchain.c_compiler, "-O2", "-fPIC", "-ffreestanding", "-nostdlib", "-shared"]
    subprocess.run([*command, "math.c", "-o", "math.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "math.so"))


@pytest.fixture
def call(library):
    def evaluate(name, values):
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
        return np.array([function(float(value)) for value in values], dtype=np.float64)

    return evaluate


def test_exponential(call):
    x = np.linspace(-87, 88, 20001).astype(np.float32)
    want = np.exp(x.astype(np.float64))
    assert (np.abs(call("expf", x) - want) / want).max() < 2e-7


def test_exponential_at_the_ends(call):
    got = call("expf", [0, 89, -104, np.inf, -np.inf, np.nan, -100])
    assert got[0] == 1
    assert got[1] == np.inf
    assert got[2] == 0
    assert got[3] == np.inf
    assert got[4] == 0
    assert np.isnan(got[5])
    # Subnormal: steps of 1.4e-45.
    assert got[6] == pytest.approx(np.exp(-100.0), abs=3e-45)


def test_logarithm(call):
    x = np.concatenate([np.geomspace(1e-44, 3e38, 20001), np.linspace(0.5, 2, 20001)]).astype(np.float32)
    want = np.log(x.astype(np.float64))
    assert (np.abs(call("logf", x) - want) / np.maximum(np.abs(want), 1)).max() < 2e-7


def test_logarithm_at_the_ends(call):
    got = call("logf", [1, 0, -1, np.inf, np.nan])
    assert got[0] == 0
    assert got[1] == -np.inf
    assert np.isnan(got[2])
    assert got[3] == np.inf
    assert np.isnan(got[4])


def test_error_function(call):
    x = np.linspace(-6, 6, 20001).astype(np.float32)
    assert np.abs(call("erff", x) - special.erf(x.astype(np.float64))).max() < 5e-7
