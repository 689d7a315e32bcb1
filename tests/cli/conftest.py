"""A network and artifacts that are made once."""

import pytest

from armlet import build
from armlet.frontend import save

from .process import armlet


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    save(build("mobilenet_v3_small", resolution=64, width=0.35, classes=10), path)
    return path


@pytest.fixture(scope="session")
def artifact(tiny):
    folder = tiny.parent / "artifact"
    assert armlet("compile", tiny, "-o", folder, "--target", "host").returncode == 0
    return folder


@pytest.fixture(scope="session")
def for_a53(tiny):
    folder = tiny.parent / "a53"
    assert armlet("compile", tiny, "-o", folder, "--target", "cortex-a53").returncode == 0
    return folder
