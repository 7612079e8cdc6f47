"""Record tables: a model held as synthetic records, with no limit on how columns hang together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpsynth.domain import Clique, Domain
from dpsynth.errors import PlanTooLargeError, ReleaseError, SettingError
from dpsynth.marginal import FloatArray
from dpsynth.models.sampling import Codes, code_dtype
from dpsynth.models.stored import read_number, read_texts, read_whole

FORMAT = "dpsynth-record-table-1"


@dataclass(frozen=True, eq=False)
class RecordTable:
    """Synthetic records that stand for `total` rows, each for as many as any other; never private rows.

    domain: columns and sizes. codes: column -> codes of all records, in table order, the narrowest unsigned
    type for the column's size. total: rows that the records stand for together.

    Raises SettingError when the codes do not fit the domain.
    """

    domain: Domain
    codes: Codes
    total: float

    def __post_init__(self) -> None:
        if tuple(self.codes) != self.domain.columns:
            raise SettingError("codes must have one entry for each column of the domain, in table order")
        if len({column.shape for column in self.codes.values()}) != 1:
            raise SettingError("codes must have the same number of records in every column")
        for name, column in self.codes.items():
            if column.ndim != 1 or column.size < 1 or column.dtype != code_dtype(self.domain[name]):
                raise SettingError(f"codes of {name!r} must be at least one code of the narrowest unsigned type")
            if int(column.max()) >= self.domain[name]:
                raise SettingError(f"codes of {name!r} must be below {self.domain[name]}")

    @classmethod
    def of_matrix(cls, domain: Domain, matrix: npt.NDArray[np.integer], total: float) -> RecordTable:
        """The table of a matrix of codes, shape (records, columns)."""
        columns = enumerate(domain)
        return cls(domain, {name: matrix[:, i].astype(code_dtype(domain[name])) for i, name in columns}, total)

    @property
    def records(self) -> int:
        """Number of records."""
        return next(iter(self.codes.values())).size

    def project(self, clique: Clique, *, max_cells: int = 50_000_000) -> FloatArray:
        """Counts of the records on any columns, axes in the order asked for, scaled to sum to `total`.

        Raises PlanTooLargeError when that has more than `max_cells` cells.

        >>> codes = {"a": np.array([0, 1, 1, 1], dtype=np.uint8), "b": np.array([0, 0, 1, 1], dtype=np.uint8)}
        >>> RecordTable(Domain.of({"a": 2, "b": 2}), codes, 8.0).project(("b", "a"))
        array([[2., 2.],
               [0., 4.]])
        """
        if len(self.domain.canonical(clique)) != len(clique):
            raise SettingError(f"clique {clique} must name each column once")
        shape, cells = self.domain.shape(clique), self.domain.cells(clique)
        if cells > max_cells:
            raise PlanTooLargeError(f"cells of the table on {clique} ({cells}) must be at most {max_cells}")
        place = np.zeros(self.records, dtype=np.int64)
        for column, size in zip(clique, shape, strict=True):
            place *= size
            place += self.codes[column]
        counts = np.bincount(place, minlength=cells).astype(np.float64)
        return (counts * (self.total / self.records)).reshape(shape)

    def sample(self, rows: int, rng: np.random.Generator, method: str = "rounded") -> Codes:
        """Synthetic rows: column -> codes in the narrowest unsigned type, in table order; rows are exchangeable.

        method: "rounded" (default): every record is used equally often, to one, in random order, so that as
        many rows as records give back the records; "independent": records are drawn with replacement.
        """
        if rows < 0:
            raise SettingError(f"rows ({rows}) must be zero or more")
        if method == "rounded":
            whole, rest = divmod(rows, self.records)
            repeated = np.repeat(np.arange(self.records), whole)
            picked = rng.permutation(np.concatenate([repeated, rng.permutation(self.records)[:rest]]))
        elif method == "independent":
            picked = rng.integers(self.records, size=rows)
        else:
            raise SettingError(f"method ({method!r}) must be 'rounded' or 'independent'")
        return {name: column[picked] for name, column in self.codes.items()}

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """All codes by name, ready for `numpy.savez`; `to_json` says what each of them is."""
        return {f"codes_{place}": column for place, column in enumerate(self.codes.values())}

    def to_json(self) -> dict[str, object]:
        """Everything but the codes, as plain JSON values."""
        return {
            "format": FORMAT,
            "columns": list(self.domain.columns),
            "sizes": list(self.domain.sizes),
            "total": self.total,
        }

    @classmethod
    def from_arrays(cls, document: Mapping[str, object], arrays: Mapping[str, npt.NDArray[np.generic]]) -> RecordTable:
        """The table that `to_json` and `to_arrays` wrote; nothing in either is trusted.

        Raises ReleaseError when a part is missing, left over, of the wrong type or shape, or out of range.
        """
        if document.get("format") != FORMAT:
            raise ReleaseError(f"model format must be {FORMAT!r}")
        columns, sizes, total = (
            read_texts(document, "columns"),
            read_whole(document, "sizes"),
            read_number(document, "total"),
        )
        if set(arrays) != {f"codes_{place}" for place in range(len(columns))}:
            raise ReleaseError("model tables must be exactly the codes of the columns")
        codes: Codes = {}
        for place, column in enumerate(columns):
            table = arrays[f"codes_{place}"]
            if table.dtype not in (np.uint8, np.uint16, np.uint32):
                raise ReleaseError(f"model table codes_{place} must hold codes; got {table.dtype}")
            codes[column] = table.astype(table.dtype)  # a copy that is nobody else's
        try:
            return cls(Domain(columns, sizes), codes, total)
        except SettingError as error:
            raise ReleaseError(f"model codes must fit the domain; {error}") from error
