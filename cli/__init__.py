"""The command line: each command parses, calls one function of the library, and shows what it returned."""

import gc
import os
import signal
import sys
from typing import NoReturn

import click

from .. import __version__
from ..errors import ArmletError
from . import artifacts, devices, gate, models, paper, tuning


def main() -> NoReturn:
    """Run the command line; every failure is one line and the exit code of its kind."""
    code = _run()
    # Python itself would wait for LLVM in other threads, and free a million objects one by one.
    os._exit(code)


def _run() -> int:
    # Imports alone make a million objects that stay: looking for garbage among them took half a second.
    gc.set_threshold(100_000)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _failed(f"{error.format_message()} (armlet --help)", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except (ArmletError, OSError, RuntimeError) as error:
        # TVM turns an interruption of what it calls back into an error of its own.
        if _signals:
            return _failed("interrupted", 130)
        if "--debug" in sys.argv or isinstance(error, RuntimeError):
            raise
        return _failed(_words(error), getattr(error, "exit_code", 1))
    return 0


_signals: list[int] = []


def _interrupt(number: int, frame: object) -> NoReturn:
    _signals.append(number)
    raise KeyboardInterrupt


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


def _failed(words: str, code: int) -> int:
    click.echo(f"armlet: {words}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="armlet")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
def cli(debug: bool) -> None:
    """Compile MobileNetV3-class networks for ARM CPUs.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 regression, 4 inconclusive, 5 device unreachable or lost,
    6 invalid model, artifact or baseline, 130 interrupted.
    """


for command in (
    *(models.models, models.build, models.optimize),
    *(artifacts.compile_, artifacts.run, artifacts.bench, artifacts.explain),
    tuning.tune,
    *(gate.check, gate.init_ci),
    paper.paper,
    *(devices.devices, devices.deploy, devices.server, devices.doctor),
):
    cli.add_command(command)
