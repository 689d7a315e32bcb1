"""What can go wrong, each kind with the exit code that the command line ends with."""


class ArmletError(Exception):
    """A failure with one line to show: what, expected, found, what to do. Exit code 1."""

    exit_code = 1


class UsageError(ArmletError):
    """The caller asked for something that does not exist: a model, a core, a device, a file. Exit code 2."""

    exit_code = 2


class DeviceError(ArmletError):
    """The device cannot be reached, or was lost while it worked. Exit code 5."""

    exit_code = 5


class InconclusiveError(DeviceError):
    """The device throttled for longer than it was waited for: its times tell nothing. Exit code 4."""

    exit_code = 4


class InvalidModelError(ArmletError):
    """The model is broken, or of a kind that cannot be compiled. Exit code 6."""

    exit_code = 6


class InvalidArtifactError(ArmletError):
    """The artifact was changed after it was made, or does not fit the device. Exit code 6."""

    exit_code = 6


class InvalidBaselineError(ArmletError):
    """The baseline is broken, lacks the artifact, or is of what cannot be compared with it. Exit code 6."""

    exit_code = 6


def first_line(error: Exception) -> str:
    """The first line of what `error` says, or its kind if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
