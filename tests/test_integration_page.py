"""docs/integration.md: its files are taken out, built and run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.targets import find_core, find_toolchain
from armlet.targets.elf import read_needs

PAGE = Path(__file__).parents[1] / "docs/integration.md"
MAIN = """
import java.nio.*;
import java.nio.file.*;

class Main {
  static FloatBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder()).asFloatBuffer();
  }
  public static void main(String[] arguments) throws Exception {
    byte[] input = Files.readAllBytes(Path.of("input.bin"));
    FloatBuffer image = buffer(input.length), logits = buffer(40);
    image.put(ByteBuffer.wrap(input).order(ByteOrder.nativeOrder()).asFloatBuffer());
    Network.run(image, logits);
    for (int i = 0; i < 10; ++i) System.out.println(logits.get(i));
    try { Network.run(image, buffer(36)); }
    catch (IllegalArgumentException error) { System.out.println(error.getMessage()); }
    try { Network.run(image, FloatBuffer.allocate(10)); }
    catch (IllegalArgumentException error) { System.out.println(error.getMessage()); }
  }
}
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("javac")),
    reason="`apt-get install cmake default-jdk-headless`",
)


@pytest.fixture
def project(tmp_path):
    """A function (core) -> a folder with the page's files, and the artifact `small` for `core`."""

    def write(core: str) -> Path:
        blocks = re.findall(r"^```\w+\n(?:#|//|/\*) (\S+).*?\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
        assert [name for name, _ in blocks] == [
            *("CMakeLists.txt", "network.c", "Network.java", "build.gradle", "Android.mk")
        ]
        for name, text in blocks:
            (tmp_path / name).write_text(text)
        model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
        artifact = compile_model(model, tmp_path / "small", find_core(core))
        artifact.sample[0].tofile(tmp_path / "input.bin")
        np.save(tmp_path / "expected.npy", artifact.sample[1])
        return tmp_path

    return write


def build_by_cmake(folder: Path, core: str) -> Path:
    javac = Path(shutil.which("javac")).resolve()
    headers = javac.parents[1] / "include"
    (compiler,) = find_toolchain("linux", find_core(core).machine).c_compiler
    flags = f"-I{headers} -I{headers}/linux -Wall -Wextra -Werror"
    cross = [] if core == "host" else ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
    configure = [
        "cmake",
        "-S",
        ".",
        "-B",
        "build",
        f"-DCMAKE_C_COMPILER={compiler}",
        f"-DCMAKE_C_FLAGS={flags}",
    ]
    for command in ([*configure, *cross], ["cmake", "--build", "build"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build/libnetwork.so"


def test_the_library_for_java_is_built_for_arm64_and_suits_pages_of_16_kb(project):
    needs = read_needs(build_by_cmake(project("cortex-a76"), "cortex-a76"))
    assert (needs.machine, needs.page_size) == ("aarch64", 16384)
    assert needs.libraries == ("libc.so.6",)


def test_java_runs_it(project):
    folder = project("host")
    build_by_cmake(folder, "host")
    (folder / "Main.java").write_text(MAIN)
    subprocess.run(["javac", "Main.java", "Network.java"], cwd=folder, check=True)
    command = ["java", "-Djava.library.path=build", "Main"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    *logits, small, indirect = done.stdout.splitlines()
    expected = np.load(folder / "expected.npy").ravel()
    np.testing.assert_allclose(np.array(logits, np.float32), expected, rtol=0, atol=1e-4 * np.ptp(expected))
    assert (small, indirect) == ("a buffer is too small", "both buffers must be direct")
