"""The C library of a network: built into programs by the C compiler, run here and under qemu."""

import platform
import subprocess

import numpy as np
import onnx
import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from armlet import build, compile_model
from armlet.compiler.c_library import c_name
from armlet.errors import UsageError
from armlet.frontend import open_model
from armlet.targets import find_core, find_toolchain, open_device
from armlet.targets.qemu import qemu_command

STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-O2")
PAGE = 16384


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """A small network compiled for a Cortex-A76."""
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "phone", find_core("cortex-a76"))


def library_of(artifact, suffix):
    return artifact.folder / f"c/lib{artifact.manifest['c_library']['name']}{suffix}"


def compile_c(output, core, *arguments, standard="-std=c99"):
    """Build a program of C for the kind of machine that `core` is."""
    compiler = find_toolchain("linux", find_core(core).machine).c_compiler
    command = [*compiler, standard, *STRICT, *map(str, arguments), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return output


def run(program, *arguments, core="host"):
    emulator = [] if core == "host" else qemu_command(find_core(core))
    return subprocess.run([*emulator, str(program), *map(str, arguments)], capture_output=True, text=True)


def test_the_library_needs_nothing_and_offers_three_functions(phone):
    name = phone.manifest["c_library"]["name"]
    with library_of(phone, ".so").open("rb") as file:
        elf = ELFFile(file)
        symbols = [symbol for symbol in elf.get_section_by_name(".dynsym").iter_symbols() if symbol.name]
        assert {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"} == set()
        functions = {symbol.name for symbol in symbols if symbol["st_info"]["type"] == "STT_FUNC"}
        assert functions == {f"{name}_{function}" for function in ("run", "run_kernel", "version")}
        dynamic = next(segment for segment in elf.iter_segments() if isinstance(segment, DynamicSegment))
        tags = {tag.entry.d_tag: tag for tag in dynamic.iter_tags()}
        assert tags["DT_SONAME"].soname == f"lib{name}.so"
        # Nothing for a loader to write: neither into code nor into data.
        assert not tags.keys() & {"DT_NEEDED", "DT_TEXTREL", "DT_FLAGS", "DT_RELA", "DT_JMPREL", "DT_INIT"}


def test_weights_are_mapped_from_the_file_read_only(phone):
    constants = sum(k["constant_bytes"] * len(k["layers"]) for k in phone.manifest["kernels"])
    with library_of(phone, ".so").open("rb") as file:
        elf = ELFFile(file)
        segments = list(elf.iter_segments("PT_LOAD"))
        assert all(segment["p_align"] == PAGE for segment in segments)
        assert all((segment["p_vaddr"] - segment["p_offset"]) % PAGE == 0 for segment in segments)
        sizes = dict.fromkeys((4, 5, 6), 0)  # read; and execute; and write
        for segment in segments:
            sizes[segment["p_flags"]] += segment["p_memsz"]
        # Equal constants are kept once, and each begins at a cache line.
        assert 0.95 * constants < sizes[4] < 1.05 * constants + PAGE
        assert sizes[6] < 1024
        assert sizes[5] < 400 * 1024


def test_the_static_library_keeps_its_symbols_to_itself(phone, tmp_path):
    archiver = find_toolchain("linux", "aarch64").archiver
    subprocess.run([*archiver, "x", str(library_of(phone, ".a"))], cwd=tmp_path, check=True)
    (item,) = tmp_path.iterdir()
    with item.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        public = {s.name for s in table.iter_symbols() if s["st_info"]["bind"] != "STB_LOCAL"}
    name = phone.manifest["c_library"]["name"]
    assert public == {f"{name}_{function}" for function in ("run", "run_kernel", "version")}


def test_the_header_is_strict_c_and_cpp(phone, tmp_path):
    name = phone.manifest["c_library"]["name"]
    text = f'#include "{name}.h"\nint main(void) {{ return !{name}_supported(); }}\n'
    for suffix, standard in ((".c", "-std=c99"), (".cc", "-std=c++98")):
        source = tmp_path / f"main{suffix}"
        source.write_text(text)
        compile_c(tmp_path / "main", "cortex-a76", source, f"-I{phone.folder / 'c'}", standard=standard)


def test_the_header_says_what_the_manifest_says(phone):
    text = (phone.folder / "c/mobilenet_v3_small.h").read_text()
    for expected in (
        'input 0: "image", float32 [1, 3, 64, 64], NCHW',
        'output 0: "logits", float32 [1, 10]',
        "_INPUT_BYTES {49152}",
        "_OUTPUT_BYTES {40}",
        f"_WORKSPACE_BYTES {phone.manifest['arena']['bytes']}",
        "_WORKSPACE_ALIGNMENT 64",
        f'_VERSION "{phone.manifest["c_library"]["version"]}"',
        '_NEEDS "fullfp16, dotprod"',
    ):
        assert expected in text


def build_program(artifact, program, output, *flags):
    """One of the programs of c/, built for the artifact's core."""
    core, library = artifact.manifest["target"]["core"], library_of(artifact, ".a")
    return compile_c(output, core, artifact.folder / f"c/{program}.c", library, *flags)


@pytest.mark.emulator
def test_the_example_gives_what_the_module_gives(phone, tmp_path):
    assert len((phone.folder / "c/example.c").read_text().splitlines()) <= 40
    example = build_program(phone, "example", tmp_path / "example")
    phone.sample[0].tofile(tmp_path / "input")
    done = run(example, tmp_path / "input", tmp_path / "output", core="cortex-a76")
    assert (done.returncode, done.stderr) == (0, "")
    with open_device("emulated:cortex-a76").connect() as session:
        (expected,) = session.load(phone.library).run([phone.sample[0]])
    assert np.fromfile(tmp_path / "output", np.float32).tobytes() == expected.tobytes()


def test_the_example_says_what_is_wrong(artifact, tmp_path):
    example = build_program(artifact, "example", tmp_path / "example")
    assert run(example).stderr == "example: usage: example INPUT... OUTPUT...\n"
    (tmp_path / "short").write_bytes(b"1234")
    for file in ("absent", "short"):
        done = run(example, tmp_path / file, tmp_path / "output")
        assert (done.returncode, done.stderr) == (1, "example: an input cannot be read\n")
    artifact.sample[0].tofile(tmp_path / "input")
    done = run(example, tmp_path / "input", tmp_path / "absent/output")
    assert (done.returncode, done.stderr) == (1, "example: an output cannot be written\n")


@pytest.mark.emulator
def test_the_wrong_processor_is_an_error_in_words(phone, tmp_path):
    for program in ("example", "benchmark"):
        built = build_program(phone, program, tmp_path / program)
        arguments = ("input", "output") if program == "example" else ()
        done = run(built, *arguments, core="cortex-a53")
        expected = f"{program}: this processor lacks what mobilenet_v3_small needs: fullfp16, dotprod\n"
        assert (done.returncode, done.stderr) == (1, expected)


THREADS = """
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "mobilenet_v3_small.h"
enum { THREADS = 4, RUNS = 3, SIZE = 3 * 64 * 64, CLASSES = 10 };
static float images[THREADS][SIZE], alone[THREADS][CLASSES], together[THREADS][CLASSES];

static void compute(int thread, float *logits) {
  const void *in[] = {images[thread]};
  void *out[] = {logits}, *workspace = NULL;
  const size_t alignment = MOBILENET_V3_SMALL_WORKSPACE_ALIGNMENT;
  if (posix_memalign(&workspace, alignment, MOBILENET_V3_SMALL_WORKSPACE_BYTES)) abort();
  mobilenet_v3_small_run(in, out, workspace);
  free(workspace);
}
static void *work(void *thread) {
  for (int i = 0; i < RUNS; ++i) compute(*(int *)thread, together[*(int *)thread]);
  return NULL;
}
int main(void) {
  pthread_t threads[THREADS];
  int numbers[THREADS];
  for (int t = 0; t < THREADS; ++t) {
    for (int i = 0; i < SIZE; ++i) images[t][i] = (float)((i * (t + 3)) % 101) / 50 - 1;
    compute(numbers[t] = t, alone[t]);
  }
  for (int t = 0; t < THREADS; ++t) pthread_create(&threads[t], NULL, work, &numbers[t]);
  for (int t = 0; t < THREADS; ++t) pthread_join(threads[t], NULL);
  return memcmp(alone, together, sizeof alone) || !memcmp(alone[0], alone[1], sizeof alone[0]);
}
"""


@pytest.mark.emulator
def test_four_threads_at_once(phone, tmp_path):
    (tmp_path / "threads.c").write_text(THREADS)
    library = library_of(phone, ".so")
    flags = ["-D_GNU_SOURCE", "-pthread", f"-I{library.parent}", f"-Wl,-rpath,{library.parent}"]
    program = compile_c(tmp_path / "threads", "cortex-a76", tmp_path / "threads.c", library, *flags)
    assert run(program, core="cortex-a76").returncode == 0


def tiny(text, shape, seed=0, **weights):
    """A model of ONNX text from x to y, with random constants of these shapes."""
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]> g (float[{shape}] x) => (float[{shape}] y) {{ {text} }}'
    )
    for name, size in weights.items():
        values = np.random.default_rng(seed).standard_normal(size, dtype=np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return proto


@pytest.fixture
def compile_tiny(tmp_path):
    """Write a model to a file of that name and compile it for this machine."""

    def compile_file(stem, proto, **options):
        path = tmp_path / f"{stem}.onnx"
        path.write_bytes(proto.SerializeToString())
        return compile_model(open_model(str(path)), tmp_path / f"{stem}-made", find_core("host"), **options)

    return compile_file


TWO = """
#include <stdio.h>
#include "first.h"
#include "second.h"
static float x[72], y[72];
static union { unsigned char bytes[1 << 16]; double aligned; } memory;
int main(void) {
  const void *in[] = {x};
  void *out[] = {y}, *workspace = memory.bytes + 64 - (uintptr_t)memory.bytes % 64;
  if (fread(x, sizeof x, 1, stdin) != 1) return 1;
  first_run(in, out, workspace);
  fwrite(y, sizeof y, 1, stdout);
  second_run(in, out, workspace);
  fwrite(y, sizeof y, 1, stdout);
  return 0;
}
"""


def test_two_networks_in_one_program(compile_tiny, tmp_path):
    """Of the same kernels, and other weights."""
    models = [tiny("y = Conv(x, w)", "1,8,3,3", seed, w=(8, 8, 1, 1)) for seed in (1, 2)]
    first, second = compile_tiny("first", models[0]), compile_tiny("other", models[1], name="second")
    assert first.manifest["kernels"] == second.manifest["kernels"]
    (tmp_path / "two.c").write_text(TWO)
    libraries = [library_of(artifact, ".a") for artifact in (first, second)]
    include = [f"-I{library.parent}" for library in libraries]
    program = compile_c(tmp_path / "two", "host", tmp_path / "two.c", *libraries, *include)
    x = np.random.default_rng(0).standard_normal((8, 9), dtype=np.float32)
    printed = subprocess.run([program], input=x.tobytes(), capture_output=True).stdout
    for model, y in zip(models, np.frombuffer(printed, np.float32).reshape(2, 8, 9), strict=True):
        weight = onnx.numpy_helper.to_array(model.graph.initializer[0]).reshape(8, 8)
        np.testing.assert_allclose(y, weight @ x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["network", "alone"])
def test_a_network_may_be_called_like_an_object_of_the_build(name, compile_tiny):
    artifact = compile_tiny(name, tiny("y = Conv(x, w)", "1,2,3,3", w=(2, 2, 1, 1)), name=name)
    assert library_of(artifact, ".a").name == f"lib{name}.a"


def test_what_has_a_meaning_in_c_may_be_in_a_name(compile_tiny, tmp_path):
    proto = tiny("y = Conv(x, w)", "1,2,3,3", w=(2, 2, 1, 1))
    proto.graph.input[0].name = proto.graph.node[0].input[0] = '*/ "??/ \\ é\n/*'
    proto.graph.node[0].name = '"*/\\'
    artifact = compile_tiny("odd", proto)
    build_program(artifact, "benchmark", tmp_path / "benchmark")


def test_the_benchmark(artifact, tmp_path):
    benchmark = build_program(artifact, "benchmark", tmp_path / "benchmark")
    done = run(benchmark, "--rounds", 3, "--warm-up", 1, "--kernels", "--samples", "--core", 0)
    assert (done.returncode, done.stderr) == (0, "")
    title, columns, *lines = done.stdout.splitlines()
    version = artifact.manifest["c_library"]["version"]
    assert title == f"mobilenet_v3_small {version}, 3 rounds after 1, in microseconds"
    assert columns.split() == ["minimum", "median"]
    layers = {layer for kernel in artifact.manifest["kernels"] for layer in kernel["layers"]}
    rows = [line.split(maxsplit=2) for line in lines[::2]]
    assert [rows[0][2], *sorted(row[2] for row in rows[1:])] == ["the network", *sorted(layers)]
    for (minimum, median, _), samples in zip(rows, lines[1::2], strict=True):
        times = sorted(map(float, samples.split()))
        assert [float(minimum), float(median)] == [times[0], times[1]]


@pytest.mark.parametrize(
    "arguments",
    [["--rounds"], ["--rounds", "0"], ["--rounds", "3x"], ["--core", "-1"], ["--warm-up", ""], ["x"]],
)
def test_the_benchmark_shows_its_usage(artifact, tmp_path, arguments):
    benchmark = build_program(artifact, "benchmark", tmp_path / "benchmark")
    done = run(benchmark, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("benchmark: usage: benchmark [--core N]")


def test_a_core_that_is_not_there(artifact, tmp_path):
    done = run(build_program(artifact, "benchmark", tmp_path / "benchmark"), "--core", 1000)
    assert (done.returncode, done.stderr) == (1, "benchmark: this processor has no such core for us\n")


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("my-net.v2", "my_net_v2"),
        ("3d", "_3d"),
        ("Größe", "Gr__e"),
        ("resnet_18", "resnet_18"),
        ("int", "int"),
    ],
)
def test_a_library_is_named_after_its_file(stem, name):
    model = build("mobilenet_v2", width=0.1, resolution=32, classes=2)
    assert c_name(model, None) == "mobilenet_v2"
    model.meta["name"] = stem
    assert c_name(model, None) == name
    assert c_name(model, "chosen") == "chosen"


@pytest.mark.parametrize("name", ["", "a-b", "3d", "größe", "a b", "x\n"])
def test_a_name_that_is_no_identifier(name):
    with pytest.raises(UsageError, match="is no C identifier: choose letters"):
        c_name(build("mobilenet_v2", width=0.1, resolution=32, classes=2), name)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the host has other instructions")
def test_the_library_of_an_x86_host(artifact):
    text = (artifact.folder / "c/mobilenet_v3_small.h").read_text()
    assert f'_NEEDS "{find_core("host").llvm_cpu}"' in text
    assert "auxv" not in text
