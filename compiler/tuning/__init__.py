"""Parameters of kernels, measured instead of guessed: what was found, and the search for it."""

from .database import Database, Record, Trial
from .selection import Selection
from .simulated import Task, Tuning, tune_on_simulated_core

__all__ = ["Database", "Record", "Selection", "Task", "Trial", "Tuning", "tune_on_simulated_core"]
