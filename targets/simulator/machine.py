"""An ARM64 processor and a library in its memory, by unicorn: no system, no C library, nothing else.

It has the integer, floating-point, half-precision and dot-product instructions; no SVE, and no matrix
multiplications of int8 and bfloat16.
"""

from collections.abc import Sequence

import numpy as np
from unicorn import Uc, UcError, arm64_const
from unicorn import unicorn_const as const

from ...errors import InvalidArtifactError, UsageError
from ..cores import Core
from .image import Image
from .instructions import decode
from .loops import INSTRUCTION_BYTES

PAGE = 4096
Argument = np.ndarray | int | Sequence[np.ndarray]
# Far apart, with pages of nothing between.
BUFFERS, STACK_END, RETURN = 0x10_0000_0000, 0x20_0000_0000, 0x30_0000_0000
STACK_BYTES = 1 << 20
REGISTERS = [getattr(arm64_const, f"UC_ARM64_REG_X{number}") for number in range(8)]
# For the others, the one that has all that unicorn knows.
CPUS = {
    "cortex-a53": arm64_const.UC_CPU_ARM64_A53,
    "cortex-a72": arm64_const.UC_CPU_ARM64_A72,
    "cortex-a73": arm64_const.UC_CPU_ARM64_A72,
}
JUMPS = const.UC_ERR_FETCH_UNMAPPED, const.UC_ERR_FETCH_PROT


class Machine:
    """`image` in memory, and `processor`, which can be hooked, to call its functions."""

    def __init__(self, image: Image, core: Core):
        self.image = image
        self.processor = Uc(const.UC_ARCH_ARM64, const.UC_MODE_ARM)
        self.processor.ctl_set_cpu_model(CPUS.get(core.name, arm64_const.UC_CPU_ARM64_MAX))
        for segment in image.segments:
            access = const.UC_PROT_WRITE if segment.writable else const.UC_PROT_EXEC
            self._map(segment.address, segment.size, segment.contents, const.UC_PROT_READ | access)
        self._map(STACK_END - STACK_BYTES, STACK_BYTES)
        self._touched = 0
        self.processor.hook_add(const.UC_HOOK_MEM_INVALID, self._on_invalid_access)

    def call(self, function: str, arguments: Sequence[Argument], *, at_page_ends: bool = False) -> int:
        """Call `function` by the Procedure Call Standard (AAPCS64); what it returns, as 64 bits.

        The arguments are integers, contiguous arrays, which are passed by address, in the same places every
        time, and hold afterwards what was written there, or lists of such arrays, which are passed as an
        array of addresses. Each array begins where a page does, or ends so with `at_page_ends`, and the pages
        on both sides of it are not there. Raises UsageError if there is no such function,
        InvalidArtifactError naming function and instruction if it crashes, or needs what is not there.
        """
        if function not in self.image.functions:
            raise UsageError(f"{self.image.name} has no function {function}: see `nm {self.image.name}`")
        self._buffers: list[tuple[int, np.ndarray]] = []
        self._free, self._at_page_ends = BUFFERS, at_page_ends
        values = [self._value(argument) for argument in arguments]
        on_stack = np.array(values[len(REGISTERS) :], np.uint64).tobytes()
        stack = (STACK_END - len(on_stack)) // 16 * 16
        self.processor.mem_write(stack, on_stack)
        for register, value in zip(REGISTERS, values, strict=False):
            self.processor.reg_write(register, value)
        self.processor.reg_write(arm64_const.UC_ARM64_REG_SP, stack)
        self.processor.reg_write(arm64_const.UC_ARM64_REG_LR, RETURN)
        try:
            self.processor.emu_start(self.image.functions[function], RETURN)
        except UcError as error:
            raise InvalidArtifactError(f"{function} of {self.image.name} {self._failure(error)}") from error
        for address, array in self._buffers:
            contents = self.processor.mem_read(address, array.nbytes)
            array[...] = np.frombuffer(contents, array.dtype).reshape(array.shape)
            self.processor.mem_unmap(address // PAGE * PAGE, _page_end(array.nbytes))
        return int(self.processor.reg_read(REGISTERS[0]))

    def _value(self, argument: Argument) -> int:
        """What an argument is in a register."""
        if isinstance(argument, int):
            return argument
        if not isinstance(argument, np.ndarray):
            return self._value(np.array([self._value(array) for array in argument], np.uint64))
        end = _page_end(self._free + argument.nbytes)
        address = end - argument.nbytes if self._at_page_ends else self._free
        self._map(address, argument.nbytes, argument.tobytes())
        self._buffers.append((address, argument))
        self._free = end + PAGE
        return address

    def words(self, address: int, size: int) -> tuple[int, ...]:
        """The instructions in the `size` bytes from `address` on."""
        return tuple(np.frombuffer(self.processor.mem_read(address, size), "<u4").tolist())

    def _map(
        self,
        address: int,
        size: int,
        contents: bytes = b"",
        access: int = const.UC_PROT_READ | const.UC_PROT_WRITE,
    ) -> None:
        start = address // PAGE * PAGE
        self.processor.mem_map(start, _page_end(address + size) - start, access)
        self.processor.mem_write(address, contents)

    def _on_invalid_access(
        self, processor: Uc, access: int, address: int, size: int, value: int, data: object
    ) -> bool:
        self._touched = address
        return False

    def _failure(self, error: UcError) -> str:
        """What happened, as the rest of a sentence that begins with the function."""
        at = self.processor.reg_read(arm64_const.UC_ARM64_REG_PC)
        if error.errno in JUMPS:
            if at in self.image.imports:
                return f"calls {self.image.imports[at]}, which is of another library: link it in"
            return f"jumps to {at:#x}, where there is no code"
        what = f"touches {self._touched:#x}, where nothing was given to it,"
        if error.errno == const.UC_ERR_EXCEPTION:
            what = "needs an instruction that the core or unicorn has not,"
            if self._text(at).startswith("brk "):
                what = "stops itself,"
            elif self._text(at - INSTRUCTION_BYTES).startswith("svc "):
                at -= INSTRUCTION_BYTES
                what = "calls the system, and there is none,"
        return f"{what} at `{self._text(at)}` in {self.image.function_at(at)}"

    def _text(self, address: int) -> str:
        return decode(self.words(address, INSTRUCTION_BYTES)[0]).text


def _page_end(address: int) -> int:
    return -(-address // PAGE) * PAGE
