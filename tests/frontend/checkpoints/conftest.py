"""What the original frameworks make: checkpoints, and what their networks compute."""

import os
import subprocess
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from armlet.cache import built_once, content_key

ROOT = Path(__file__).parents[3]
FRAMEWORKS = ROOT / ".venv-oracles"


@pytest.fixture(scope="session")
def made_by():
    """Run a script of tests/oracles, once for all workers, and give the folder that it filled."""

    def made_by(script):
        stamp = FRAMEWORKS / ".made-of"
        if not stamp.exists():
            absent = "torchvision, timm and Keras are not here: scripts/oracles.sh"
            pytest.fail(absent) if os.environ.get("CI") else pytest.skip(absent)
        scripts = ROOT / "tests/oracles"
        (FRAMEWORKS / "made").mkdir(exist_ok=True)
        folder = FRAMEWORKS / "made" / content_key(stamp, scripts / script, scripts / "random_torch.py")
        with built_once(folder) as draft:
            if draft:
                command = [FRAMEWORKS / "bin/python", scripts / script, draft]
                alone = os.environ | {"OMP_NUM_THREADS": "1"}  # Other workers have the other cores.
                done = subprocess.run(command, capture_output=True, text=True, env=alone)
                assert done.returncode == 0, done.stderr
        return folder

    return made_by


def run(model, image):
    """What ONNX Runtime computes, its own optimiser off."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    return session.run(None, {"image": np.ascontiguousarray(image)})


@pytest.fixture
def outputs_of():
    return run


@pytest.fixture
def agree():
    """Assert that a model computes what the framework did, within 1e-4 of its range."""

    def agree(model, image, *expected):
        for got, wanted in zip(run(model, image), expected, strict=True):
            assert got.shape == wanted.shape
            assert np.ptp(wanted) > 0.1
            assert np.abs(got - wanted).max() <= 1e-4 * np.ptp(wanted)

    return agree
