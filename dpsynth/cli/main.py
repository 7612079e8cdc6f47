"""The way into the command `dpsynth`, and every way out of it: a signal, a closed pipe, a full disk.

Imports wait until somebody is there to catch an interrupt.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

FAILED = 1
INTERRUPTED = 130


def main() -> None:
    """The command `dpsynth`."""
    _run("dpsynth")


def attacks_main() -> None:
    """The command `attacks`."""
    _run("attacks")


def _run(command: str) -> None:
    """Run a command line; a termination signal ends it as an error would, so that nothing half-written stays."""
    try:
        signal.signal(signal.SIGTERM, _stop)
        if command == "attacks":
            from dpsynth.cli.audit import foreign

            foreign()
        else:
            from dpsynth.cli.app import app

            app()
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except OSError as error:  # from the parser's own output, such as --help; the commands catch theirs
        _end(f"the output could not be written; got: {os.strerror(error.errno or 0)}", FAILED)
    finally:
        _drop_what_cannot_be_written()


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def _end(message: str, code: int) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(code)


def _drop_what_cannot_be_written() -> None:
    """After a closed pipe or a full disk Python would try once more at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
