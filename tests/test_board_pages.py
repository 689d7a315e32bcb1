"""docs/raspberry-pi.md and docs/android.md, command by command, as a new user types them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# On an emulated board these refuse: no time under emulation is given.
TIMING = ("armlet bench", "armlet tune")

pytestmark = [pytest.mark.emulator, pytest.mark.full]


def commands(page: str) -> list[str]:
    """The lines of the page's sh blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def walk(page: str, folder: Path, stand_ins: dict[str, str]) -> dict[str, str]:
    """Run the commands of `page` in `folder`, other names in place of some; their outputs."""
    outputs = {}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in commands(page):
        command = line
        for name, stand_in in stand_ins.items():
            command = command.replace(name, stand_in)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=600,
        )
        if line.startswith(TIMING):
            assert done.returncode == 2, line
            assert "emulated and gives no times" in done.stderr
        else:
            assert done.returncode == 0, (line, done.stderr)
        outputs[line] = done.stdout
    return outputs


def test_the_page_of_the_raspberry_pi(raspberry_pi, tmp_path):
    outputs = walk("raspberry-pi.md", tmp_path, {"pi@raspberrypi": "raspberrypi"})
    assert len(outputs) == 11
    run = outputs["armlet run small-pi4 --device ssh://pi@raspberrypi"]
    top = re.search(r"^ +(\d+) ", run, re.MULTILINE)[1]
    assert outputs[[*outputs][-2]] == f"{top}\n"
    assert "every hash agrees" in outputs["armlet deploy small-pi4 --device ssh://pi@raspberrypi"]
    assert not (raspberry_pi.board.home / "armlet").exists()


def test_the_page_of_android(phone, tmp_path):
    outputs = walk("android.md", tmp_path, {"0A1B2C3D": phone.serial})
    assert len(outputs) == 11
    assert f"adb:{phone.serial}" in outputs["armlet devices"]
    assert "the same top 5" in outputs["armlet run small-phone --device adb:0A1B2C3D"]
    deployed = outputs["armlet deploy small-phone --device adb:0A1B2C3D"]
    assert "every hash agrees" in deployed
    assert f"adb -s {phone.serial} shell 'cd /data/local/tmp/armlet/small-phone && ./example" in deployed
    assert not (phone.folder / "armlet").exists()
