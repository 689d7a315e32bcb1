"""The folder c/ of an artifact: the network as a C library, its header, an example and a benchmark."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import onnx_ir as ir

from ..errors import UsageError
from ..targets import Core, Toolchain
from .arena import ALIGNMENT
from .network import Network
from .program import Tensor

TEMPLATES = Path(__file__).with_name("templates")
NO_IDENTIFIER = r"\W|^(?=\d)"

# The C library of whoever includes the header asks Linux; the library itself calls nobody.
SUPPORTED_ON_ARM = """\
/* Whether this processor has the instructions that the library needs beyond those of Armv8.0: by the bits of
 * AT_HWCAP and AT_HWCAP2 that Linux sets for them. If not, a run ends with SIGILL. */
#define ${NAME}_NEEDS "$needs"
#define ${NAME}_HWCAP ${hwcap}UL
#define ${NAME}_HWCAP2 ${hwcap2}UL
static inline int ${name}_supported(void) {
  return (getauxval(AT_HWCAP) & ${NAME}_HWCAP) == ${NAME}_HWCAP &&
         (getauxval(AT_HWCAP2) & ${NAME}_HWCAP2) == ${NAME}_HWCAP2;
}"""
SUPPORTED_ON_X86 = """\
/* Whether this processor has the instructions that the library needs. If not, a run ends with SIGILL. */
#define ${NAME}_NEEDS "$needs"
static inline int ${name}_supported(void) { return $condition; }"""


def c_name(model: ir.Model, name: str | None) -> str:
    """What the C library of `model` is called: `name`, else after the model's file, else after its graph.

    Raises UsageError if `name` is no C identifier.
    """
    if name is not None:
        if re.search(NO_IDENTIFIER, name, re.ASCII) or not name:
            raise UsageError(f"the name {name!r} is no C identifier: choose letters, digits and underscores")
        return name
    return re.sub(NO_IDENTIFIER, "_", model.meta.get("name") or model.graph.name or "network", flags=re.ASCII)


def write_c_library(
    network: Network, manifest: Mapping[str, Any], core: Core, toolchain: Toolchain, folder: Path
) -> None:
    """Write `network`, which `manifest` describes, as a C library to the new folder `folder`.

    The files are libNAME.a, libNAME.so, NAME.h, example.c and benchmark.c. Raises ArmletError if the
    toolchain fails.
    """
    folder.mkdir()
    name, library = network.name, f"lib{network.name}"
    toolchain.archive(network.object, folder / f"{library}.a")
    toolchain.link_library(
        [network.object], folder / f"{library}.so", exports=network.functions, soname=f"{library}.so"
    )
    facts = _facts(network, manifest, core)
    facts["supported"] = Template(_supported(core)).substitute(facts)
    files = {"library.h": f"{name}.h", "example.c": "example.c", "benchmark.c": "benchmark.c"}
    for template, file in files.items():
        (folder / file).write_text(Template((TEMPLATES / template).read_text()).substitute(facts))


def _facts(network: Network, manifest: Mapping[str, Any], core: Core) -> dict[str, Any]:
    program, target = network.program, manifest["target"]
    layers = [call.layer for call in program.calls]
    needs = [feature[1:] for feature in core.features if feature.startswith("+")]
    hwcap, hwcap2 = core.hwcap
    return {
        "name": network.name,
        "NAME": network.name.upper(),
        "armlet": manifest["armlet"],
        "version": network.version,
        "target": f"{core.name}, {target['os']}, {manifest['precision']}",
        "include": "#include <sys/auxv.h>\n" if core.machine == "aarch64" else "",
        "tensors": "\n".join([*_lines(manifest, "inputs"), *_lines(manifest, "outputs")]),
        "inputs": len(program.inputs),
        "outputs": len(program.outputs),
        "input_types": _types(program.inputs),
        "output_types": _types(program.outputs),
        "input_bytes": _sizes(program.inputs),
        "output_bytes": _sizes(program.outputs),
        "workspace_bytes": network.arena.nbytes,
        "alignment": ALIGNMENT,
        "detection": f"\n{network.detection.declaration(network.name)}" if network.detection else "",
        "kernels": len(layers),
        "kernel_names": ", ".join(f"\\\n  {_quoted(layer)}" for layer in layers),
        "needs": ", ".join(needs) if core.machine == "aarch64" else core.llvm_cpu,
        "hwcap": f"{hwcap:#x}",
        "hwcap2": f"{hwcap2:#x}",
        "condition": "1" if core.llvm_cpu == "x86-64" else f'__builtin_cpu_supports("{core.llvm_cpu}")',
    }


def _supported(core: Core) -> str:
    return SUPPORTED_ON_ARM if core.machine == "aarch64" else SUPPORTED_ON_X86


def _lines(manifest: Mapping[str, Any], which: str) -> list[str]:
    """A line of the header's comment for each tensor."""
    return [
        f" *   {which[:-1]} {number}: {_quoted(each['name'])}, {each['type']} {each['shape']}"
        + (f", {each['layout'].upper()}" if each["layout"] else "")
        for number, each in enumerate(manifest[which])
    ]


def _sizes(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str(tensor.nbytes) for tensor in tensors)


def _types(tensors: Sequence[Tensor]) -> str:
    return ", ".join(_quoted(tensor.dtype.name) for tensor in tensors)


def _quoted(text: str) -> str:
    """`text` as a C string that may also stand in a comment: what has a meaning in either is in octal."""
    plain = re.compile(rb"[\w ./:;,+=()\[\]-]")
    encoded = (bytes([byte]) for byte in text.encode())
    return '"' + "".join(b.decode() if plain.match(b) else f"\\{b[0]:03o}" for b in encoded) + '"'
