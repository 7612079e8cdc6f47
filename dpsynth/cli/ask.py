"""`dpsynth schema ask`: a schema from answers. It asks what a steward knows, and looks at no row."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpsynth.cli.output import refuse_existing
from dpsynth.cli.refusals import refusals
from dpsynth.cli.spelling import as_typed

if TYPE_CHECKING:
    from dpsynth.schema.interview import Answers, Interview, Question

BACK = "<"


def ask(
    draft: Annotated[
        Path | None, typer.Argument(help="A draft whose open questions are to be answered, such as an imported one.")
    ] = None,
    names: Annotated[str | None, typer.Option("--names", metavar="A,B", help="Names of the columns, in order.")] = None,
    header: Annotated[
        Path | None,
        typer.Option(
            "--header", metavar="FILE", help="Take the names from the first line of this CSV (or Parquet) file."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The schema; by default DRAFT is replaced.")] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="File (YAML) that keeps answers as you go and gives those that it holds; by default beside the schema."
        ),
    ] = None,
) -> None:
    """Make a schema by questions, in plain words and with reasons. No row is read.

    Of --header FILE only the first line is read, which must hold names and not somebody's values.
    Ctrl-C stops; the same command goes on where you stopped. Type < to go back one question.
    """
    with refusals(as_json=False):
        from dpsynth.errors import SettingError

        given = [each for each in (draft, names, header) if each is not None]
        if len(given) != 1:
            raise SettingError("one of DRAFT, --names or --header must be given; try --names age,sex")
        place = out or draft
        if place is None:
            raise SettingError("out must be given; try --out schema.yaml")
        if out is not None:
            refuse_existing(out)
        interview = _interview(draft, names, header)
        kept = answers or place.with_name(f"{place.stem}.answers.yaml")
        found = _held(interview, _read(kept), kept)
        interview.schema(found).save(place)
        if answers is None:
            kept.unlink(missing_ok=True)
        typer.echo(f"schema: {place}, {len(interview.names)} columns")
        unit = found.get("", {}).get("unit")
        if unit:
            typer.echo(
                f"Protect all rows of one {unit}: add --unit {unit} --max-rows-per-unit K to plan and synthesize,"
            )
            typer.echo("with a public K, such as the number of visits that the protocol foresees.")


def _interview(draft: Path | None, names: str | None, header: Path | None) -> Interview:
    import dpsynth
    from dpsynth.schema.interview import Interview

    if draft is not None:
        schema = dpsynth.Schema.load(draft)
        return Interview(schema.names, schema)
    if names is not None:
        return Interview(tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip())))
    found = dpsynth.column_names(header or "")
    typer.echo(f"Names in the first line: {', '.join(found)}")
    typer.echo("Nothing below that line was read. If these are somebody's values, the file has no header: stop here.")
    return Interview(found)


def _held(interview: Interview, answers: Answers, kept: Path) -> Answers:
    """Every answer, after the questions that are left; each is written down as soon as it is given."""
    from dpsynth.errors import SchemaError, SettingError
    from dpsynth.schema.interview import answered, without_faults

    shown = None
    while (following := interview.following(answers)) is not None:
        name, question = following
        if name != shown:
            place = (
                f"column {interview.names.index(name) + 1} of {len(interview.names)}: {name}" if name else "the table"
            )
            typer.secho(f"\n{place}", bold=True)
            shown = name
        text = _asked(question, kept)
        if text == BACK:
            answers = _without_last(answers)
            continue
        try:
            answers = answered(interview, answers, name, question, text)
        except SchemaError as error:
            typer.secho(
                as_typed(f"These answers do not fit together: {error.problems[0].message}"), fg=typer.colors.RED
            )
            answers = without_faults(answers, name, error)
        except SettingError as error:
            typer.secho(str(error), fg=typer.colors.RED)
            continue
        _write(kept, answers)
    return answers


def _asked(question: Question, kept: Path) -> str:
    typer.echo(question.words)
    typer.secho(f"  {question.reason}", dim=True)
    try:
        text: str = typer.prompt(">", default=question.default, prompt_suffix=" ", show_default=bool(question.default))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("")
        typer.secho(f"Stopped. Your answers are in {kept}: the same command goes on from there.", err=True)
        raise typer.Exit(130) from None
    return text


def _without_last(answers: Answers) -> Answers:
    """Without the answer that was given last."""
    for name in reversed(list(answers)):
        if answers[name]:
            return {**answers, name: dict(list(answers[name].items())[:-1])}
    return answers


def _read(path: Path) -> Answers:
    from dpsynth.errors import SettingError
    from dpsynth.schema.text import from_yaml_text

    if not path.exists():
        return {}
    document, _, problems = from_yaml_text(path.read_text(encoding="utf-8"))
    if problems or not isinstance(document, dict) or not all(isinstance(each, dict) for each in document.values()):
        raise SettingError(f"answers ({path}) must be a mapping from columns to answers; got something else")
    # The empty name of the table as a whole is written as a word that no column can have beside a dot.
    return {
        "" if name == _WHOLE else name: {key: "" if text is None else str(text) for key, text in each.items()}
        for name, each in document.items()
    }


_WHOLE = ".table"


def _write(path: Path, answers: Answers) -> None:
    """All answers, for the steward's eyes alone."""
    from dpsynth.schema.text import to_yaml_text

    text = to_yaml_text({name or _WHOLE: dict(each) for name, each in answers.items()})
    temporary = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
