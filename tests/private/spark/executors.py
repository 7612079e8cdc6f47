"""What executors do with a table, without Spark: the same jobs, on batches of a few rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from dpsynth.privacy.randomness import InsecureTestEntropy
from dpsynth.privacy.unit import PrivacyUnit
from dpsynth.private.spark.blocks import FAULTS, BlockForm
from dpsynth.private.spark.bounding import PART, Choice, _bounded_part
from dpsynth.private.spark.taken_in import Reading
from dpsynth.private.table import Rows
from dpsynth.schema.schema import Schema


def blocks_of(table: pa.Table, schema: Schema, unit: PrivacyUnit, seed: int = 1, tasks: int = 3) -> list[Rows]:
    """The bounded rows as blocks; rows are dealt to the tasks in turn. Fails where a rule is broken."""
    form = BlockForm(schema)
    choice = None if unit.column is None else Choice.drawn(unit.max_rows, InsecureTestEntropy(seed))
    names = [column.name for column in form.columns] + ([unit.column] if unit.column else [])
    reading = Reading(form, tuple(names), unit.column, choice)
    made: list[pa.RecordBatch] = []
    for task in range(tasks):
        rows = table.select(names).take(np.arange(task, table.num_rows, tasks))
        made += reading(iter(rows.to_batches(max_chunksize=2)))
    if choice is not None and made:
        together = pa.Table.from_batches(made)
        parts = sorted(set(together.column(PART).to_pylist()))
        groups = [together.filter(pa.compute.equal(together.column(PART), part)) for part in parts]
        made = [batch for group in groups for batch in _bounded_part(group, form, choice).to_batches()]
    assert not any(faults for batch in made for faults in batch.column(FAULTS).to_pylist())
    return [rows for batch in made for rows in form.read(batch)]


def contents(blocks: Sequence[Rows]) -> list[tuple[object, ...]]:
    """The rows as tuples, sorted: ticks, and labels in place of the ticks of open columns."""
    found: list[tuple[object, ...]] = []
    for rows in blocks:
        columns = []
        for name, ticks in rows.in_memory().items():
            labels = rows.labels.get(name)
            columns.append(ticks.tolist() if labels is None else [labels[t] if t >= 0 else "" for t in ticks])
        found += zip(*columns, strict=True)
    return sorted(found)
