"""Evaluate a release on the private table: read both, split, and hand values to `dpsynth.evaluation`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dpsynth._version import __version__
from dpsynth.errors import DataError, SettingError
from dpsynth.evaluation.arms import Arms, arms
from dpsynth.evaluation.assess import Frames, Wishes, assess
from dpsynth.evaluation.evaluation import Evaluation, Subject
from dpsynth.evaluation.frames import frame
from dpsynth.evaluation.table import Field, Table, coded
from dpsynth.evaluation.tasks import Task, imported
from dpsynth.marginal import Basis
from dpsynth.private.files import Data
from dpsynth.private.ticked import Ticked, ticked
from dpsynth.private.ticks import ruled
from dpsynth.release.certificate import utc_now
from dpsynth.release.release import Release, load
from dpsynth.schema.columns import Datetime, Identifier, Numeric
from dpsynth.schema.schema import Schema
from dpsynth.schema.wording import close_to

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROWS = 100
"""Fewer private rows than this cannot be split into halves that say anything."""


def evaluate(
    release: Release | Path | str,
    private: Data,
    *,
    holdout: Data | None = None,
    label: str | None = None,
    positive: str | None = None,
    protected: Sequence[str] = (),
    area: str | None = None,
    over: str | None = None,
    tasks: Task | str | Sequence[str] | Mapping[str, Task] = (),
    direct: bool = True,
    repeats: int = 3,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> Evaluation:
    """How near a release is to the private table, with a floor and a ceiling beside every number.

    release: or its directory. private: the table it was made from; holdout: rows that took no part, to test on.
    label: column to predict; positive: its value of interest. protected: columns whose groups are looked at. area: a
    column within which NIST's score is taken. over: a column along which the label's mean is followed in each group.
    tasks: functions `task(train, test)`, or "module:function". direct: train private models on the private rows too,
    at the release's epsilon, to compare with (extra `diffprivlib`). repeats: random splits; seed: of everything drawn.

    Raises SettingError for unknown columns, and DataError when a table breaks the release's schema or has fewer than
    LEAST_ROWS rows.

    Privacy: none. The result holds numbers computed from private rows, which no promise covers. Keep it where the rows
    are kept, and never in the release.
    """
    made = release if isinstance(release, Release) else load(release)
    schema = made.schema
    names = [column.name for column in schema.columns if not isinstance(column, Identifier)]
    wanted = (("label", label), ("area", area), ("over", over), *(("protected", name) for name in protected))
    _require_columns(names, wanted)
    named = _tasks(tasks)
    if repeats < 1:
        raise SettingError(f"repeats ({repeats}) must be at least 1; try 3")
    if over is not None and not isinstance(schema[over], Numeric | Datetime):
        raise SettingError(f"over ({over}) must be a column of numbers or dates; got another one")
    if progress is not None:
        progress("reading", 0.0)
    rows = _read(private, schema, "private")
    held = None if holdout is None else _read(holdout, schema, "holdout")
    draws = [made.table, *(made.sample(made.rows, seed=seed + place) for place in range(1, repeats))]
    drawn = [ticked(each, schema) for each in draws]
    tables = coded(schema, [rows, *([] if held is None else [held]), *drawn], private=1 if held is None else 2)
    others = tables[1:] if held is None else tables[2:]
    split = arms(tables[0], others[0], others[1:], None if held is None else tables[1], repeats=repeats, seed=seed)
    _require_value(tables[0], label, positive)
    wishes = Wishes(
        label,
        positive,
        tuple(dict.fromkeys(protected)),
        area,
        over,
        made.certificate.promise.epsilon if direct else None,
        named,
        _noise(made, protected),
    )
    subject = _subject(made, wishes, tables[0], None if held is None else tables[1], repeats, seed)
    frames = _frames(split, schema, rows, held, drawn)
    return assess(split, subject, wishes, frames, progress)


def _require_columns(names: Sequence[str], wanted: Sequence[tuple[str, str | None]]) -> None:
    for what, name in wanted:
        if name is not None and name not in names:
            raise SettingError(f"{what} ({name!r}) must be a column of the release{close_to(name, names)}")


def _require_value(table: Table, label: str | None, positive: str | None) -> None:
    if positive is None:
        return
    if label is None:
        raise SettingError(f"positive ({positive!r}) must come with a label; try label=...")
    field: Field = table.field(label)
    if field.ordered or not field.public or positive not in field.labels:
        # An open column's values are private, and so are the cells of a number: they are not listed here.
        raise SettingError(f"positive ({positive!r}) must be a declared value of {label!r}; see the schema")


def _tasks(given: Task | str | Sequence[str] | Mapping[str, Task]) -> dict[str, Task]:
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str):
        return {given: imported(given)}
    if callable(given):
        return {getattr(given, "__name__", "task"): given}
    return {place: imported(place) for place in given}


def _read(data: Data, schema: Schema, what: str) -> Ticked:
    """Rows as a run takes them in; refused where a run would refuse them."""
    marked = ticked(data, schema)
    ticks, problems = {}, []
    for name, each in marked.ticks.items():
        ticks[name], broken = ruled(schema[name], each)
        problems += broken
    if problems:
        raise DataError(f"the {what} table does not fit the release's schema:", problems)
    if marked.rows < LEAST_ROWS:
        raise DataError(f"the {what} table must have at least {LEAST_ROWS} rows; got fewer")
    return replace(marked, ticks=ticks)


def _noise(release: Release, protected: Sequence[str]) -> dict[tuple[str, ...], float]:
    """Standard deviation, in rows, of the least noisy released count of a cell of every set of protected columns."""
    found: dict[tuple[str, ...], float] = {}
    sources = {column.name: column.source for column in release.codec.columns}
    for width in range(1, min(len(protected), 3) + 1):
        for names in itertools.combinations(dict.fromkeys(protected), width):
            for one in release.measurements:
                columns = [sources[name] for name in one.clique]
                if one.basis is not Basis.IDENTITY or not set(names) <= set(columns):
                    continue
                added = math.prod(
                    size for column, size in zip(columns, one.values.shape, strict=True) if column not in names
                )
                key = tuple(sorted(names))
                found[key] = min(found.get(key, math.inf), one.stddev * math.sqrt(added))
    return found


def _subject(
    release: Release, wishes: Wishes, private: Table, holdout: Table | None, repeats: int, seed: int
) -> Subject:
    certificate = release.certificate
    return Subject(
        synthesizer=certificate.synthesizer,
        epsilon=certificate.promise.epsilon,
        delta=certificate.promise.delta,
        rows=release.rows,
        columns=len(private.fields),
        private_rows=private.rows,
        holdout_rows=None if holdout is None else holdout.rows,
        label=wishes.label,
        positive=wishes.positive,
        protected=wishes.protected,
        area=wishes.area,
        repeats=repeats,
        seed=seed,
        content_digest=release.content_digest,
        created=utc_now(),
        software=f"dpsynth {__version__}",
    )


def _frames(
    split: Arms, schema: Schema, private: Ticked, holdout: Ticked | None, drawn: Sequence[Ticked]
) -> Callable[[int], Frames]:
    """The tables of a repeat as pandas shows them, for the user's tasks."""

    def frames(place: int) -> Frames:
        repeat = split.repeats[place]
        test, real, synthetic = repeat.places
        whole = frame(schema, private)
        tested = whole if holdout is None else frame(schema, holdout)
        trained = whole.iloc[real].reset_index(drop=True)
        return (
            frame(schema, drawn[repeat.draw]).iloc[synthetic].reset_index(drop=True),
            _shuffled(trained, np.random.default_rng([repeat.seed, 3])),
            trained,
            tested.iloc[test].reset_index(drop=True),
        )

    return frames


def _shuffled(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    columns = {name: table[name].array.take(rng.permutation(len(table))) for name in table.columns}
    return pd.DataFrame(columns)
