"""The content of a release: what was paid for, by one digest.

A ledger notes it when a run is done, so that the same charge pays for no other release. Table, certificate and
metadata are not part of it: rows drawn anew, with another seed or in another number, are free.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

CONTENT = ("measurements.json", "measurements.npz", "model.json", "model.npz")
"""The files of a release that hold what its mechanisms found, in the order in which they are hashed."""


def content_digest(digests: Mapping[str, str]) -> str:
    """SHA-256, hexadecimal, over name and SHA-256 of each file of `CONTENT`; `digests` holds the latter, by name.

    >>> content_digest(dict.fromkeys(CONTENT, "00"))
    '674235586487c1bb72698c3e9e719c2cedfbc36ab76a3794a5d3c9c41f207a21'
    """
    named = [[name, digests[name]] for name in CONTENT]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()
