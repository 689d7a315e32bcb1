"""The regression gate, `armlet check`: whether artifacts are as fast, small and exact as they were."""

from .check import check
from .outcome import Check, GateResult, Outcome, Verdict
from .reports import write_reports
from .tables import show_result

__all__ = ["Check", "GateResult", "Outcome", "Verdict", "check", "show_result", "write_reports"]
