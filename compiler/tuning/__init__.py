"""Parameters of kernels, measured instead of guessed: what was found, and the search for it."""

from .database import SHIPPED, Database, Record, Trial, known_records
from .selection import Selection
from .simulated import ranked
from .standing import Standing, Tuning
from .tasks import Task
from .tune import tune_model

__all__ = [
    "SHIPPED",
    "Database",
    "Record",
    "Selection",
    "Standing",
    "Task",
    "Trial",
    "Tuning",
    "known_records",
    "ranked",
    "tune_model",
]
