"""`dpsynth schema`: draft a schema from a table, confirm it, and check a table against it.

Drafting and checking look at private data.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli import completion
from dpsynth.cli.ask import ask
from dpsynth.cli.options import Json, PrivateTable, SchemaFile, UnitColumn
from dpsynth.cli.output import print_json, refuse_existing
from dpsynth.cli.refusals import REFUSED, refusals
from dpsynth.cli.spelling import as_typed

if TYPE_CHECKING:
    from dpsynth.schema.schema import Schema

app = typer.Typer(
    no_args_is_help=True,
    help="Draft, confirm or check a schema. Draft and check look at the private table: for its steward's eyes only.",
)


@app.command()
def draft(
    data: Annotated[str, typer.Argument(help="Private table: CSV or Parquet file.")],
    out: Annotated[Path | None, typer.Option(help="New file for the draft; by default it is printed.")] = None,
) -> None:
    """Write a first schema for a table, every item marked as unreviewed.

    The draft is read from the private table, so it is private itself. Replace each item by one that
    you know from a public source, say which, and only then make a release with it.
    """
    with refusals(as_json=False):
        import dpsynth

        refuse_existing(out)
        drafted = dpsynth.draft(data)
        if out is None:
            typer.echo(_yaml(drafted), nl=False)
        else:
            drafted.save(out)
            typer.echo(f"draft: {out}")
        typer.secho(
            f"The draft holds values of the private table; {len(drafted.unreviewed())} items wait for your review.",
            fg=typer.colors.YELLOW,
            err=True,
        )


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="Schema of another tool: .py, .yaml, .json or .sql.")],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            autocompletion=completion.import_formats,
            help="pandera, frictionless, json-schema, dbt, great-expectations, sql, or postgresql, mysql, sqlite, "
            "duckdb; by default seen from the file.",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(metavar="NAME", help="Which table, where there are several.")] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Public source that answers for what the file says: 'data dictionary 2024'."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New file for the draft; by default it is printed.")] = None,
    as_json: Json = False,
) -> None:
    """Write a draft from the schema of another tool. No row is read.

    What the file does not say, such as the bounds of a number, is asked in the draft, not guessed:
    no run starts before each question is answered (`dpsynth schema ask`).
    """
    with refusals(as_json):
        import dpsynth

        refuse_existing(out)
        drafted = dpsynth.import_schema(file, format_, table=table, by=by)
        if out is not None:
            drafted.save(out)
        if as_json:
            asked = [dict(zip(("column", "item", "question"), each, strict=True)) for each in drafted.questions()]
            print_json({"schema": drafted.to_json(), "questions": asked, "unreviewed": len(drafted.unreviewed())})
            return
        typer.echo(_yaml(drafted) if out is None else f"draft: {out}, {len(drafted)} columns\n", nl=False)
        for column, item, words in drafted.questions():
            typer.secho(f"question: {column}, {item}: {words}", fg=typer.colors.YELLOW, err=True)
        if waiting := len(drafted.unreviewed()) - len(drafted.questions()):
            typer.secho(f"{waiting} items wait for your review.", fg=typer.colors.YELLOW, err=True)


app.command()(ask)


@app.command()
def check(
    data: PrivateTable,
    schema: SchemaFile,
    unit: UnitColumn = None,
    as_json: Json = False,
) -> None:
    """Say where a table breaks its schema, by column and rule, never by value.

    Exit code 0 when it fits, 1 when it does not. The answer itself depends on private data.
    """
    with refusals(as_json):
        import dpsynth

        problems = dpsynth.check(data, dpsynth.Schema.load(schema), unit)
        if as_json:
            listed = [
                {"column": each.column, "rule": each.rule, "message": as_typed(each.message)} for each in problems
            ]
            print_json({"fits": not problems, "problems": listed})
        else:
            for problem in problems:
                typer.echo(as_typed(f"- {problem}"))
            typer.echo("the table does not fit its schema" if problems else "the table fits its schema")
        if problems:
            raise typer.Exit(REFUSED)


@app.command()
def confirm(
    file: Annotated[Path, typer.Argument(help="Schema file with items that nobody has confirmed.")],
    by: Annotated[str, typer.Option(help="Public source that the items stand in, such as 'codebook 2019'.")],
    columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these columns; by default all of them.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New file; by default FILE is replaced.")] = None,
) -> None:
    """Say that the unreviewed items of a schema stand in a public source, and which.

    This is your statement: look at each item first. Comments in the file are not kept.
    """
    with refusals(as_json=False):
        import dpsynth

        refuse_existing(out)
        before = dpsynth.Schema.load(file)
        names = None if columns is None else [name.strip() for name in columns.split(",")]
        after = before.confirmed(by=by, columns=names)
        after.save(out or file)
        waiting, asked = len(after.unreviewed()), len(after.questions())
        typer.echo(f"schema: {out or file}, {len(before.unreviewed()) - waiting} items confirmed by {by!r}")
        if waiting > asked:
            typer.secho(f"{waiting - asked} items wait for your review.", fg=typer.colors.YELLOW, err=True)
        if asked:
            words = f"{asked} questions wait for an answer; no confirmation gives it: dpsynth schema ask {out or file}"
            typer.secho(words, fg=typer.colors.YELLOW, err=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Schema file, such as schema.yaml of a release.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TOOL",
            help="pandera, great-expectations or dbt.",
            autocompletion=completion.export_targets,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="New file; by default it is printed.")] = None,
) -> None:
    """Print a schema as checks of another tool, which every synthetic table made with it passes."""
    with refusals(as_json=False):
        import dpsynth
        from dpsynth.schema.exports import exported

        refuse_existing(out)
        text = exported(dpsynth.Schema.load(file), to)
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8")
            typer.echo(f"written: {out}")


def _yaml(drafted: Schema) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "schema.yaml"
        drafted.save(path)
        return path.read_text("utf-8")
