"""Options that several commands share: their names, types and help, written once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from dpsynth.cli import completion


class RelationName(str, Enum):
    """Neighbouring relations by the names that users type."""

    add_remove = "add-remove"
    replace_one = "replace-one"


PrivateTable = Annotated[
    str,
    typer.Argument(
        help="Private table: CSV or Parquet file, folder of Parquet files, or URI of either; or a table that stays in "
        "its database: 'duckdb:///FILE?table=NAME', 'postgresql://USER@HOST/DATABASE?table=NAME'."
    ),
]
SchemaFile = Annotated[Path, typer.Option("--schema", help="Schema file (YAML): what is public about each column.")]
Epsilon = Annotated[float, typer.Option(help="Privacy loss epsilon, above 0. 1 is strong, 10 is weak.")]
Delta = Annotated[float, typer.Option(help="Privacy loss delta: far below 1 over the number of people.")]
SynthesizerName = Annotated[
    str,
    typer.Option(
        "--synthesizer",
        help="See `dpsynth synthesizers`; auto chooses from public facts alone.",
        autocompletion=completion.synthesizer_names,
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", metavar="COLUMN", help="Column that will be predicted: its relations matter most."),
]
WorkloadText = Annotated[
    str | None,
    typer.Option("--workload", metavar="TEXT", help="Which marginals matter: '2', 'age,sex;sex,pay', 'weights=age:2'."),
]
FairnessText = Annotated[
    str | None,
    typer.Option(
        "--fairness",
        metavar="TEXT",
        help="'protected=sex; outcome=pay; admissible=hours': pay may depend on sex only through hours.",
    ),
]
UnitColumn = Annotated[
    str | None,
    typer.Option("--unit", metavar="COLUMN", help="Column that says whose row it is; protects all its rows."),
]
MaxRows = Annotated[
    int | None, typer.Option("--max-rows-per-unit", metavar="K", help="Keep at most K rows of one unit.")
]
RelationOption = Annotated[RelationName, typer.Option("--relation", help="What neighbouring tables are.")]
LedgerAddress = Annotated[
    str | None,
    typer.Option("--ledger", metavar="ADDRESS", help="Ledger to charge: a file, or postgresql://..."),
]
PoolUnits = Annotated[
    int | None,
    typer.Option(
        "--audit-units", min=2, metavar="M", help="Units in the audit pool; by default 2,000, or 5% of public rows."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the synthesizer or the engine; repeatable.",
        autocompletion=completion.settings,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text; errors too.")]
ShowProgress = Annotated[bool, typer.Option("--progress", help="Show progress even when stderr is no terminal.")]


def parsed_settings(pairs: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """`KEY=VALUE` texts as a dict of texts. Raises typer.BadParameter on a text without `=` or a key twice."""
    settings: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter("must look like KEY=VALUE", param_hint=option)
        if key.strip() in settings:
            raise typer.BadParameter(f"gives {key.strip()!r} twice", param_hint=option)
        settings[key.strip()] = value.strip()
    return settings


def parsed_numbers(pairs: list[str] | None, option: str) -> dict[str, float]:
    """`COLUMN=N` texts as a dict of numbers. Raises typer.BadParameter as `parsed_settings`, and on other values."""
    try:
        return {column: float(value) for column, value in parsed_settings(pairs, option).items()}
    except ValueError as error:
        raise typer.BadParameter("must look like COLUMN=N with a number N", param_hint=option) from error
