"""What kills must not take from a file of records."""

from armlet.compiler.tuning import Database
from armlet.compiler.tuning.database import AMONG_THE_BEST


def trials_in(path):
    """Its records, but those of a ranking: what is measured after a failed round makes that anew."""
    return {record for record in Database.open(path) if not record.trial.device.endswith(AMONG_THE_BEST)}
