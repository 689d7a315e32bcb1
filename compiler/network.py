"""A program as one object that depends on nothing: kernels, weights, and C that calls one on the other."""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from .. import __version__
from ..targets import Core, Toolchain
from ..targets.toolchains import DependencyError
from ..threads import side_by_side
from .arena import ALIGNMENT, Arena, Span, plan
from .c_interface import CompiledFunction, KernelObject, compile_function
from .detection import Detection
from .fallback import TVM_ERRORS, cannot_compile
from .program import Call, Program, Tensor
from .traffic import Traffic, traffic_by_function

SOURCE = Path(__file__).with_name("templates") / "network.c"


@dataclass(frozen=True)
class Network:
    """A network in one object file, code and weights, that depends on nothing.

    Its public functions begin with `name`; `version` tells networks of the same name apart. `traffic` is what
    a call of each of the program's functions reads and writes; `weights_bytes` are those of all constants,
    each kept once. `detection` is what the object offers for its outputs.
    """

    name: str
    version: str
    object: Path
    program: Program
    arena: Arena
    traffic: Mapping[str, Traffic]
    weights_bytes: int
    detection: Detection | None = None

    @property
    def functions(self) -> tuple[str, ...]:
        """All that the object offers."""
        offered = ("run", "run_kernel", "version", *(("detect",) if self.detection else ()))
        return tuple(f"{self.name}_{function}" for function in offered)


def compile_network(
    program: Program,
    name: str,
    core: Core,
    os: str,
    toolchain: Toolchain,
    folder: Path,
    progress: Callable[[str, float], None],
    detection: Detection | None = None,
) -> Network:
    """Compile `program` for `core` to the object NAME.o in `folder`, which must outlive the result.

    With `detection`, the object offers it as NAME_detect. `progress` is told what is being done and which
    part of the whole is behind. Raises InvalidModelError naming the node if TVM cannot compile one that was
    left to it, ArmletError if the toolchain fails or a disk is full.
    """
    objects = _compile_kernels(program, core, os, progress)
    progress("network", len(objects) / (len(objects) + 1))

    source = _Source.of(program, objects)
    others = {"detect.c": detection.source(name)} if detection else {}
    version, text = source.text(name, core.tvm_target(os), *others.values())
    (folder / "weights.bin").write_bytes(source.weights)
    files = [item.path for item in objects.values()]
    for file, content in {"network.c": text, **others}.items():
        (folder / file).write_text(content)
        # NAME is an identifier: no network is called so.
        files.append(folder / f"{file}.o")
        toolchain.compile_object(folder / file, files[-1])
    scratch = {function: sum(item.scratch) for function, item in objects.items()}
    traffic = traffic_by_function(program, scratch)
    whole = folder / f"lib{name}.o"
    network = Network(name, version, whole, program, source.arena, traffic, len(source.weights), detection)
    try:
        toolchain.link_object(files, network.object, network.functions)
    except DependencyError:
        _blame_a_node(program, objects, toolchain, folder)
        raise
    return network


def _compile_kernels(
    program: Program, core: Core, os: str, progress: Callable[[str, float], None]
) -> dict[str, KernelObject]:
    """The object of each function; what is done is kept in the cache, by this thread alone."""

    def compiled(name: str) -> CompiledFunction:
        kernel = program.kernels.get(name)
        target = core.tvm_target(os, kernel.llvm_cpu if kernel else None)
        try:
            return compile_function(program.functions[name], name, target)
        except TVM_ERRORS as error:
            raise cannot_compile(_node_of(program, name), error) from error

    objects = {}
    with side_by_side() as pool:
        names = {pool.submit(compiled, name): name for name in program.functions}
        for number, done in enumerate(as_completed(names), 1):
            name = names[done]
            objects[name] = done.result().kept()
            progress(f"kernel {name}", number / (len(names) + 1))
    return {name: objects[name] for name in program.functions}


def _node_of(program: Program, function: str) -> Any:
    layer = next(call.layer for call in program.calls if call.function == function)
    return next(fallback.node for fallback in program.fallbacks if fallback.node.name == layer)


def _blame_a_node(
    program: Program, objects: dict[str, KernelObject], toolchain: Toolchain, folder: Path
) -> None:
    """Raise InvalidModelError for a node whose function alone needs what a device may not have."""
    for name in program.functions.keys() - program.kernels.keys():
        try:
            toolchain.link_object([objects[name].path], folder / "alone.o", [name])
        except DependencyError as error:
            raise cannot_compile(_node_of(program, name), error) from error


def _homes(program: Program) -> dict[Tensor, tuple[Tensor, int]]:
    """For each tensor the one in whose memory it lies, itself or another, and how many bytes further on."""
    homes: dict[Tensor, tuple[Tensor, int]] = {}
    in_place, parts = program.in_place, program.parts

    def find(tensor: Tensor) -> tuple[Tensor, int]:
        if tensor in parts:
            whole, start = parts[tensor]
            home, first = find(whole)
            return home, first + start
        return find(in_place[tensor]) if tensor in in_place else (tensor, 0)

    for call in program.calls:
        for used in (*call.arguments, *call.outputs):
            if isinstance(used, Tensor):
                homes[used] = find(used)
    return homes


@dataclass
class _Source:
    """The C of a program: where everything lies, and the calls in order."""

    program: Program
    objects: dict[str, KernelObject]
    arena: Arena
    places: dict[Tensor, str]
    scratch: list[list[str]]
    weights: bytearray = field(default_factory=bytearray)
    offsets: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, program: Program, objects: dict[str, KernelObject]) -> "_Source":
        """Plan the memory of `program`."""
        given = {tensor: f"in[{number}]" for number, tensor in enumerate(program.inputs)}
        given |= {tensor: f"out[{number}]" for number, tensor in enumerate(program.outputs)}
        homes = _homes(program)
        spans: dict[Tensor, Span] = {}
        for number, call in enumerate(program.calls):
            for used in (*call.arguments, *call.outputs):
                home = homes[used][0] if isinstance(used, Tensor) else None
                if home and home not in given:
                    first = spans[home].first if home in spans else number
                    spans[home] = Span(home.nbytes, first, number)
        of_calls = [
            [Span(nbytes, number, number) for nbytes in objects[call.function].scratch]
            for number, call in enumerate(program.calls)
        ]
        arena = plan([*spans.values(), *(span for of_call in of_calls for span in of_call)])
        offsets = iter(arena.offsets)
        starts = given | {home: f"A({next(offsets)})" for home in spans}
        places = {
            tensor: f"(char *){starts[home]} + {start}" if start else starts[home]
            for tensor, (home, start) in homes.items()
        }
        scratch = [[f"A({next(offsets)})" for _ in of_call] for of_call in of_calls]
        return cls(program, objects, arena, places, scratch)

    def text(self, name: str, target: Mapping[str, Any], *others: str) -> tuple[str, str]:
        """What the network `name` calls its version, and the C file, which includes weights.bin.

        The version is also that of the `others` among its sources.
        """
        calls = [self._call(number, call) for number, call in enumerate(self.program.calls)]
        pairs = zip(self.program.calls, calls, strict=True)
        functions = dict.fromkeys((call.function, text.count(",") + 1) for call, text in pairs)
        described = json.dumps([calls, target, *others], sort_keys=True)
        content = described.encode() + self.weights
        version = f"{__version__}-{hashlib.sha256(content).hexdigest()[:12]}"
        return version, Template(SOURCE.read_text()).substitute(
            name=name,
            version=version,
            functions_count=len(functions),
            functions="\n".join(
                f"void {function}({', '.join(['const void *'] * n)});" for function, n in functions
            ),
            cases="\n".join(f"    case {number}: {call}; break;" for number, call in enumerate(calls)),
            calls="\n".join(f"  {call};" for call in calls),
        )

    def _call(self, number: int, call: Call) -> str:
        arguments = [
            self.places[argument] if isinstance(argument, Tensor) else f"W({self._weight(argument)})"
            for argument in call.arguments
        ]
        outputs = [self.places[tensor] for tensor in call.outputs]
        return f"{call.function}({', '.join([*arguments, *outputs, *self.scratch[number]])})"

    def _weight(self, array: np.ndarray) -> int:
        """The offset of a constant among the weights, where the same numbers are kept once."""
        content = np.ascontiguousarray(array).tobytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.offsets:
            self.weights += bytes(-len(self.weights) % ALIGNMENT)
            self.offsets[digest] = len(self.weights)
            self.weights += content
        return self.offsets[digest]
