"""How long a release of so many rows will take on this machine, and what memory and disk, before any data is read.

The number of rows is the steward's to say: a round number is public enough. The rates below were measured with
`benchmarks/large_release.py` on one core of the machine that is `slowness` 1; this machine is held against it by
counting a made-up table once. A forecast is good to about a factor of two.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from dpsynth.domain import Domain
from dpsynth.errors import SettingError
from dpsynth.plan import Plan
from dpsynth.private.ingest import MEMORY_BYTES
from dpsynth.private.kernels import count_cliques
from dpsynth.processors import usable_processors

# Nanoseconds of one core: for each value read, each row in each marginal, each synthetic value drawn and written.
READ_NANOSECONDS, COUNT_NANOSECONDS, WRITE_NANOSECONDS = 12.0, 0.6, 110.0
# Seconds of one core for each value of a record that is moved, up to so many rows; as much more for each tenfold.
MOVE_SECONDS, MOVE_ROWS = 7e-6, 40_000
# Bytes for each value: of a table in memory with its codes, in the private file, in both files of a release.
MEMORY_VALUE_BYTES, DISK_VALUE_BYTES, RELEASE_VALUE_BYTES = 16.0, 2.0, 2.8
# Beside the rows: batches that are read ahead, or parts that are drawn ahead.
AHEAD_BYTES = 800_000_000
# A table's values take as much in memory before they are read, and decide where its rows go.
TYPICAL_VALUE_BYTES = 8

_TRIAL_ROWS, _TRIAL_COLUMNS, _TRIAL_SECONDS = 1 << 20, 12, 0.15


@dataclass(frozen=True)
class ResourceForecast:
    """Seconds by the clock of each stage, on so many processors, and bytes; place: of the rows, memory or disk."""

    rows: int
    place: str
    processors: int
    slowness: float
    read_seconds: float
    count_seconds: float
    fit_seconds: float
    write_seconds: float
    memory_bytes: int
    disk_bytes: int
    release_bytes: int

    @property
    def seconds(self) -> float:
        """All stages together."""
        return self.read_seconds + self.count_seconds + self.fit_seconds + self.write_seconds

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with the same names."""
        rounded = {name: round(value, 1) if "seconds" in name else value for name, value in asdict(self).items()}
        return {**rounded, "slowness": round(self.slowness, 2), "seconds": round(self.seconds, 1)}


def forecast_resources(plan: Plan, columns: int, rows: int) -> ResourceForecast:
    """What a run of `plan` on a table of `rows` rows and `columns` columns will take here, from Parquet to a release.

    Reads no data; takes a second to try this machine. Raises SettingError for rows or columns below 1.

    >>> import dpsynth
    >>> schema = dpsynth.Schema([dpsynth.Categorical(name, values=range(9)) for name in "abcd"])
    >>> planned = dpsynth.plan(schema, epsilon=1, delta=1e-9, synthesizer="mst")
    >>> few, many = (dpsynth.forecast_resources(planned, 4, rows) for rows in (10**6, 10**9))
    >>> few.place, many.place, many.seconds > 100 * few.write_seconds
    ('memory', 'disk', True)
    """
    for name, number in (("columns", columns), ("rows", rows)):
        if isinstance(number, bool) or number < 1:
            raise SettingError(f"{name} ({number}) must be at least 1; try about as many as the table has")
    values, slowness, processors = rows * columns, machine_slowness(), usable_processors()
    on_disk = values * TYPICAL_VALUE_BYTES > MEMORY_BYTES
    each = 1e-9 * slowness / processors
    return ResourceForecast(
        rows=rows,
        place="disk" if on_disk else "memory",
        processors=processors,
        slowness=slowness,
        read_seconds=each * READ_NANOSECONDS * values,
        count_seconds=each * COUNT_NANOSECONDS * rows * plan.resources.marginals,
        fit_seconds=slowness * (plan.predicted_seconds + _moving_seconds(columns, rows, plan.resources.records)),
        write_seconds=each * WRITE_NANOSECONDS * values,
        memory_bytes=plan.predicted_bytes + AHEAD_BYTES + (0 if on_disk else int(MEMORY_VALUE_BYTES * values)),
        disk_bytes=int(DISK_VALUE_BYTES * values) if on_disk else 0,
        release_bytes=int(RELEASE_VALUE_BYTES * values),
    )


def _moving_seconds(columns: int, rows: int, most_records: int) -> float:
    """Of the sweeps that move records until counts match: more rows have finer marginals chosen, each to be kept up."""
    finer = 1 + math.log10(max(rows / MOVE_ROWS, 1.0))
    return MOVE_SECONDS * min(rows, most_records) * columns * finer


@lru_cache(maxsize=1)
def machine_slowness() -> float:
    """Seconds that this machine needs for what took the measured one a second: it counts a made-up table."""
    names = [f"c{place}" for place in range(_TRIAL_COLUMNS)]
    scattered = np.arange(_TRIAL_ROWS, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    columns = {name: (scattered >> np.uint64(20 + 2 * place)).astype(np.uint8) % 12 for place, name in enumerate(names)}
    domain = Domain.of(dict.fromkeys(names, 12))
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    trials = []
    for _ in range(4):  # the first one loads what counts
        start = time.process_time()
        count_cliques(columns, domain, pairs)
        trials.append(time.process_time() - start)
    return min(trials[1:]) / _TRIAL_SECONDS
