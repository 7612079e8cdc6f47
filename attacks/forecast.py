"""How long an audit takes, said before it starts: rough, from sizes alone.

CPU seconds on one core at 100,000 rows of 20 columns and 5,000 targets, as `benchmarks/audit_speed.py` measures them.
"""

from __future__ import annotations

from collections.abc import Iterable

REFERENCE_ROWS, REFERENCE_COLUMNS, REFERENCE_TARGETS = 100_000, 20, 5_000
# What is paid once: reading and coding the tables, nearest neighbours in two tables, report.
ONCE = 8.0
SECONDS = {
    "copies": 1.2,
    "calibrated-distance": 0.4,
    "neighbourhood-share": 0.2,
    "density-ratio": 0.5,
    "classifier": 3.3,
    "local-likelihood": 0.9,
    "marginals": 2.9,
    "noisy-measurements": 0.2,
    "attribute-inference": 8.0,
    "singling-out": 2.5,
    "linkability": 4.0,
    "linear-reconstruction": 2.6,
    "row-reconstruction": 1.0,
    "candidate-reconstruction": 1.0,
    "shadow-marginals": 60.0,
    "query-shadow": 200.0,
}
# The two controls work on at most 10,000 rows, and on the same targets.
CONTROL_ROWS = 10_000
# What no size makes cheaper: trees, bit maps, imports.
_LEAST_SHARE = 0.1


def forecast(names: Iterable[str], rows: int, columns: int, targets: int) -> float:
    """Seconds on one core for an audit with controls; within a factor of about two on an idle machine.

    names: of attacks; one that is not in the catalogue counts as the dearest quick one. rows, columns: of the
    synthetic table. targets: rows whose membership is guessed.

    >>> forecast(["copies"], 100_000, 20, 5_000) < forecast(["copies", "linkability"], 100_000, 20, 5_000)
    True
    """
    each = sum(SECONDS.get(name, 8.0) for name in names)
    wide = columns / REFERENCE_COLUMNS
    asked = 0.5 + 0.5 * targets / REFERENCE_TARGETS
    sizes = (rows, min(rows, CONTROL_ROWS), min(rows, CONTROL_ROWS))
    return sum((ONCE + each) * max(_LEAST_SHARE, wide * asked * size / REFERENCE_ROWS) for size in sizes)


def in_words(seconds: float) -> str:
    """A forecast as people say it.

    >>> in_words(42.0), in_words(600.0)
    ('about 42 seconds', 'about 10 minutes')
    """
    return f"about {seconds:.0f} seconds" if seconds < 100 else f"about {seconds / 60:.0f} minutes"
