"""What the user says matters, a workload, a label or fairness, as a setting of the synthesizers that can use it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness, tied
from dpsynth.schema.schema import Schema
from dpsynth.synthesizers.catalogue import CATALOGUE, fields_of
from dpsynth.workload import Workload


def with_workload(
    name: str, settings: Mapping[str, Any], workload: Workload | str | None, label: str | None, domain: Domain
) -> dict[str, Any]:
    """The settings of synthesizer `name`, with its `workload` read, given its label, and checked against the columns.

    Raises SettingError for a synthesizer without a workload, a column that the domain lacks, and two answers to
    one question. No data is needed.
    """
    fields = fields_of(name)
    asked = [key for key, value in (("workload", workload), ("label", label)) if value is not None]
    if "workload" not in fields:
        if asked:
            raise SettingError(
                f"{' and '.join(asked)} must be given to a synthesizer that has a use for it;"
                f" got {name!r}; try one of {_able('workload')}"
            )
        return dict(settings)
    if not asked and "workload" not in settings:
        return dict(settings)
    if workload is not None and "workload" in settings:
        raise SettingError("workload must be given once; got it as an option and as a setting too")
    given = workload if workload is not None else settings.get("workload", fields["workload"].default)
    read = Workload.read(given)
    if label is not None:
        if read.label not in (None, label):
            raise SettingError(f"label ({label!r}) must be that of the workload; got {read.label!r} there")
        read = dataclasses.replace(read, label=label)
    for column in read.named:
        if column not in domain:
            raise SettingError(_unknown(column, domain))
    return {**settings, "workload": read}


def with_fairness(
    name: str, settings: Mapping[str, Any], fairness: Fairness | str | None, schema: Schema
) -> dict[str, Any]:
    """The settings of synthesizer `name`, its `fairness` read and checked against columns, constraints and workload.

    Raises SettingError for a synthesizer that cannot keep it, for two answers to one question, and for a workload that
    lists a set which fairness forbids. A workload of all sets of a degree is not refused: forbidden ones are left out.
    """
    given = fairness if fairness is not None else settings.get("fairness")
    if given is None:
        return dict(settings)
    if "fairness" not in fields_of(name):
        raise SettingError(
            "fairness must be given to a synthesizer whose model is made of the sets of columns that it measures;"
            f" got {name!r}; try one of {_able('fairness')}"
        )
    if fairness is not None and "fairness" in settings:
        raise SettingError("fairness must be given once; got it as an option and as a setting too")
    read = Fairness.read(given)
    read.check(schema)
    workload = settings.get("workload")
    for clique in workload.cliques if isinstance(workload, Workload) else ():
        way = read.way([*tied(schema.constraints), clique])
        if way:
            raise SettingError(
                f"workload must not list ({', '.join(clique)}) when {read.words}; got a way {' - '.join(way)}"
                " past the admissible columns; try leaving that set out, or naming a column of it as admissible"
            )
    return {**settings, "fairness": read}


def _able(setting: str) -> list[str]:
    return [each for each, kind in CATALOGUE.items() if setting in kind.__dataclass_fields__]


def _unknown(column: object, domain: Domain) -> str:
    close = difflib.get_close_matches(str(column), domain.columns, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"try one of {list(domain.columns[:12])}"
    return f"column ({column!r}) of the workload must be one of the schema, and no identifier; {meant}"
