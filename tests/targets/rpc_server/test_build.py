import numpy as np
import pytest

from armlet.errors import InvalidArtifactError
from armlet.targets.devices import open_device
from armlet.targets.rpc_server import server_program
from armlet.targets.toolchains import INSTALL, find_gnu_cross, find_toolchain, find_zig


@pytest.mark.emulator
def test_the_server_is_built_once_with_its_libraries_beside_it():
    first = server_program("aarch64")
    built = first.stat()
    assert server_program("aarch64") == first
    assert first.stat() == built
    assert {path.name for path in first.parent.iterdir()} == {
        "server",
        "libtvm_ffi.so",
        "libtvm_runtime.so",
        "libtvm_runtime_extra.so",
    }


@pytest.mark.full
@pytest.mark.emulator
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not find("aarch64"), reason=INSTALL[name]))
        for name, find in {"gnu": find_gnu_cross, "zig": find_zig}.items()
    ],
)
def test_errors_cross_from_any_c_plus_plus_library_to_tvms(monkeypatch, tmp_path, library, name):
    # TVM's libraries are built on libstdc++, zig's program on libc++: an exception between them would crash.
    monkeypatch.setenv("ARMLET_TOOLCHAIN", name)
    with open_device("emulated:cortex-a72").connect() as session:
        program = session.load(library("affine"))
        source, library_without = tmp_path / "source.c", tmp_path / "without.so"
        source.write_text(
            'extern int nowhere; int *const __attribute__((visibility("default"))) address = &nowhere;'
        )
        find_toolchain("linux", "aarch64").build_plugin([source], library_without)
        with pytest.raises(InvalidArtifactError, match="undefined symbol: nowhere"):
            session.load(library_without)
        assert program.run([np.ones(1024, np.float32)])[0][0] == 3
