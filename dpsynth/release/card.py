"""A release in a notebook: what was promised, to whom, and the first synthetic rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpsynth.fairness import fairness_in_words
from dpsynth.notebook import card
from dpsynth.release.plain_words import odds_in_words

if TYPE_CHECKING:
    from dpsynth.release.release import Release

ROWS = 5
VALUES_LIMIT = 2_000_000
"""Values of a table up to which its first rows are shown; larger ones are not drawn for a glance."""


def release_card(release: Release) -> str:
    """HTML of a release. Privacy: all of it is released, or follows from what is."""
    certificate = release.certificate
    promise = certificate.promise
    facts = [
        ("synthetic table", f"{release.rows:,} rows, {len(release.schema)} columns"),
        ("promise", f"epsilon {promise.epsilon:g}, delta {promise.delta:g}"),
        ("hides", certificate.unit.words),
        ("in odds", odds_in_words(certificate)),
        ("made by", certificate.synthesizer + (f": {certificate.reason}" if certificate.reason else "")),
        ("made", certificate.created),
    ]
    fairness = fairness_in_words(certificate.settings)
    if fairness is not None:
        facts.insert(-1, ("fairness", f"in the model, {fairness}"))
    small = release.rows * len(release.schema) <= VALUES_LIMIT
    head = release.table.head(ROWS) if small or "table" in vars(release) else None
    rows = [] if head is None else [[_cell(value) for value in row] for row in head.itertuples(index=False)]
    return card(
        "Release",
        facts,
        headings=release.schema.names,
        rows=rows,
        warning=None if certificate.noise.private else "NOT PRIVATE: made with a test-only random source",
        note=f"The first {len(rows)} of {release.rows:,} synthetic rows." if rows else None,
    )


def _cell(value: object) -> str:
    import pandas as pd

    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return str(value.date())
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]  # a scalar
