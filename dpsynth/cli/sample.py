"""`dpsynth sample`: more rows from a release that is already made, at no cost in privacy."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from dpsynth.cli.options import Json, ShowProgress
from dpsynth.cli.output import print_json
from dpsynth.cli.progress import progress_bar
from dpsynth.cli.refusals import refusals


def sample(
    directory: Annotated[Path, typer.Argument(help="A release directory.")],
    out: Annotated[Path, typer.Option(help="New file for the rows: .csv or .parquet.")],
    rows: Annotated[int | None, typer.Option(min=0, help="How many; by default as many as were released.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same rows; by default others each time.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE", help="Only such rows: sex=F, age=60..90, town=A,B, pay=missing; repeatable."
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=LABEL:SHARE,...", help="Change shares of labels: sex=F:0.5,M:0.5; repeatable."),
    ] = None,
    known: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file of public columns to keep, one row for each row drawn.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    progress: ShowProgress = False,
    as_json: Json = False,
) -> None:
    """Draw more synthetic rows from a release, also under conditions. Reads no private data: it costs no privacy.

    More rows tell nothing new about the private table, so they do not add precision.
    """
    with refusals(as_json):
        from dpsynth.cli.conditions import read_known, typed_given, typed_weights
        from dpsynth.errors import SettingError
        from dpsynth.release.conditions import released_schema
        from dpsynth.release.release import load
        from dpsynth.release.tables import as_arrow, date_formats, write_csv, write_parquet

        suffix = out.suffix.lower()
        if suffix not in (".csv", ".parquet"):
            raise SettingError(f"out ({out}) must end in .csv or .parquet")
        if out.is_dir() or (out.exists() and not overwrite):
            kind = "a folder" if out.is_dir() else "a file"
            raise SettingError(f"out ({out}) must not exist; got {kind} there; try another name or --overwrite")
        release = load(directory)
        schema = released_schema(release.schema, release.codec)
        kept = None if known is None else read_known(known)
        wanted = len(kept) if kept is not None else release.rows if rows is None else rows
        with progress_bar(progress) as show:
            drawn = release.sample_parts(
                wanted if rows is None else rows,
                seed=seed,
                given=typed_given(given or [], schema),
                weights=typed_weights(weight or [], schema),
                known=kept,
                progress=show,
            )
            parts = map(as_arrow, drawn)
            if suffix == ".csv":
                _write_whole(out, lambda file: write_csv(parts, file, formats=date_formats(release.schema)))
            else:
                _write_whole(out, lambda file: write_parquet(parts, file))
        if as_json:
            print_json({"rows": wanted, "out": str(out)})
        else:
            typer.echo(f"table: {out}, {wanted:,} rows")


def _write_whole(out: Path, write: Callable[[Path], None]) -> None:
    """Write beside `out` and rename into place, so that half a file is never left there."""
    from dpsynth.errors import ReleaseError

    fresh = out.with_name(f".{out.name}.partial-{secrets.token_hex(8)}")
    try:
        write(fresh)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(out)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReleaseError(f"out ({out}) must be writable; got: {reason}; try another disk or folder") from None
    finally:
        fresh.unlink(missing_ok=True)
