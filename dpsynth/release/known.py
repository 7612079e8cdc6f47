"""Rows whose public columns are given: everything else is drawn from the model given them, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dpsynth.codec.binned import BinnedCodec
from dpsynth.codec.codec import Codec, ColumnCodec
from dpsynth.codec.constraints import closed_pairs, ordered_pairs
from dpsynth.codec.selected import codes_of_ticks, selected
from dpsynth.codec.valued import NULL
from dpsynth.errors import SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.evidence import Evidence, ImpossibleError, nearest_records, reweighted
from dpsynth.models.model import Model
from dpsynth.release.conditions import Sampler
from dpsynth.schema.columns import Column, Datetime, Identifier, Numeric
from dpsynth.schema.constraints import Dependency, Fixed, Sum, Unique
from dpsynth.schema.grid import numbers_of
from dpsynth.schema.schema import Schema
from dpsynth.schema.selection import Selection, labels_of, select, values_of

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]


def unheard(rows: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, eq=False, repr=False)
class Known:
    """Public columns of every row, checked against the schema.

    frame: the columns as they were given. ticks: of each column that the model holds or that follows from one it holds,
    shape (rows,): label or grid point, -1 for missing.
    """

    schema: Schema
    frame: pd.DataFrame
    ticks: Mapping[str, IntArray]

    @classmethod
    def of(cls, schema: Schema, frame: Any) -> Known:
        """Check the columns of a frame; raises SettingError that names the column and the first row at fault."""
        import pandas as pd

        if not isinstance(frame, pd.DataFrame) or not len(frame.columns):
            raise SettingError("known must be a DataFrame with at least one column")
        if frame.columns.duplicated().any():
            raise SettingError("known must name each column once")
        ticks = {}
        for name in map(str, frame.columns):
            column, rule = schema[name], schema.derived.get(name)
            if isinstance(rule, Sum):
                raise SettingError(f"known must not hold {name!r}, since {rule.words}; try its parts")
            if isinstance(column, Identifier) or isinstance(rule, Unique):
                _require(~frame[name].duplicated(), name, "be different in every row")
                continue
            ticks[name] = ticks_of(column, frame[name])
            if isinstance(rule, Fixed):
                right = _tick(column, rule.value)
                _require(ticks[name] == right, name, f"be what the schema says: {rule.words}")
        return cls(schema, frame.reset_index(drop=True), ticks)

    def table(
        self,
        sampler: Sampler,
        first: int,
        rows: int,
        rng: np.random.Generator,
        tell: Callable[[int], None] = unheard,
    ) -> pd.DataFrame:
        """The rows from `first` on: known columns as they were given, the others drawn given them.

        Rows that tell the model the same are drawn together. Where the model gives no row to known values, the records
        nearest to them stand in (see `nearest_records`). tell: called with numbers of rows as they are drawn. Raises
        SettingError for a row that the constraints forbid.
        """
        ticks = {name: column[first : first + rows] for name, column in self.ticks.items()}
        clues = _clues(self.schema, sampler.codec, ticks, first)
        kinds, kind_of = np.unique(
            np.stack([np.zeros(rows, dtype=np.int64), *(clue.kinds for clue in clues)], axis=1),
            axis=0,
            return_inverse=True,
        )
        order, counts = np.argsort(kind_of.reshape(-1), kind="stable"), np.bincount(kind_of.reshape(-1))
        domain = sampler.codec.domain
        codes = {name: np.zeros(rows, dtype=np.int64) for name in domain}
        known = {name: column.copy() for name, column in ticks.items() if name in domain}
        for kind, places in zip(kinds.tolist(), np.split(order, np.cumsum(counts)[:-1]), strict=True):
            told = [(clue, clue.evidence[number]) for clue, number in zip(clues, kind[1:], strict=True)]
            model = self._given(sampler, told, first + int(places[0]) if rows else 0)
            for name, column in model.sample(len(places), rng).items():
                codes[name][places] = column
            for clue, _ in told:
                if clue.codecs:
                    codec, name = clue.codecs[kind[1 + clues.index(clue)]], clue.column
                    values = codec.decode(codes[name][places], rng)
                    known.setdefault(name, np.zeros(rows, dtype=np.int64))[places] = ticks_of(self.schema[name], values)
            tell(len(places))
        return self._put_in(sampler.codec.decode(codes, rows, rng, first_row=first, known=known), first)

    def _given(self, sampler: Sampler, told: Sequence[tuple[_Clue, FloatArray]], row: int) -> Model:
        """The model given what one kind of row tells."""
        try:
            return reweighted(sampler.model, [Evidence((clue.column,), weights) for clue, weights in told])
        except ImpossibleError:
            codes = {clue.column: int(np.argmax(weights)) for clue, weights in told if clue.is_value}
        try:
            return nearest_records(sampler.model, codes, sampler.codec.zeros)
        except ImpossibleError:
            must = "must be possible under the constraints; got one that is not"
            raise SettingError(f"row {row + 1} of known {must}") from None

    def _put_in(self, drawn: pd.DataFrame, first: int) -> pd.DataFrame:
        """What was given in the place of what was made anew, and of numbers between the points of a grid."""
        import pandas as pd

        for name in map(str, self.frame.columns):
            column, values = self.schema[name], self.frame[name].iloc[first : first + len(drawn)]
            made_anew = isinstance(column, Identifier) or isinstance(self.schema.derived.get(name), Unique)
            if made_anew or (isinstance(column, Numeric) and name not in self.schema.derived):
                given = pd.to_numeric(values) if isinstance(column, Numeric) else values
                drawn[name] = pd.Series(given.array, index=drawn.index).astype(drawn[name].dtype)
        return drawn


@dataclass(frozen=True, eq=False)
class _Clue:
    """What known values say about one column of the model.

    kinds: of each row, a number; evidence: for each kind the weights of the column's codes. is_value: whether they name
    one code. codecs: for each kind, how the column is decoded, where that is not its own codec.
    """

    column: str
    kinds: IntArray
    evidence: Sequence[FloatArray]
    is_value: bool = False
    codecs: Sequence[ColumnCodec] = ()


def _clues(schema: Schema, codec: Codec, ticks: Mapping[str, IntArray], first: int) -> list[_Clue]:
    clues = []
    for name, column in ticks.items():
        rule = schema.derived.get(name)
        if isinstance(rule, Dependency):
            found, kinds = np.unique(column, return_inverse=True)
            chosen = [selected(codec[rule.by], _determining(schema, rule, int(tick))) for tick in found]
            codecs, shares = [one for one, _ in chosen], [share for _, share in chosen]
            clues.append(_Clue(rule.by, kinds.reshape(-1), shares, codecs=() if rule.by in ticks else codecs))
        elif rule is None:
            clues.append(
                _Clue(name, codes_of_ticks(codec[name], column), list(np.eye(codec[name].size)), is_value=True)
            )
    columns = {each.name: each for each in codec.columns}
    for (earlier, later), strict in closed_pairs(columns, ordered_pairs(codec.constraints)).items():
        if earlier in ticks and later in ticks:
            _require_order(schema, earlier, later, strict, ticks, first)
        elif earlier in ticks or later in ticks:
            clues.append(_order_clue(columns, earlier, later, strict, ticks))
    return clues


def _determining(schema: Schema, rule: Dependency, tick: int) -> Selection:
    """The labels of the determining column from which a value follows."""
    by, column = schema[rule.by], schema[rule.column]
    chosen = [select(by, values_of(key)) for key, value in rule.values if _tick(column, value) == tick]
    unnamed = tick == NULL and all(key is not None for key, _ in rule.values)
    labels = tuple(label for one in chosen for label in one.labels)
    return Selection(rule.by, labels=labels, null=unnamed or any(one.null for one in chosen))


def _order_clue(
    columns: Mapping[str, ColumnCodec], earlier: str, later: str, strict: bool, ticks: Mapping[str, IntArray]
) -> _Clue:
    """Which codes of one column of an order have a value that fits the known one of the other."""
    name, other = (earlier, later) if earlier in ticks else (later, earlier)
    found, kinds = np.unique(ticks[name], return_inverse=True)
    known, codec = columns[name], columns[other]
    if not isinstance(known, BinnedCodec) or not isinstance(codec, BinnedCodec):
        raise SettingError("columns of an order must not be merged")
    number = numbers_of(known.column, np.maximum(found, 0))[:, None]
    start, end = (numbers_of(codec.column, np.maximum(ends, 0))[None, :] for ends in codec.extents())
    if name == earlier:
        fits = (end > number) if strict else (end >= number)
    else:
        fits = (start < number) if strict else (start <= number)
    null = np.ones((len(found), codec.size - fits.shape[1]), dtype=bool)
    fits = np.concatenate([fits, null], axis=1) | (found < 0)[:, None]
    masks, mask_of = np.unique(fits, axis=0, return_inverse=True)
    return _Clue(other, mask_of.reshape(-1)[kinds.reshape(-1)], list(masks.astype(np.float64)))


def _require_order(
    schema: Schema, earlier: str, later: str, strict: bool, ticks: Mapping[str, IntArray], first: int
) -> None:
    one, two = schema[earlier], schema[later]
    if isinstance(one, Numeric | Datetime) and isinstance(two, Numeric | Datetime):
        before, after = (numbers_of(column, np.maximum(ticks[column.name], 0)) for column in (one, two))
        right = (before < after) if strict else (before <= after)
        missing = (ticks[earlier] < 0) | (ticks[later] < 0)
        _require(right | missing, later, f"come after {earlier}", first)


def ticks_of(column: Column, values: pd.Series[Any]) -> IntArray:
    """Label or grid point of each value, -1 for missing; raises SettingError that names the first row at fault."""
    import pandas as pd

    places, found = pd.factorize(values)
    if not isinstance(column, Identifier) and not column.nullable:
        _require(places >= 0, column.name, "not be missing")
    ticks = [NULL] * (len(found) + 1)
    for number, value in enumerate(found.tolist()):
        try:
            ticks[number] = _tick(column, value)
        except SettingError:
            _require(places != number, column.name, "be a value of the column, on its grid and in its bounds")
    return np.array(ticks, dtype=np.int64)[places]


def _tick(column: Column, value: Any) -> int:
    """The label or grid point of a value, -1 for missing; on a grid without a declared step, the nearest point."""
    if value is None:
        return NULL
    if isinstance(column, Numeric) and not column.integer and column.decimals is None:
        if not column.lower <= float(value) <= column.upper:
            raise SettingError("value must be within bounds")
        return int(column.tick_of(float(value)))
    chosen = select(column, values_of(value))
    if chosen.spans:
        return chosen.spans[0][0]
    return labels_of(column).index(chosen.labels[0])


def _require(right: Any, name: str, must: str, first: int = 0) -> None:
    wrong = np.flatnonzero(~np.asarray(right))
    if wrong.size:
        raise SettingError(f"row {first + int(wrong[0]) + 1} of {name!r} in known must {must}")
