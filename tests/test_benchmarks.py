"""Benchmarks run, and print what docs/performance.md shows; their times are not judged here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.full
def test_forms_in_onnxruntime():
    command = [sys.executable, ROOT / "benchmarks" / "onnxruntime_forms.py", "3"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(printed)
    rows = [line.split() for line in printed.splitlines()]
    assert [(network, form) for network, form, *_ in rows] == [
        (network, form)
        for network in ("mobilenet_v3_small", "mobilenet_v3_large")
        for form in ("input", "tvm", "onnxruntime")
    ]
    assert all(float(ratio) > 0 for *_, ratio in rows)
