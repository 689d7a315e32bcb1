"""Words as the assembler makes them (llvm-mc 22), beside their assembly."""

import shutil
import subprocess

import pytest

from armlet.targets.simulator.instructions import decode

# word, assembly, what it reads, what it writes
REGISTERS = [
    (0x4F801A14, "fmla v20.4s, v16.4s, v0.s[2]", "v20 v16 v0", "v20"),
    (0x4F201214, "fmla v20.8h, v16.8h, v0.h[2]", "v20 v16 v0", "v20"),
    (0x0E20CE14, "fmla v20.2s, v16.2s, v0.2s", "v20 v16 v0", "v20"),
    (0x1F020C20, "fmadd s0, s1, s2, s3", "v1 v2 v3", "v0"),
    (0x5FA21020, "fmla s0, s1, v2.s[1]", "v0 v1 v2", "v0"),
    (0x4FA2E020, "sdot v0.4s, v1.16b, v2.4b[1]", "v0 v1 v2", "v0"),
    (0x2E829420, "udot v0.2s, v1.8b, v2.8b", "v0 v1 v2", "v0"),
    (0x4E628020, "smlal2 v0.4s, v1.8h, v2.8h", "v0 v1 v2", "v0"),
    (0x4E629420, "mla v0.8h, v1.8h, v2.8h", "v0 v1 v2", "v0"),
    (0x4E22EC20, "fmlal v0.4s, v1.4h, v2.4h", "v0 v1 v2", "v0"),
    (0x4E82A420, "smmla v0.4s, v1.16b, v2.16b", "v0 v1 v2", "v0"),
    (0x4FA29820, "fmul v0.4s, v1.4s, v2.s[3]", "v1 v2", "v0"),
    (0x4E181D00, "mov v0.d[1], x8", "v0 x8", "v0"),
    (0x6E0C4460, "mov v0.s[1], v3.s[2]", "v0 v3", "v0"),
    (0x0E0C3C00, "mov w0, v0.s[1]", "v0", "x0"),
    (0x4E040C20, "dup v0.4s, w1", "x1", "v0"),
    (0x4F000400, "movi v0.4s, #0", "", "v0"),
    (0x6E621C20, "bsl v0.16b, v1.16b, v2.16b", "v0 v1 v2", "v0"),
    (0x4F001420, "orr v0.4s, #1", "v0", "v0"),
    (0x4E212820, "xtn2 v0.16b, v1.8h", "v0 v1", "v0"),
    (0x4E21D800, "scvtf v0.4s, v0.4s", "v0", "v0"),
    (0x1E212000, "fcmp s0, s1", "v0 v1", "nzcv"),
    (0x1E22CC20, "fcsel s0, s1, s2, gt", "v1 v2 nzcv", "v0"),
    (0xFC408463, "ldr d3, [x3], #8", "x3", "v3 x3"),
    (0x3CC10C63, "ldr q3, [x3, #0x10]!", "x3", "v3 x3"),
    (0x3CE47863, "ldr q3, [x3, x4, lsl #4]", "x3 x4", "v3"),
    (0xF94004A8, "ldr x8, [x5, #8]", "x5", "x8"),
    (0xB98000A8, "ldrsw x8, [x5]", "x5", "x8"),
    (0x386668A8, "ldrb w8, [x5, x6]", "x5 x6", "x8"),
    (0xACC10400, "ldp q0, q1, [x0], #0x20", "x0", "v0 v1 x0"),
    (0x694107E0, "ldpsw x0, x1, [sp, #8]", "sp", "x0 x1"),
    (0x4DDF8520, "ld1 {v0.d}[1], [x9], #8", "v0 x9", "v0 x9"),
    (0x4CDFA920, "ld1 {v0.4s, v1.4s}, [x9], #32", "x9", "v0 v1 x9"),
    (0x4D40C920, "ld1r {v0.4s}, [x9]", "x9", "v0"),
    (0x4CC34120, "ld3 {v0.16b, v1.16b, v2.16b}, [x9], x3", "x9 x3", "v0 v1 v2 x9"),
    (0x58000200, "ldr x0, target", "", "x0"),
    (0xF9802000, "prfm pldl1keep, [x0, #0x40]", "x0", ""),
    (0x3C810420, "str q0, [x1], #0x10", "v0 x1", "x1"),
    (0x6DBF27E8, "stp d8, d9, [sp, #-0x10]!", "v8 v9 sp", "sp"),
    (0x0D009120, "st1 {v0.s}[1], [x9]", "v0 x9", ""),
    (0x39006C1F, "strb wzr, [x0, #0x1b]", "x0", ""),
    (0xC80FFC31, "stlxr w15, x17, [x1]", "x17 x1", "x15"),
    (0xF8200041, "ldadd x0, x1, [x2]", "x0 x1 x2", "x0 x1"),
    (0x91004020, "add x0, x1, #0x10", "x1", "x0"),
    (0x8B22C820, "add x0, x1, w2, sxtw #2", "x1 x2", "x0"),
    (0xD37DF020, "lsl x0, x1, #3", "x1", "x0"),
    (0x9AC22020, "lsl x0, x1, x2", "x1 x2", "x0"),
    (0x6B020020, "subs w0, w1, w2", "x1 x2", "x0 nzcv"),
    (0xEB2163FF, "cmp sp, x1", "sp x1", "nzcv"),
    (0xEA21033F, "bics xzr, x25, x1", "x25 x1", "nzcv"),
    (0x9A823020, "csel x0, x1, x2, lo", "x1 x2 nzcv", "x0"),
    (0xBA020020, "adcs x0, x1, x2", "x1 x2 nzcv", "x0 nzcv"),
    (0xF2A00020, "movk x0, #1, lsl #16", "x0", "x0"),
    (0xB37D0C20, "bfi x0, x1, #3, #4", "x0 x1", "x0"),
    (0x9B020C20, "madd x0, x1, x2, x3", "x1 x2 x3", "x0"),
    (0xB0000000, "adrp x0, target", "", "x0"),
    (0xD51B4415, "msr fpcr, x21", "x21", ""),
    (0xD503201F, "nop", "", ""),
    (0x54000201, "b.ne target", "nzcv", ""),
    (0xB4000203, "cbz x3, target", "x3", ""),
    (0x37180203, "tbnz w3, #3, target", "x3", ""),
    (0x94000010, "bl target", "", "x30"),
    (0xD63F0060, "blr x3", "x3", "x30"),
    (0xD65F03C0, "ret", "x30", ""),
]


@pytest.mark.parametrize(("word", "assembly", "reads", "writes"), REGISTERS, ids=lambda value: str(value))
def test_assembly_and_registers(word, assembly, reads, writes):
    instruction = decode(word)
    assert instruction.text == assembly
    assert instruction.mnemonic == assembly.split()[0]
    assert " ".join(instruction.reads) == reads
    assert " ".join(instruction.writes) == writes


# word, macs, element, vector_bits, by_element, accumulator
MULTIPLY_ACCUMULATES = [
    (0x4F801A14, 4, "fp32", 128, True, "v20"),  # fmla v20.4s, v16.4s, v0.s[2]
    (0x4F201214, 8, "fp16", 128, True, "v20"),  # fmla v20.8h, v16.8h, v0.h[2]
    (0x0E20CE14, 2, "fp32", 64, False, "v20"),  # fmla v20.2s, v16.2s, v0.2s
    (0x1F020C20, 1, "fp32", 64, False, "v3"),  # fmadd s0, s1, s2, s3
    (0x5FA21020, 1, "fp32", 64, True, "v0"),  # fmla s0, s1, v2.s[1]
    (0x4FA2E020, 16, "int8", 128, True, "v0"),  # sdot v0.4s, v1.16b, v2.4b[1]
    (0x2E829420, 8, "int8", 64, False, "v0"),  # udot v0.2s, v1.8b, v2.8b
    (0x4E628020, 4, "int16", 128, False, "v0"),  # smlal2 v0.4s, v1.8h, v2.8h
    (0x4E22EC20, 4, "fp16", 128, False, "v0"),  # fmlal v0.4s, v1.4h, v2.4h
    (0x4E82A420, 32, "int8", 128, False, "v0"),  # smmla v0.4s, v1.16b, v2.16b
]


@pytest.mark.parametrize(
    ("word", "macs", "element", "vector_bits", "by_element", "accumulator"), MULTIPLY_ACCUMULATES
)
def test_multiply_accumulates(word, macs, element, vector_bits, by_element, accumulator):
    instruction = decode(word)
    assert instruction.kind == "multiply_accumulate"
    assert (instruction.macs, instruction.element, instruction.vector_bits) == (macs, element, vector_bits)
    assert (instruction.by_element, instruction.accumulator) == (by_element, accumulator)


# word, kind, memory_bytes, vector_bits, address, write_back
MEMORY_ACCESSES = [
    (0xFC408463, "load", 8, 64, "x3", "x3"),  # ldr d3, [x3], #8
    (0x3CC10C63, "load", 16, 128, "x3", "x3"),  # ldr q3, [x3, #0x10]!
    (0x3CE47863, "load", 16, 128, "x3 x4", None),  # ldr q3, [x3, x4, lsl #4]
    (0xF94004A8, "load", 8, 0, "x5", None),  # ldr x8, [x5, #8]
    (0xB98000A8, "load", 4, 0, "x5", None),  # ldrsw x8, [x5]
    (0x386668A8, "load", 1, 0, "x5 x6", None),  # ldrb w8, [x5, x6]
    (0xACC10400, "load", 32, 128, "x0", "x0"),  # ldp q0, q1, [x0], #0x20
    (0x694107E0, "load", 8, 0, "sp", None),  # ldpsw x0, x1, [sp, #8]
    (0x4DDF8520, "load", 8, 64, "x9", "x9"),  # ld1 {v0.d}[1], [x9], #8
    (0x4CDFA920, "load", 32, 128, "x9", "x9"),  # ld1 {v0.4s, v1.4s}, [x9], #32
    (0x4D40C920, "load", 4, 128, "x9", None),  # ld1r {v0.4s}, [x9]
    (0x4CC34120, "load", 48, 128, "x9 x3", "x9"),  # ld3 {v0.16b, v1.16b, v2.16b}, [x9], x3
    (0x58000200, "load", 8, 0, "", None),  # ldr x0, target
    (0xF9802000, "load", 0, 0, "x0", None),  # prfm pldl1keep, [x0, #0x40]
    (0x3C810420, "store", 16, 128, "x1", "x1"),  # str q0, [x1], #0x10
    (0x6DBF27E8, "store", 16, 64, "sp", "sp"),  # stp d8, d9, [sp, #-0x10]!
    (0x0D009120, "store", 4, 64, "x9", None),  # st1 {v0.s}[1], [x9]
    (0x39006C1F, "store", 1, 0, "x0", None),  # strb wzr, [x0, #0x1b]
    (0xC80FFC31, "store", 8, 0, "x1", None),  # stlxr w15, x17, [x1]
    (0xF8200041, "load", 8, 0, "x2", None),  # ldadd x0, x1, [x2]
]


@pytest.mark.parametrize(
    ("word", "kind", "memory_bytes", "vector_bits", "address", "write_back"), MEMORY_ACCESSES
)
def test_memory_accesses(word, kind, memory_bytes, vector_bits, address, write_back):
    instruction = decode(word)
    assert instruction.kind == kind
    assert (instruction.memory_bytes, instruction.vector_bits) == (memory_bytes, vector_bits)
    assert (" ".join(instruction.address), instruction.write_back) == (address, write_back)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (0x4FA29820, "other"),  # fmul v0.4s, v1.4s, v2.s[3]
        (0x4E181D00, "other"),  # mov v0.d[1], x8
        (0x0E0C3C00, "other"),  # mov w0, v0.s[1]
        (0x1E212000, "other"),  # fcmp s0, s1
        (0x9B020C20, "address_and_control"),  # madd x0, x1, x2, x3
        (0xEB2163FF, "address_and_control"),  # cmp sp, x1
        (0xD503201F, "address_and_control"),  # nop
        (0x54000201, "branch"),  # b.ne target
        (0xD65F03C0, "branch"),  # ret
    ],
)
def test_kinds(word, kind):
    assert decode(word).kind == kind


def test_a_part_that_is_kept_and_an_operand_that_is_shifted():
    merging = [word for word, *_ in REGISTERS if decode(word).merges]
    assert " ".join(decode(word).mnemonic for word in merging) == "mov mov bsl orr xtn2 ld1 movk bfi"
    shifting = [decode(word).text for word, *_ in REGISTERS if decode(word).shifts]
    assert shifting == ["add x0, x1, w2, sxtw #2", "lsl x0, x1, #3", "bfi x0, x1, #3, #4"]


def test_a_word_that_is_no_instruction():
    instruction = decode(0xFFFFFFFF)
    assert (instruction.text, instruction.kind) == (".inst 0xffffffff", "other")
    assert instruction.reads == instruction.writes == ()


def test_an_instruction_is_decoded_once():
    assert decode(0x4F801A14) is decode(0x4F801A14)


@pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="needs llvm-mca 22")
def test_llvm_mca_takes_the_text():
    # LLVM has no timing of atomics.
    code = [decode(word).text for word, *_ in REGISTERS if decode(word).mnemonic != "ldadd"]
    command = [
        "llvm-mca-22",
        "-mtriple=aarch64",
        "-mcpu=neoverse-n2",
        "-mattr=+fp16fml,+i8mm",
        "-iterations=1",
    ]
    source = "\n".join(["target:", *code, ""])
    report = subprocess.run(command, input=source, text=True, capture_output=True, check=True).stdout
    assert f"Instructions:      {len(code)}\n" in report
