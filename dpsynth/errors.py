"""The error tree: every error a caller can meet, and the grammar of its message.

A message reads "name (value) must ...; got ...; try ...". It may name columns, settings and public
values of the schema, and never a cell of the private table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class DPSynthError(Exception):
    """Base of every error raised on purpose by dpsynth; `code` is stable and safe to log."""

    code = "error"


class SettingError(DPSynthError, ValueError):
    """An argument or option has a value outside its allowed range."""

    code = "setting"


@dataclass(frozen=True)
class Problem:
    """One broken rule: where it is (a column, a file line) and what to do about it."""

    message: str
    column: str | None = None
    rule: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                f"line {self.line}" if self.line is not None else "",
                f"column {self.column!r}" if self.column is not None else "",
                f"rule {self.rule}" if self.rule is not None else "",
            )
            if part
        )
        return f"{place}: {self.message}" if place else self.message


class _ProblemsError(DPSynthError, ValueError):
    """An error that lists several problems at once, so that a user mends them in one go."""

    def __init__(self, headline: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([headline, *(f"  - {problem}" for problem in self.problems)]))


class SchemaError(_ProblemsError):
    """A schema is not valid, or still holds items that nobody has confirmed to be public."""

    code = "schema"


class DataError(_ProblemsError):
    """A table does not fit its schema; names columns and rules, never a cell value."""

    code = "data"


class BudgetError(DPSynthError):
    """A mechanism asked for more privacy budget than is left; nothing was measured."""

    code = "budget"


class PlanTooLargeError(DPSynthError):
    """A plan needs more memory than allowed; refused before any row is read."""

    code = "plan-too-large"


class ReleaseError(DPSynthError):
    """A release directory cannot be written or read, or its files do not agree."""

    code = "release"


class LedgerError(DPSynthError):
    """A ledger cannot be read or written, or is not what it was."""

    code = "ledger"


class GateError(DPSynthError):
    """A policy is not valid, or a gate could not look at what it must judge."""

    code = "gate"


class SessionClosedError(DPSynthError):
    """Private data was asked for after the last mechanism ran."""

    code = "session-closed"


class MissingExtraError(DPSynthError, ImportError):
    """An optional part is not installed; the message names the extra that brings it."""

    code = "missing-extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra {extra!r}; try: pip install 'dpsynth-engine[{extra}]'")
