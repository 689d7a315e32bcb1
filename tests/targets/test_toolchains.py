import ctypes
import platform
import re
import subprocess

import pytest

from armlet.errors import ArmletError, UsageError
from armlet.targets.elf import read_needs
from armlet.targets.toolchains import INSTALL, find_gnu_cross, find_host_compiler, find_toolchain, find_zig

CROSS = [
    pytest.param(name, marks=pytest.mark.skipif(not finder("aarch64"), reason=INSTALL[name]))
    for name, finder in {"gnu": find_gnu_cross, "zig": find_zig}.items()
]


HOSTED = [
    pytest.param(name, marks=pytest.mark.skipif(not finder(platform.machine()), reason=INSTALL[name]))
    for name, finder in {"host-cc": find_host_compiler, "zig": find_zig}.items()
]


@pytest.fixture
def compile_c(tmp_path):
    """A function (toolchain, text, exports) -> the library of one C file."""

    def compile_and_link(toolchain, text, exports, name="library.so"):
        source, compiled, linked = tmp_path / "source.c", tmp_path / "source.o", tmp_path / "library.o"
        source.write_text(text)
        toolchain.compile_object(source, compiled)
        toolchain.link_object([compiled], linked, exports)
        toolchain.link_library([linked], tmp_path / name)
        return tmp_path / name

    return compile_and_link


@pytest.mark.parametrize("name", CROSS)
@pytest.mark.parametrize("os", ["linux", "android"])
def test_a_linked_library_depends_on_nothing(monkeypatch, compile_c, name, os):
    monkeypatch.setenv("ARMLET_TOOLCHAIN", name)
    toolchain = find_toolchain(os, "aarch64")
    text = """
        struct block { char bytes[512]; };
        __attribute__((visibility("default")))
        void copy(struct block *to, struct block *from) { *to = *from; }
    """
    path = compile_c(toolchain, text, ["copy"])
    library = read_needs(path)
    assert library.machine == "aarch64"
    assert library.libraries == ()
    assert library.undefined == ()
    assert library.page_size == 16384
    assert path.read_bytes() == compile_c(toolchain, text, ["copy"], "again.so").read_bytes()
    assert str(path.parent).encode() not in path.read_bytes()
    assert toolchain.version


def test_a_model_built_by_tvm_asks_for_its_ffi_only(library):
    needs = read_needs(library("affine", "cortex-a76", "android"))
    assert needs.libraries == ()
    assert needs.undefined
    assert all(name.startswith("TVMFFI") for name in needs.undefined)
    assert needs.page_size == 16384


def test_no_sve_is_emitted_for_armv9(library):
    objdump = "aarch64-linux-gnu-objdump"
    code = subprocess.run(
        [objdump, "-d", library("affine", "cortex-a710")], capture_output=True, text=True
    ).stdout
    assert re.search(r"\bfm\w+\s+v\d+\.4s", code), "the model should use the vector unit"
    assert not re.search(r"\bz\d+\.[bhsd]\b|\bp\d+/[zm]\b", code)


def test_a_symbol_that_a_device_may_lack_is_named(compile_c):
    text = 'int puts(const char *); int greet(void) { return puts("hello"); }'
    with pytest.raises(ArmletError, match=r"library\.o would need puts, which a device may not have"):
        compile_c(find_toolchain("linux", "aarch64"), text, ["greet"])


def test_a_compiler_error_is_one_line(compile_c):
    with pytest.raises(ArmletError, match=r"^the \w+ toolchain \(.*\) failed: source\.c:1:.*error.*$"):
        compile_c(find_toolchain("linux", "aarch64"), "int f(void) { return nothing; }\n", ["f"])


MEMORY = """
#include <stddef.h>
void *memset(void *, int, size_t), *memmove(void *, const void *, size_t);
void *memcpy(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t), bcmp(const void *, const void *, size_t);
#define API __attribute__((visibility("default")))
API void fill(char *to, int value, size_t size) { memset(to, value, size); }
API void copy(char *to, const char *from, size_t size) { memcpy(to, from, size); }
API void move(char *to, const char *from, size_t size) { memmove(to, from, size); }
API int compare(const char *a, const char *b, size_t size) { return memcmp(a, b, size); }
API int differ(const char *a, const char *b, size_t size) { return bcmp(a, b, size); }
"""


def test_memory_functions_of_our_own(compile_c):
    exports = ["fill", "copy", "move", "compare", "differ"]
    path = compile_c(find_toolchain("linux", platform.machine()), MEMORY, exports)
    assert read_needs(path).undefined == ()
    library = ctypes.CDLL(str(path))
    original = bytes(range(1, 101))
    for size in (0, 1, 15, 16, 17, 31, 48, 63):
        for start in (0, 1, 7):
            buffer, other = ctypes.create_string_buffer(original), ctypes.create_string_buffer(original)
            library.fill(ctypes.byref(buffer, start), 0x1A5, ctypes.c_size_t(size))
            assert buffer.raw[:100] == original[:start] + b"\xa5" * size + original[start + size :]
            library.copy(buffer, ctypes.byref(other, start), ctypes.c_size_t(size))
            assert buffer.raw[:size] == original[start : start + size]
            assert library.compare(buffer, ctypes.byref(other, start), ctypes.c_size_t(size)) == 0
        for to, source in ((0, 5), (5, 0), (3, 3), (17, 0), (0, 17)):
            buffer = ctypes.create_string_buffer(original)
            library.move(ctypes.byref(buffer, to), ctypes.byref(buffer, source), ctypes.c_size_t(size))
            assert buffer.raw[to : to + size] == original[source : source + size]
    assert library.compare(b"aaz", b"aba", 3) < 0 < library.compare(b"\xff", b"\x01", 1)
    assert library.differ(b"aa", b"ab", 2)


TWIN = """
#include <stddef.h>
void *memset(void *, int, size_t);
static int calls;
int count(char *buffer) { memset(buffer, VALUE, 100); return ++calls; }
int FUNCTION(char *buffer) { return count(buffer) + buffer[99]; }
"""
MAIN = """
int first(char *), second(char *);
char b[100];
int main(void) { return !(first(b) == 11 && second(b) == 21 && first(b) == 12); }
"""


@pytest.mark.parametrize("name", HOSTED)
def test_objects_with_the_same_symbols_go_into_one_program(monkeypatch, tmp_path, name):
    monkeypatch.setenv("ARMLET_TOOLCHAIN", name)
    toolchain = find_toolchain("linux", platform.machine())
    for function, value in (("first", "10"), ("second", "20")):
        source = tmp_path / f"{function}.c"
        source.write_text(TWIN.replace("FUNCTION", function).replace("VALUE", value))
        toolchain.compile_object(source, tmp_path / "compiled.o")
        toolchain.link_object([tmp_path / "compiled.o"], tmp_path / f"{function}.o", [function])
        toolchain.archive(tmp_path / f"{function}.o", tmp_path / f"lib{function}.a")
    (tmp_path / "main.c").write_text(MAIN)
    command = [*toolchain.c_compiler, "main.c", "libfirst.a", "libsecond.a", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == 0


@pytest.mark.parametrize("name", HOSTED)
def test_a_plugin_has_the_c_library_and_borrows_from_its_program(monkeypatch, tmp_path, name):
    monkeypatch.setenv("ARMLET_TOOLCHAIN", name)
    helper, plugin = tmp_path / "helper.c", tmp_path / "plugin.c"
    helper.write_text("#include <string.h>\nchar *twin(const char *text) { return strdup(text); }")
    plugin.write_text(
        """
        #include <stdlib.h>
        _Static_assert(VERSION == 2, "");
        char *twin(const char *);
        int Py_IsInitialized(void);
        #define EXPORT __attribute__((visibility("default")))
        EXPORT int parse(const char *text) {
          char *copy = twin(text);
          int number = atoi(copy);
          free(copy);
          return number;
        }
        EXPORT int borrow(void) { return Py_IsInitialized(); }
        """
    )
    output = tmp_path / "plugin.so"
    find_toolchain("linux", platform.machine()).build_plugin(
        [helper, plugin], output, defines={"VERSION": "2"}
    )
    library = ctypes.CDLL(str(output))
    assert library.parse(b"42") == 42
    assert library.borrow() == 1
    assert not hasattr(library, "twin")


def test_a_missing_toolchain_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    monkeypatch.setattr("armlet.targets.toolchains.find_zig", lambda machine: None)
    for os in ("linux", "android"):
        with pytest.raises(ArmletError, match=r"apt-get install g\+\+.*pip install ziglang"):
            find_toolchain(os, "aarch64")


def test_a_forced_toolchain(monkeypatch):
    monkeypatch.setenv("ARMLET_TOOLCHAIN", "ndk")
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    with pytest.raises(ArmletError, match="set ANDROID_NDK_HOME"):
        find_toolchain("android", "aarch64")
    monkeypatch.setenv("ARMLET_TOOLCHAIN", "tcc")
    with pytest.raises(UsageError, match="choose one of ndk, gnu, zig, host-cc"):
        find_toolchain("linux", "aarch64")


def test_the_ndk_is_taken_first_for_android(monkeypatch, tmp_path):
    compiler = tmp_path / "toolchains/llvm/prebuilt/linux-x86_64/bin/clang"
    compiler.parent.mkdir(parents=True)
    compiler.write_text("#!/bin/sh\necho Android clang version 18.0.0\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    found = find_toolchain("android", "aarch64")
    assert (found.name, found.version) == ("ndk", "Android clang version 18.0.0")
    assert found.c_compiler == (str(compiler), "--target=aarch64-linux-android24")
    assert find_toolchain("linux", "aarch64").name != "ndk"
