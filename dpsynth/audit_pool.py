"""The audit pool: units for each of which a secret coin decided, before the fit, whether it took part.

Afterwards an attacker has to guess the coins from the release. Coins are independent of everything else, so how
well anybody can guess them is bounded by the promise, and a release can be tested by itself, without a second fit
(Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", 2023).

The coins say who is in the private table: they stay with the table, on the steward's side. The release holds only a
salted hash of them, so that nobody can choose coins after the fact.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpsynth.errors import DataError, SettingError

FORMAT = "dpsynth-audit-pool"
VERSION = 1
# Units by default: enough to tell 2 % of copied rows from chance at epsilon 1 (5,000: 1 %), and this share of larger
# tables.
DEFAULT_UNITS, DEFAULT_SHARE = 2_000, 0.05
# A pool takes half of its units from the table; more than this share of the rows would cost accuracy.
LARGEST_SHARE = 0.2


@dataclass(frozen=True)
class PoolSize:
    """How many units a pool has, and whether in pairs of which one takes part; both are public."""

    units: int
    pairs: bool

    @classmethod
    def asked(cls, asked: bool | int, public_rows: int | None, *, pairs: bool) -> PoolSize:
        """The size that was asked for; True is 2,000 units, or 5 % of a larger public number of rows.

        pairs: where neighbours are tables with one unit replaced, so that the number of rows stays as it is.
        Raises SettingError when there are too few rows for it, judged by what is public.
        """
        if asked is True:
            asked = max(DEFAULT_UNITS, round(DEFAULT_SHARE * (public_rows or 0)))
        if asked < 2:
            raise SettingError(f"audit_pool ({asked}) must be True or a number of units from 2; try audit_pool=True")
        if public_rows is not None and asked > LARGEST_SHARE * public_rows:
            raise SettingError(
                f"audit_pool ({asked} units) must be at most {LARGEST_SHARE:.0%} of the {public_rows} rows, since half"
                " of its units take no part in the fit; try a smaller pool, which proves less, or none, and audit"
                " with a holdout table"
            )
        return cls(asked - asked % 2 if pairs else asked, pairs)

    @property
    def left_out(self) -> int:
        """How many units take no part, on average."""
        return self.units // 2


@dataclass(frozen=True, eq=False, repr=False)
class AuditPool:
    """Units of the private table and their coins: the steward's side, never part of a release.

    rows: places of the pool's rows in the private table, unit by unit. units: for each of these rows its unit 0..k-1.
    coins: for each unit, whether it took part in the fit. pairs: whether units 2i and 2i + 1 are a pair of which one
    took part. table_rows: rows of the private table. salt: of the commitment. cells: a digest of the pool's cells,
    keyed by the salt, by which an audit sees that it was given the same rows in the same order (`Ticked.digest`).
    """

    rows: NDArray[np.int64]
    units: NDArray[np.int64]
    coins: NDArray[np.bool_]
    pairs: bool
    table_rows: int
    salt: str
    cells: str = ""

    def __repr__(self) -> str:
        return f"AuditPool({len(self.coins)} units{', in pairs' if self.pairs else ''})"

    def to_json(self) -> dict[str, Any]:
        """JSON values, coins included."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "secret": "says who is in the private table: keep it where that table is kept",
            "pairs": self.pairs,
            "table_rows": self.table_rows,
            "salt": self.salt,
            "cells": self.cells,
            "rows": self.rows.tolist(),
            "units": self.units.tolist(),
            "coins": [int(coin) for coin in self.coins],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> AuditPool:
        """The pool in a JSON object; raises DataError on anything else."""
        try:
            if (document["format"], document["version"]) != (FORMAT, VERSION):
                raise ValueError
            pool = cls(
                np.array(document["rows"], dtype=np.int64),
                np.array(document["units"], dtype=np.int64),
                np.array(document["coins"], dtype=np.int64).astype(bool),
                bool(document["pairs"]),
                int(document["table_rows"]),
                str(document["salt"]),
                str(document["cells"]),
            )
            pool._check()
        except (KeyError, TypeError, ValueError, OverflowError):
            raise DataError(
                f"audit pool must be a whole {FORMAT} document of version {VERSION}; try the file that"
                " `--audit-pool` wrote"
            ) from None
        return pool

    def _check(self) -> None:
        shapes_fit = self.rows.ndim == self.coins.ndim == 1 and self.rows.shape == self.units.shape
        if not shapes_fit or len(self.coins) != len(np.unique(self.units)):
            raise ValueError
        if len(self.rows) and not (self.rows.min() >= 0 and self.rows.max() < self.table_rows):
            raise ValueError
        if len(self.units) and (self.units.min(), self.units.max()) != (0, len(self.coins) - 1):
            raise ValueError
        if self.pairs and (len(self.coins) % 2 or (self.coins[::2] == self.coins[1::2]).any()):
            raise ValueError

    @property
    def commitment(self) -> str:
        """SHA-256 of the pool with its salt: binds the steward to these coins, and tells nobody else anything."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def save(self, path: Path | str) -> Path:
        """Write the pool to a new file that only its owner may read, whole or not at all; returns the path.

        A file that holds this very pool is left as it is.

        Raises DataError when the file exists or cannot be written.
        """
        target = Path(path)
        if target.is_file() and AuditPool.load(target).commitment == self.commitment:
            return target  # the same coins, from an earlier try of the same request
        require_free_file(target)
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self.to_json(), stream)
                stream.flush()
                os.fsync(stream.fileno())
            fresh.rename(target)
        except OSError as error:
            raise DataError(
                f"audit pool ({target}) must be a new file that can be written; got: {error.strerror}"
            ) from None
        finally:
            fresh.unlink(missing_ok=True)
        return target

    @classmethod
    def load(cls, path: Path | str) -> AuditPool:
        """The pool in a file; raises DataError when it cannot be read."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"audit pool ({path}) must be a readable file; got {type(error).__name__}") from None
        return cls.from_json(document if isinstance(document, dict) else {})


def require_free_file(path: Path | str) -> None:
    """Check that a new file may be written there; raises DataError, and leaves nothing behind."""
    target = Path(path)
    if target.exists() or target.is_symlink():
        raise DataError(f"audit pool ({target}) must be a new file; got one that exists; try another name")
    if not target.absolute().parent.is_dir():
        raise DataError(f"audit pool ({target}) must be in a folder that exists; try making it first")
