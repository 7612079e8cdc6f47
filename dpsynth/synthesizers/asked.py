"""What the user says matters, a workload or a label, as a setting of the synthesizers that can use it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
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
            able = [each for each, kind in CATALOGUE.items() if "workload" in kind.__dataclass_fields__]
            raise SettingError(
                f"{' and '.join(asked)} must be given to a synthesizer that has a use for it;"
                f" got {name!r}; try one of {able}"
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


def _unknown(column: object, domain: Domain) -> str:
    close = difflib.get_close_matches(str(column), domain.columns, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"try one of {list(domain.columns[:12])}"
    return f"column ({column!r}) of the workload must be one of the schema, and no identifier; {meant}"
