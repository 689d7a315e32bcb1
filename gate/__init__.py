"""The regression gate, `armlet check`: whether artifacts are as fast, small and exact as they were."""

from .by_device import check
from .outcome import Check, GateResult, Outcome, Verdict
from .page import write_page
from .plots import require_matplotlib
from .reports import write_reports
from .tables import show_result
from .workflow import write_workflow

__all__ = [
    "Check",
    "GateResult",
    "Outcome",
    "Verdict",
    "check",
    "require_matplotlib",
    "show_result",
    "write_page",
    "write_reports",
    "write_workflow",
]
