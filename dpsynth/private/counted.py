"""The counter of a private table, wherever its rows lie or stay: in memory, in a private file, in their engine."""

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
from dpsynth.private.warehouse.address import Warehouse
from dpsynth.private.warehouse.counter import FEATURE_CELLS, WarehouseCounter
from dpsynth.schema.schema import Schema


def counted(
    data: Data,
    schema: Schema,
    unit: PrivacyUnit,
    source: EntropySource,
    *,
    pool: PoolSize | None,
    rows_in: RowsIn,
    summed_cells: int,
    progress: Callable[[float], None],
) -> tuple[MemoryCounter | WarehouseCounter | SparkCounter, AuditPool | None]:
    """The counter of the bounded rows, and the audit pool if one was asked for.

    summed_cells: of the columns whose feature vectors will be summed, at most; 0 when none will be. Raises as
    `ingest_with_pool`, `WarehouseCounter.of` and `SparkCounter.of` do, and SettingError for what an engine cannot do.
    """
    warehouse = Warehouse.of(data)
    if warehouse is None and not is_spark(data):
        table, drawn = ingest_with_pool(data, schema, unit, source, pool, rows_in, progress)
        return MemoryCounter(table), drawn
    engine = "Spark" if warehouse is None else "a warehouse"
    if pool is not None:
        raise SettingError(f"audit_pool must be False for rows that stay in {engine}; try that, or rows in a file")
    if rows_in is not RowsIn.AUTO:
        raise SettingError(
            f"rows must be free to stay in {engine}; got a setting rows_in, or a synthesizer that looks at rows one by "
            "one; try neither of them, or rows in a file"
        )
    if warehouse is None:
        return SparkCounter.of(data, schema, unit, source), None
    if summed_cells > FEATURE_CELLS:
        raise SettingError(
            f"columns must have at most {FEATURE_CELLS} cells together for sums of features in a warehouse; got "
            f"{summed_cells}; try a synthesizer that counts marginals, or rows in a file"
        )
    return WarehouseCounter.of(warehouse, schema, unit, source), None
