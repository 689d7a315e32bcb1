"""A small network compiled for a simulated core, whole and without a fusion."""

import pytest

from armlet import build, compile_model
from armlet.compiler.fuse import FUSIONS, fuse
from armlet.targets import find_core


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gate")


def network():
    return build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)


@pytest.fixture(scope="session")
def artifact(folder):
    return compile_model(network(), folder / "whole", find_core("cortex-a53"), name="small")


@pytest.fixture(scope="session")
def without_squeeze(folder):
    """The same network, its means computed apart."""
    left = [fusion for fusion in FUSIONS if fusion.name != "squeeze"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("armlet.compiler.prepare.fuse", lambda model, core: fuse(model, core, left))
        return compile_model(network(), folder / "without", find_core("cortex-a53"), name="small")
