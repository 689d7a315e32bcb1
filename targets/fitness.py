"""Whether a board is fit to measure, and whether it has been slowed down since it was looked at last."""

from .board import Board, Cpu

# The load that a board may have: one measurement before this one, or a quarter of the processors.
MOST_LOAD = 1.5
# Governors that hold the clock below what the processor can do; others raise it while there is work.
SLOW_GOVERNORS = ("powersave", "conservative")


def unfit(board: Board) -> list[str]:
    """Why `board` is not fit to measure on its biggest processors; nothing if it is."""
    return [*_slow_clock(board.biggest()), *_busy(board), *slowed(board)]


def slowed(board: Board) -> list[str]:
    """What slows `board` down, or is about to."""
    reasons = [*board.slowed]
    if board.celsius is not None and board.limit_celsius is not None and board.celsius >= board.limit_celsius:
        reasons.append(f"it has {board.celsius:.0f} °C, and is slowed down from {board.limit_celsius:.0f} °C")
    return reasons


def _slow_clock(cpus: list[Cpu]) -> list[str]:
    reasons: dict[str, None] = {}
    for cpu in cpus:
        if cpu.governor in SLOW_GOVERNORS:
            reasons[f"the governor {cpu.governor} holds the clock down"] = None
        if cpu.limit_mhz and cpu.highest_mhz and cpu.limit_mhz < cpu.highest_mhz:
            reasons[f"its clock is limited to {cpu.limit_mhz:.0f} of {cpu.highest_mhz:.0f} MHz"] = None
    return [*reasons]


def _busy(board: Board) -> list[str]:
    most = max(MOST_LOAD, len(board.cpus) / 4)
    return [f"other work runs: the load is {board.load:g}"] if board.load and board.load > most else []
