"""Synthetic rows in parts, each a function of the seed and its place alone, so that any machine may draw any one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.models.model import Model
from dpsynth.release.conditions import Sampler
from dpsynth.release.known import Known, unheard
from dpsynth.release.tables import as_arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Rows that are drawn, and written, at a time: 15 columns of them take some 100 MB.
PART_ROWS = 1 << 20
# Rows from which the types of columns are read, and rows that go to Spark at a time.
SHOWN_ROWS, BATCH_ROWS = 1000, 1 << 16
ARROW_TYPES = {
    "boolean": "bool",
    "bigint": "int64",
    "double": "float64",
    "date": "date32",
    "timestamp_ntz": "timestamp[us]",
    "string": "string",
}


@dataclass(frozen=True, eq=False, repr=False)
class Parts:
    """`rows` synthetic rows in parts of `part_rows` and a shorter last one; at least one part, though it may be empty.

    entropy: of a seed sequence. Part k draws from the sequence's child k, part 0 from the sequence itself, so the
    streams of all parts are independent, and a part that is drawn again has the same rows. known: public columns of
    every row, which are kept.
    """

    codec: Codec
    model: Model
    rows: int
    entropy: Any
    part_rows: int
    known: Known | None = None

    @property
    def count(self) -> int:
        """Number of parts."""
        return max(-(-self.rows // self.part_rows), 1)

    def part(self, number: int, most: int | None = None, tell: Callable[[int], None] = unheard) -> pd.DataFrame:
        """The rows of one part, from 0; most: draw so many rows at most, for a look at what they are like.

        tell: called with numbers of rows as they are drawn.
        """
        first = number * self.part_rows
        rows = min(self.rows - first, self.part_rows, most or self.part_rows)
        seed = np.random.SeedSequence(self.entropy, spawn_key=(number,) if number else ())
        rng = np.random.default_rng(seed)
        if self.known is not None:
            return self.known.table(Sampler(self.codec, self.model), first, rows, rng, tell)
        drawn = self.codec.decode(self.model.sample(rows, rng, method="rounded"), rows, rng, first_row=first)
        tell(rows)
        return drawn

    def in_spark(self, session: Any) -> Any:
        """The rows as a frame of Spark with a part in each partition, drawn by the task that needs it."""
        import pyarrow as pa

        kinds = {field.name: _spark_type(field.type) for field in as_arrow(self.part(0, SHOWN_ROWS)).schema}
        schema = pa.schema([pa.field(name, pa.type_for_alias(ARROW_TYPES[kind])) for name, kind in kinds.items()])
        described = ", ".join("`" + name.replace("`", "``") + f"` {kind}" for name, kind in kinds.items())

        def drawn(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in numbers:
                for number in batch.column(0).to_pylist():
                    yield from as_arrow(self.part(number)).cast(schema).to_batches(max_chunksize=BATCH_ROWS)

        return session.range(0, self.count, 1, self.count).mapInArrow(drawn, described)


def adding_up(rows: int, progress: Callable[[str, float], None]) -> Callable[[int], None]:
    """A function that any thread tells of rows that it drew; `progress` hears the fraction of all `rows`.

    >>> tell = adding_up(4, lambda stage, done: print(stage, done))
    >>> tell(1), tell(3)
    draw rows 0.25
    draw rows 1.0
    (None, None)
    """
    lock, done = Lock(), 0

    def tell(more: int) -> None:
        nonlocal done
        with lock:
            done += more
            progress("draw rows", done / max(rows, 1))

    return tell


def _spark_type(found: pa.DataType) -> str:
    """Spark's type for what pandas makes of a column; text for labels, and for a column that is always missing."""
    import pyarrow as pa

    found = found.value_type if pa.types.is_dictionary(found) else found
    tests = {
        "boolean": pa.types.is_boolean,
        "bigint": pa.types.is_integer,
        "double": pa.types.is_floating,
        "date": pa.types.is_date,
        "timestamp_ntz": pa.types.is_timestamp,
    }
    return next((kind for kind, holds in tests.items() if holds(found)), "string")
