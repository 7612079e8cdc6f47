"""Codecs: between the values of a table and the integer codes that are counted and modelled.

A codec is public. What is in it comes from the schema, or has been paid for by a mechanism; so decoding
is post-processing, and encoding is a map of single rows that no other row can influence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.binned import BinnedCodec, valued
from dpsynth.codec.categorical import CategoricalCodec, Codes, OpenCodec, Ticks
from dpsynth.codec.constraints import ordered_pairs, zeros_of
from dpsynth.codec.derived import DerivedCodec
from dpsynth.codec.identifier import IdentifierCodec
from dpsynth.codec.level import LevelCodec
from dpsynth.codec.merged import MergedCodec
from dpsynth.codec.order import draw_in_order
from dpsynth.codec.selected import selected
from dpsynth.codec.valued import values_of_ticks
from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Boolean, Categorical, Column, Datetime, Identifier, Numeric, OpenCategorical
from dpsynth.schema.constraints import Constraint
from dpsynth.schema.schema import Schema
from dpsynth.schema.selection import Selection
from dpsynth.structural_zeros import StructuralZeros

if TYPE_CHECKING:
    import pandas as pd


class ColumnCodec(Protocol):
    """Values of one column to codes 0..size-1 and back; the null code of a nullable column is the last."""

    @property
    def name(self) -> str:
        """Name of the column."""
        ...

    @property
    def source(self) -> str:
        """The column of the schema whose values are read: the column itself, unless this is a further level of one."""
        ...

    @property
    def size(self) -> int:
        """Number of codes; 0 for a column that is not counted."""
        ...

    def encode(self, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Code of each row, shape (rows,), in narrow unsigned integers.

        ticks: signed integers as made by ingest, -1 for null; labels: only for an open column, the
        private list that its ticks index.
        """
        ...

    def decode(self, codes: NDArray[Any], rng: np.random.Generator) -> pd.Series[Any]:
        """A value for each code, in the dtype that the schema declares; `rng` chooses inside a bin or group."""
        ...

    def code_labels(self) -> tuple[str, ...]:
        """Plain words for every code, for reports."""
        ...


@dataclass(frozen=True)
class Codec:
    """The codecs of all columns, in schema order; identifiers and derived columns included, which have no codes.

    constraints: of the schema; every decoded row satisfies them, if its codes are none of the `zeros`.

    >>> codec = Codec((closed_codec(Categorical("sex", values=["F", "M"])), closed_codec(Identifier("id"))))
    >>> codec.domain, codec.decode({"sex": np.array([1])}, 1, np.random.default_rng(0)).to_dict("records")
    (Domain(columns=('sex',), sizes=(2,)), [{'sex': 'M', 'id': '1'}])
    """

    columns: tuple[ColumnCodec, ...]
    constraints: tuple[Constraint, ...] = ()

    @cached_property
    def zeros(self) -> tuple[StructuralZeros, ...]:
        """Combinations of codes that the constraints rule out; public, as all of the codec is."""
        return zeros_of(self._by_name, self.constraints)

    @property
    def most_rows(self) -> int | None:
        """How many rows a table can have at most, where a key must be different in every row; None without a limit."""
        limits = [column.most_rows for column in self.columns if isinstance(column, DerivedCodec)]
        return min((each for each in limits if each is not None), default=None)

    @cached_property
    def domain(self) -> Domain:
        """Names and numbers of codes of the columns that are counted."""
        return Domain.of({column.name: column.size for column in self.columns if column.size})

    def __getitem__(self, name: str) -> ColumnCodec:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, ColumnCodec]:
        return {column.name: column for column in self.columns}

    def encode_column(self, name: str, ticks: Ticks, labels: Sequence[str] | None = None) -> Codes:
        """Codes of one column; see `ColumnCodec.encode`."""
        return self[name].encode(ticks, labels)

    def decode(
        self,
        codes: Mapping[str, NDArray[Any]],
        rows: int,
        rng: np.random.Generator,
        *,
        first_row: int = 0,
        known: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> pd.DataFrame:
        """A table of `rows` rows from the codes of every counted column, in schema order.

        first_row: rows of the same table that were decoded before, so that identifiers stay distinct.
        known: ticks of columns whose values are known beforehand, -1 for missing; the codes must be theirs.

        Raises SettingError when a column's codes are absent, are not `rows` long, or out of range.
        """
        import pandas as pd

        pairs = ordered_pairs(self.constraints)
        ordered = {name: self[name] for pair in pairs for name in pair}
        places = first_row + np.arange(rows)
        given = {column.name: self._checked(column, codes, rows) for column in self.columns if column.size}
        known = known or {}
        drawn = draw_in_order(ordered, pairs, given, known, rng) if ordered else {}  # type: ignore[arg-type]
        table: dict[str, pd.Series[Any]] = {}
        for column in self.columns:
            if column.name in known:
                table[column.name] = values_of_ticks(released_column(column), known[column.name])
            elif isinstance(column, BinnedCodec) and column.name in drawn:
                table[column.name] = valued(column.column, drawn[column.name].ticks, drawn[column.name].null)
            elif not isinstance(column, DerivedCodec):
                table[column.name] = column.decode(given[column.name] if column.size else places, rng)
        for column in self.columns:
            if isinstance(column, DerivedCodec):
                table[column.name] = column.derive(table, places)
        return pd.DataFrame({column.name: table[column.name] for column in self.columns}, copy=False)

    def _checked(self, column: ColumnCodec, codes: Mapping[str, NDArray[Any]], rows: int) -> NDArray[Any]:
        given = np.asarray(codes.get(column.name, ()))
        if given.shape != (rows,):
            raise SettingError(f"codes of {column.name!r} must be given for all {rows} rows")
        if rows and (given.min() < 0 or given.max() >= column.size):
            raise SettingError(f"codes of {column.name!r} must be from 0 to {column.size - 1}")
        return given

    def selected(self, selections: Mapping[str, Selection]) -> tuple[Codec, dict[str, NDArray[np.float64]]]:
        """The codec that decodes to selected values of some columns only, and their share of each code.

        Codes of share 0 must not be decoded by it; see `dpsynth.codec.selected`.
        """
        found = {name: selected(self[name], selection) for name, selection in selections.items()}
        columns = tuple(found[column.name][0] if column.name in found else column for column in self.columns)
        return Codec(columns, self.constraints), {name: share for name, (_, share) in found.items()}

    def merged(self, groups: Mapping[str, NDArray[Any]], weights: Mapping[str, NDArray[Any]]) -> Codec:
        """The same codec with codes of some columns merged (domain compression).

        groups: for each column to merge, the merged code of each of its codes; weights: as long, how
        often each code is drawn when its group is decoded (noisy counts). See `MergedCodec`.
        """
        unknown = sorted(groups.keys() - self._by_name.keys())
        if unknown or groups.keys() != weights.keys():
            raise SettingError("groups and weights must name the same columns of the codec")
        return Codec(
            tuple(
                MergedCodec(column, tuple(groups[column.name].tolist()), tuple(weights[column.name].tolist()))
                if column.name in groups
                else column
                for column in self.columns
            ),
            self.constraints,
        )

    def with_levels(self, levels: Mapping[str, Mapping[str, NDArray[Any]]]) -> Codec:
        """The same codec with coarser readings of some columns, each a column of its own after the one it reads.

        levels: for each column to read again, the name of every level, and for each code of the column the
        level's code. A codec with levels is for counting only; see `LevelCodec`. Raises SettingError for a
        column that is not counted and for a name that is taken.
        """
        unknown = [column for column in levels if column not in self.domain]
        if unknown:
            raise SettingError(f"levels of {unknown[0]!r} must be of a column that the codec counts")
        names = [column.name for column in self.columns] + [name for added in levels.values() for name in added]
        taken = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if taken is not None:
            raise SettingError(f"level name ({taken}) must be new; got the name of another column")
        columns: list[ColumnCodec] = []
        for column in self.columns:
            columns.append(column)
            for name, groups in levels.get(column.name, {}).items():
                columns.append(LevelCodec(column, name, tuple(np.asarray(groups).tolist())))
        return Codec(tuple(columns))

    def to_json(self) -> dict[str, Any]:
        """The codec as JSON values, the schema's columns included; `from_json` gives an equal codec back.

        Raises SettingError for a codec with levels.
        """
        schema = Schema([_column_of(column) for column in self.columns], constraints=self.constraints)
        return {"schema": schema.to_json(), "columns": [_to_json(column) for column in self.columns]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Codec:
        """The codec that `to_json` wrote; SettingError or SchemaError when the document is not one."""
        match document:
            case {"schema": dict(schema), "columns": list(columns)}:
                found = Schema.from_json(schema)
                if len(found) == len(columns):
                    read = (_from_json(*pair, found) for pair in zip(columns, found.columns, strict=True))
                    return cls(tuple(read), tuple(found.constraints))
        raise SettingError("codec must be a document with a schema and one codec for each of its columns")


def closed_codec(column: Column) -> ColumnCodec:
    """The codec of a column whose codes the schema alone decides: labels, given edges, or an identifier.

    Raises SettingError for an open column and for a number or date without edges: those codes must be paid for.
    """
    if isinstance(column, Categorical | Boolean):
        return CategoricalCodec(column)
    if isinstance(column, Identifier):
        return IdentifierCodec(column)
    if isinstance(column, OpenCategorical) or column.edges is None:
        raise SettingError(f"column {column.name!r} must have declared values or edges to be coded without data")
    return BinnedCodec(column, tuple(sorted({0, *column.cut_ticks, column.ticks})), atom_ticks(column))


def atom_ticks(column: Column) -> tuple[int, ...]:
    """Ticks of a column's declared atoms, increasing; empty for columns that cannot have any."""
    return tuple(sorted({column.tick_of(atom) for atom in column.atoms})) if isinstance(column, Numeric) else ()


def _column_of(codec: ColumnCodec) -> Column:
    """The schema column that a codec is about."""
    match codec:
        case MergedCodec():
            return _column_of(codec.inner)
        case CategoricalCodec() | OpenCodec() | BinnedCodec() | IdentifierCodec() | DerivedCodec():
            return codec.column
        case LevelCodec():
            raise SettingError(f"level ({codec.name}) must not be written; try the codec without levels")
    raise SettingError(f"codec of {codec.name!r} must be one of dpsynth's own to be written")


def released_column(codec: ColumnCodec) -> Column:
    """The schema column that a codec is about, with the values that were found if it is an open one."""
    inner = codec
    while isinstance(inner, MergedCodec):
        inner = inner.inner
    return dataclasses.replace(inner.column, known=inner.values) if isinstance(inner, OpenCodec) else _column_of(inner)


def _to_json(codec: ColumnCodec) -> dict[str, Any]:
    """Kind and fields, without the schema column."""
    match codec:
        case CategoricalCodec():
            return {"kind": "categorical"}
        case OpenCodec():
            return {"kind": "open", "values": list(codec.values)}
        case BinnedCodec():
            fields = ("edges", "atoms", "fine_edges", "fine_counts")
            return {"kind": "binned", **{item: list(getattr(codec, item)) for item in fields}}
        case IdentifierCodec():
            return {"kind": "identifier"}
        case DerivedCodec():
            return {"kind": "derived"}
        case MergedCodec():
            merged = {"groups": list(codec.groups), "weights": list(codec.weights)}
            return {"kind": "merged", "inner": _to_json(codec.inner), **merged}
    raise SettingError(f"codec of {codec.name!r} must be one of dpsynth's own to be written")


def _from_json(document: Any, column: Column, schema: Schema) -> ColumnCodec:
    match document, column:
        case {"kind": "categorical"}, Categorical() | Boolean():
            return CategoricalCodec(column)
        case {"kind": "open", "values": list(values)}, OpenCategorical():
            return OpenCodec(column, tuple(values))
        case {"kind": "binned", "edges": edges, "atoms": atoms, "fine_edges": fine, "fine_counts": counts}, (
            Numeric() | Datetime()
        ):
            return BinnedCodec(column, edges, atoms, fine, counts)
        case {"kind": "identifier"}, Identifier():
            return IdentifierCodec(column)
        case {"kind": "derived"}, Categorical() | Boolean() | Numeric() | Datetime() | OpenCategorical() if (
            column.name in schema.derived
        ):
            return DerivedCodec(column, schema.derived[column.name])
        case {"kind": "merged", "inner": inner, "groups": groups, "weights": weights}, _:
            return MergedCodec(_from_json(inner, column, schema), groups, weights)
    raise SettingError(f"codec of {column.name!r} must suit its type ({column.type}) and have all its entries")
