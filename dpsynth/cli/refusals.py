"""How a command ends when it cannot do its work: one message, one exit code, never a private value.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage (by the parser), 130 interrupted, 141 nobody reads stdout
any more, 143 terminated.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dpsynth.cli.spelling import as_typed
from dpsynth.errors import DPSynthError

REFUSED = 1
INTERRUPTED = 130
CLOSED_PIPE = 141
DEBUG = "DPSYNTH_DEBUG"


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """Turn every exception of a command into a message on stderr and an exit code.

    An error raised on purpose is printed as it is: it names columns and settings only. Of any other
    error just the type is printed, because its text may quote a cell of the private table; so do
    warnings of other libraries, which are silenced. With DPSYNTH_DEBUG=1 both are let through.
    """
    debug = os.environ.get(DEBUG) == "1"
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.simplefilter("ignore")
            yield
    except DPSynthError as error:
        _print_error(error.code, as_typed(str(error)), as_json)
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt:
        _print_error("interrupted", "interrupted; nothing half-written was left", as_json)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(CLOSED_PIPE) from None
    except Exception as error:
        if debug or isinstance(error, (typer.BadParameter, typer.Exit, typer.Abort)):
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = os.strerror(error.errno)
            _print_error("unexpected", f"the output must fit where it goes; got: {reason}; try another place", as_json)
            raise typer.Exit(REFUSED) from None
        _print_error(
            "unexpected",
            f"unexpected {type(error).__name__}; its text is held back because it may quote private data;"
            f" try again with {DEBUG}=1 where only the data's steward sees the screen: the traceback may hold values",
            as_json,
        )
        raise typer.Exit(REFUSED) from None


def _print_error(code: str, message: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": code, "message": message}), file=sys.stderr)
    else:
        typer.secho(f"error: {message}", fg=typer.colors.RED, err=True)
