"""Drawing the audit pool: which units get a coin, the coins, and the rows that are left out of the fit."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.privacy.randomness import EntropySource
from dpsynth.private.bounding import bounded_rows
from dpsynth.private.table import Ticks


def draw_pool(units: NDArray[np.int64], size: PoolSize, source: EntropySource) -> tuple[AuditPool, NDArray[np.bool_]]:
    """A pool of units drawn uniformly, a fair coin for each (or for each pair), and which rows take part in the fit.

    units: shape (rows,), a number of each row's unit. The pool has `size.units` units, or all there are.

    Privacy: leaving the pool's tails out costs nothing; whatever is private for the rows that are left is so for all.
    Add-remove: let S be the pool of D, and x a further unit. With probability |S| / (n + 1) let x take the place and
    the coin of a random y in S, else keep S: that is a pool of D + x with its right law (where the pool has room for
    all of D + x, x joins with a coin of its own). What is left of D + x then is what is left of D, and at most one
    unit more: x, or y. Replace-one: the same places are drawn from either table, so what is left differs in one unit,
    or in none. In each case of the drawing the answers obey the promise's trade-off curve f, and so does the mixture
    of all cases, as f is convex.
    """
    present, units = np.unique(units, return_inverse=True)
    count = len(present)
    drawn = bounded_rows(np.zeros(count, dtype=np.int64), size.units, source) if count else np.zeros(0, np.int64)
    if size.pairs:
        # Pairs at random: neighbours in the table may be alike.
        drawn = drawn[np.argsort(source.words(len(drawn)), kind="stable")][: len(drawn) - len(drawn) % 2]
        first = (source.words(len(drawn) // 2) & np.uint64(1)).astype(bool)
        coins = np.stack([first, ~first], axis=1).ravel()
    else:
        coins = (source.words(len(drawn)) & np.uint64(1)).astype(bool)
    number = np.full(count, -1, dtype=np.int64)
    number[drawn] = np.arange(len(drawn))
    of_row = number[units]
    rows = np.flatnonzero(of_row >= 0)
    rows = rows[np.argsort(of_row[rows], kind="stable")]
    pool = AuditPool(rows, of_row[rows], coins, size.pairs, len(units), source.words(4).tobytes().hex())
    takes_part = np.ones(len(units), dtype=bool)
    takes_part[rows] = coins[of_row[rows]]
    return pool, takes_part


def cells_digest(
    ticks: Mapping[str, Ticks], labels: Mapping[str, tuple[str, ...]], places: NDArray[np.int64], key: str
) -> str:
    """HMAC-SHA-256 of the cells of the rows at these places, as they are counted: who has them in this order can check.

    ticks, labels: of a whole table; missing cells are -1. Without the key it tells nothing of the cells.
    """
    found = hmac.new(key.encode(), digestmod=hashlib.sha256)
    for name, column in ticks.items():
        own = np.asarray(column)[places].astype("<i8")
        listed = labels.get(name)
        content = own.tobytes()
        if listed is not None:
            content = json.dumps([None if tick < 0 else listed[tick] for tick in own.tolist()]).encode()
        found.update(f"{json.dumps(name)} {len(content)} ".encode() + content)
    return found.hexdigest()
