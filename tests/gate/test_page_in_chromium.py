"""The page of `armlet check --report` as people see it: drawn by Chromium."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from armlet.gate.plots import BLUE, RED

from .test_page import COMPARISON, written

CHROMIUM = shutil.which("chromium")


def pixels(picture, colour):
    """How many pixels are of a colour, whatever its edges are mixed with."""
    red_green_blue = [*bytes.fromhex(colour.removeprefix("#"))]
    return int((np.abs(picture.astype(int) - red_green_blue).max(axis=2) < 16).sum())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `apt-get install chromium`")
def test_the_kernel_that_grew_is_red(tmp_path):
    written(tmp_path / "p.html", COMPARISON)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,1200"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'p.png'}"]
    subprocess.run([*command, (tmp_path / "p.html").as_uri()], check=True, capture_output=True, timeout=120)
    picture = np.asarray(Image.open(tmp_path / "p.png").convert("RGB"))
    assert picture.shape == (1200, 1000, 3)
    # A bar of 500 cycles as it was, and one of 1,300 that grew.
    assert pixels(picture, BLUE) > 1000
    assert pixels(picture, RED) > 2 * pixels(picture, BLUE)
