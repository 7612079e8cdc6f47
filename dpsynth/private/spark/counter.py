"""The counter of a Spark table: executors count their rows, and the sums come here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dpsynth.codec.codec import Codec
from dpsynth.domain import Clique
from dpsynth.errors import SessionClosedError, SettingError
from dpsynth.features import FeatureMap
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.coded_rows import CodedRows
from dpsynth.private.cover import lay_out, plan_cover
from dpsynth.private.ingest import require_unit
from dpsynth.private.kept_marginals import KeptMarginals
from dpsynth.private.kernels import sum_down
from dpsynth.private.memory import MemoryCounter, require_histogram, require_open
from dpsynth.private.spark import counting
from dpsynth.private.spark.blocks import BlockForm
from dpsynth.private.spark.crossing import Crossing, spark_schema
from dpsynth.private.spark.kept import Blocks
from dpsynth.private.spark.sources import SparkFiles
from dpsynth.private.spark.taken_in import discard, take_in
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


Ask = Callable[[MemoryCounter], NDArray[np.int64]]


def is_spark(data: object) -> bool:
    """Whether executors of Spark have the data; loads nothing, for where there is a frame of Spark it is loaded."""
    if isinstance(data, SparkFiles):
        return True
    loaded = sys.modules.get("pyspark.sql")
    return loaded is not None and isinstance(data, loaded.DataFrame)


class SparkCounter:
    """Exact counts of a Spark table (see `Counter`): taken in and bounded once, counted as often as asked.

    What arrives: one number for `total`, one for each cell of the counted cliques (of a cover of those that are asked
    for), interval or feature, each summed over all rows. `frequencies` is the one exception: it names the values of
    an open column, each with its count, as the protocol demands of every counter, for partition selection to decide
    which may be named. Marginals are kept, so that asking again reads no rows.

    After `close`, which lets the executors delete their blocks, every method but `schema` raises SessionClosedError.
    Every method raises DataError, without Spark's words, when Spark fails for good; a task that fails is run again by
    Spark, and an answer is made of one successful run of each task.
    """

    def __init__(self, crossing: Crossing, blocks: Blocks, form: BlockForm) -> None:
        self._crossing = crossing
        self._held = [blocks]
        self._form = form
        self._kept = KeptMarginals()

    @classmethod
    def of(cls, data: DataFrame | SparkFiles, schema: Schema, unit: PrivacyUnit, source: EntropySource) -> SparkCounter:
        """The counter of a frame, or of files that executors read, once it fits its schema.

        Raises DataError with every broken rule; SchemaError when the schema holds unreviewed items; SettingError when
        the unit column is declared as anything but an identifier, or for a stream.

        Privacy: a row map, then at most `unit.max_rows` rows of each unit; see `take_in`.
        """
        require_unit(schema, unit)
        if not isinstance(data, SparkFiles) and data.isStreaming:
            raise SettingError("data must be a table that ends; got a stream; try one batch of it")
        crossing = Crossing(data.session if isinstance(data, SparkFiles) else data.sparkSession)
        return cls(crossing, take_in(crossing, data, schema, unit, source), BlockForm(schema))

    def __repr__(self) -> str:
        return f"SparkCounter({'open' if self._held else 'closed'})"

    @property
    def schema(self) -> Schema:
        """The public description of the columns."""
        return self._form.schema

    def total(self) -> int:
        """Number of rows."""
        return int(self._partials([], 1, counting.total)[0])

    def frequencies(self, column: str) -> dict[str, int]:
        """Rows of each value that an open categorical column holds; missing values are left out."""
        blocks = self._blocks()
        require_open(self.schema, column)
        job, fields = counting.frequencies(self._form, column), spark_schema(counting.FREQUENCIES)

        def grouped() -> DataFrame:
            found = blocks.through(self._form.needed([column]), job, fields)
            return found.groupBy("label").agg({"rows": "sum"})

        return {label: int(count) for label, count in self._crossing.rows(grouped)}

    def histogram(self, column: str, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows with a tick in [edges[i], edges[i+1]), shape (len(edges) - 1,); missing values are left out.

        edges: increasing ticks of a Numeric or Datetime column; SettingError otherwise.
        """
        self._blocks()
        require_histogram(self.schema, column, edges)
        return self._summed([column], len(edges) - 1, lambda counter: counter.histogram(column, edges))

    def marginals(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        """Rows in each cell of each clique, shape `codec.domain.shape(clique)`; the arrays are read-only."""
        self._blocks()
        return self._kept.answer(codec, cliques, self.total, lambda unknown: self._counted(codec, unknown))

    def sums(self, codec: Codec, features: FeatureMap) -> NDArray[np.int64]:
        """Sum over all rows of the feature vector of the row's codes, int64 of shape (features.length,)."""
        self._blocks()
        columns = [codec[column].source for column in features.domain.columns]
        return self._summed(columns, features.length, lambda counter: counter.sums(codec, features))

    def coded_rows(self, codec: Codec) -> CodedRows:
        """Always SettingError: rows do not leave the executors."""
        self._blocks()
        raise SettingError(
            "rows must be in memory for a mechanism that looks at them one by one; got rows in Spark; "
            "try a synthesizer that counts"
        )

    def close(self) -> None:
        """Let the executors delete their blocks; closing twice is harmless."""
        for blocks in self._held:
            discard(self._crossing, blocks)
        self._held.clear()
        self._kept.clear()

    def _blocks(self) -> Blocks:
        if not self._held:
            raise SessionClosedError("private rows must be read before the table is closed; try a new session")
        return self._held[0]

    def _counted(self, codec: Codec, cliques: Sequence[Clique]) -> dict[Clique, NDArray[np.int64]]:
        cover = plan_cover(codec.domain, cliques)
        columns = [codec[column].source for clique in cover.cliques for column in clique]
        partial = counting.of_cliques(codec, self.schema, cover)
        flat = self._partials(columns, lay_out(codec.domain, cover).cells, partial)
        return dict(sum_down(flat, codec.domain, cover, cliques))

    def _summed(self, columns: Sequence[str], length: int, ask: Ask) -> NDArray[np.int64]:
        """What counters of all blocks answer, added up. columns: of the schema, those that are asked about."""
        return self._partials(columns, length, counting.of_counters(self.schema, length, ask))

    def _partials(self, columns: Sequence[str], length: int, partial: counting.Partial) -> NDArray[np.int64]:
        blocks, form = self._blocks(), self._form
        found = self._crossing.rows(lambda: counting.summed(blocks, form, columns, partial, length))
        return counting.together(found, length)
