"""Ticks as a codec's codes: all rows at once in memory, or slice by slice from one private file into another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.errors import SettingError
from dpsynth.private.kernels import CodeColumn
from dpsynth.private.spool import Spool, SpooledColumn, slices
from dpsynth.private.table import Rows
from dpsynth.processors import usable_processors
from dpsynth.schema.columns import Identifier, OpenCategorical
from dpsynth.schema.schema import Schema

# Up to here the codes of all ticks are looked up in one table; beyond, each slice is encoded by the codec itself.
TABLE_TICKS = 1 << 21


def encoded(codec: Codec, columns: Sequence[str], rows: Rows, schema: Schema) -> dict[str, CodeColumn]:
    """The codes of each column for every row, in the narrowest unsigned integers, where the rows lie: memory or disk.

    Raises SettingError when the disk is full. The codes are as secret as the rows.
    """
    found: dict[str, CodeColumn] = {}
    spooled = {}
    spool = None
    for column in columns:
        source = codec[column].source
        ticks = rows.ticks[source]
        if isinstance(ticks, SpooledColumn):
            # Codes that are made together share a file, which is deleted when the last of them is let go.
            spool = spool or Spool()
            spooled[column] = ticks
        else:
            found[column] = codec.encode_column(column, ticks, rows.labels.get(source))
    if spool is not None:
        file = spool
        with ThreadPoolExecutor(usable_processors()) as pool:
            made = pool.map(lambda name: _from_spool(codec, name, spooled[name], rows, schema, file), spooled)
            found |= dict(zip(spooled, made, strict=True))
    return {column: found[column] for column in columns}


def _from_spool(
    codec: Codec, name: str, ticks: SpooledColumn, rows: Rows, schema: Schema, spool: Spool
) -> SpooledColumn:
    described = schema[codec[name].source]
    labels = rows.labels.get(described.name)
    if isinstance(described, Identifier):
        raise SettingError(f"column ({described.name}) must not be an identifier to be counted")
    known = len(labels or ()) if isinstance(described, OpenCategorical) else described.ticks
    table = None
    if known <= TABLE_TICKS or labels is not None:
        # The code of every tick, and at the end that of a missing value, where index -1 finds it.
        missing = [-1] if described.nullable else []
        table = codec.encode_column(name, np.array([*range(known), *missing], dtype=np.int64), labels)
        if not missing and (table == np.arange(known)).all():
            as_codes = ticks.as_unsigned()
            if as_codes.dtype == table.dtype:
                return as_codes  # no tick is missing and each is its own code: the file has them already
    codes = SpooledColumn(spool, np.min_scalar_type(codec[name].size - 1))
    for part in slices(len(ticks)):
        held = ticks[part]
        codes.append(codec.encode_column(name, held, labels) if table is None else np.take(table, held))
    return codes
