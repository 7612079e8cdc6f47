"""The counter of a private table, wherever its rows lie or stay: in memory, in a private file, in Spark."""

from __future__ import annotations

from collections.abc import Callable

from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.errors import SettingError
from dpsynth.privacy.randomness import EntropySource
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.files import Data
from dpsynth.private.ingest import RowsIn, ingest_with_pool
from dpsynth.private.memory import MemoryCounter
from dpsynth.private.spark.counter import SparkCounter, is_spark
from dpsynth.schema.schema import Schema


def counted(
    data: Data,
    schema: Schema,
    unit: PrivacyUnit,
    source: EntropySource,
    *,
    pool: PoolSize | None,
    rows_in: RowsIn,
    progress: Callable[[float], None],
) -> tuple[MemoryCounter | SparkCounter, AuditPool | None]:
    """The counter of the bounded rows, and the audit pool if one was asked for.

    Raises as `ingest_with_pool` and `SparkCounter.of` do, and SettingError for what Spark cannot do.
    """
    if not is_spark(data):
        table, drawn = ingest_with_pool(data, schema, unit, source, pool, rows_in, progress)
        return MemoryCounter(table), drawn
    if pool is not None:
        raise SettingError("audit_pool must be False for rows that stay in Spark; try that, or rows in a file")
    if rows_in is not RowsIn.AUTO:
        raise SettingError(
            "rows must be free to stay in Spark; got a setting rows_in, or a synthesizer that looks at rows one by "
            "one; try neither of them, or rows in a file"
        )
    return SparkCounter.of(data, schema, unit, source), None
