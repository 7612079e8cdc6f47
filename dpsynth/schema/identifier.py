"""Columns of meaningless distinct values, which no mechanism looks at."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from dpsynth.schema.provenance import DECLARED, Source, call_of
from dpsynth.schema.rules import Rules


@dataclass(frozen=True, repr=False)
class Identifier:
    """A column of meaningless distinct values: dropped at ingest, made anew in the synthetic table as prefix + number.

    >>> Identifier("patient_id", prefix="P")
    Identifier('patient_id', prefix='P')
    """

    type: ClassVar[str] = "identifier"

    name: str
    _: KW_ONLY
    prefix: str = ""
    source: Source = field(default=DECLARED, hash=False)

    def __post_init__(self) -> None:
        rules = Rules(self)
        rules.text("prefix")
        rules.finish()

    def __repr__(self) -> str:
        return call_of(self)
