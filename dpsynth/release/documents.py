"""JSON objects to and from bytes, strictly: one spelling out; no NaN and no key twice in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dpsynth.errors import ReleaseError


def to_document(content: Mapping[str, Any]) -> bytes:
    """A JSON object as bytes, indented, in a fixed key order, without NaN or infinities."""
    return (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def parse_document(content: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `content`. Raises ReleaseError on anything else, on NaN, and on a key given twice."""
    try:
        document = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{name} must be a JSON object; got {type(error).__name__}") from None
    if not isinstance(document, dict):
        raise ReleaseError(f"{name} must be a JSON object; got {type(document).__name__}")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key twice")
    return out


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN or infinity")
