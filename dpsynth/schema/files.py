"""Schema files: documents to columns and back, with the line of every problem, and files read and written whole."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from dpsynth.errors import Problem, SchemaError, SettingError
from dpsynth.schema.columns import COLUMN_TYPES, Column
from dpsynth.schema.constraint_files import constraint_entries, read_constraints
from dpsynth.schema.constraint_rules import constraint_problems
from dpsynth.schema.constraints import Constraint
from dpsynth.schema.provenance import UNANSWERED, UNREVIEWED, items
from dpsynth.schema.questions import words_of
from dpsynth.schema.rules import missing_value_faults
from dpsynth.schema.shapes import VERSION, faults, models
from dpsynth.schema.text import DocumentPath, Lines, from_json_text, from_yaml_text, line_of, to_yaml_text
from dpsynth.schema.wording import close_to, kind_of

if TYPE_CHECKING:
    from pydantic import BaseModel

Parts = tuple[tuple[Column, ...], int | None, tuple[str, ...], tuple[Constraint, ...]]
"""Columns, public row count, missing values and constraints of a schema, in the order in which Schema takes them."""

FILE_LIMIT_BYTES = 32 * 2**20
_HEADER = "# A dpsynth schema: everything in this file is public. Format: docs/reference/schema.md\n"
_DRAFT_HEADER = """\
# A DRAFT of a dpsynth schema, for which nobody answers yet. Do not publish it as it is: it may hold private values.
# 1. Compare every item with a public source (codebook, questionnaire, law), and mend it:
#    types, bounds, values, `nullable` and `missing_values` must not depend on who is in the table.
# 2. Replace `source: unreviewed` by who declared the column public, such as `source: codebook 2019`.
# No run starts while an item is unreviewed or a question unanswered. Format: docs/reference/schema.md
"""
_QUESTIONS = """\
# Items marked `unanswered` hold a placeholder, since the source does not tell them. Write the answer in its place and
# who says so in place of `unanswered`, or let `dpsynth schema ask` ask you:
"""


def read(path: str | os.PathLike[str]) -> Parts:
    """The parts of the schema in a file; raises SchemaError with every problem and its line."""
    path = Path(path)
    kind = _kind(path)
    headline = f"schema file {path.name!r} is not valid:"
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise SchemaError(headline, [Problem(f"file must hold at most {FILE_LIMIT_BYTES // 2**20} MiB")])
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SchemaError(f"schema file ({path}) must be a readable file; got {error.strerror}") from None
    except UnicodeDecodeError:
        raise SchemaError(headline, [Problem("file must be UTF-8 text")]) from None
    document, lines, problems = from_json_text(text) if kind == "json" else from_yaml_text(text)
    if document is None:
        raise SchemaError(headline, problems or [Problem("file must hold a schema; got an empty file")])
    return _parts(document, lines, problems, headline)


def parse(document: Mapping[str, Any]) -> Parts:
    """The parts of the schema in a document of the file format; raises SchemaError with every problem."""
    return _parts(document, {}, [], "the schema is not valid:")


def write(document: Mapping[str, Any], path: str | os.PathLike[str], unreviewed: bool = False) -> None:
    """Writes a document beside `path` and renames it into place, so that no reader sees half a file."""
    path = Path(path)
    if _kind(path) == "json":
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    else:
        text = (_DRAFT_HEADER + _hints(document) if unreviewed else _HEADER) + to_yaml_text(document)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        # A draft holds private values: it is for the eyes of the steward alone.
        mode = 0o600 if unreviewed else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SchemaError(f"schema file ({path}) must be in a writable folder; got {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def document(
    columns: Iterable[Column], public_rows: int | None, missing_values: Sequence[str], constraints: Iterable[Constraint]
) -> dict[str, Any]:
    """The file format of a schema: plain dicts, lists and scalars; items at their defaults are left out."""
    rows = {} if public_rows is None else {"public_rows": public_rows}
    missing = {"missing_values": list(missing_values)} if missing_values else {}
    rules = constraint_entries(constraints)
    tail = {"constraints": rules} if rules else {}
    return {"version": VERSION, **rows, **missing, "columns": [_entry(column) for column in columns], **tail}


def _hints(document: Mapping[str, Any]) -> str:
    """Comments of a draft: what the steward should think of, one line for each column and for `missing_values`."""
    hints = [
        f"# {entry['name']}: looks like an identifier; if it names a person with several rows, give it as --unit\n"
        for entry in document["columns"]
        if entry["type"] == "identifier" and entry.get("source") == UNREVIEWED
    ]
    asked = [
        f"# QUESTION {entry['name']}, {item}: {words_of(entry['type'], item)}\n"
        for entry in document["columns"]
        if isinstance(entry.get("source"), dict)
        for item, origin in entry["source"].items()
        if origin == UNANSWERED
    ]
    if asked:
        hints += [_QUESTIONS, *asked]
    if "missing_values" in document:
        hints.append("# missing_values: keep the texts that a public source lists as marks for a missing cell\n")
    return "".join(hints)


def repeated(names: Sequence[Any]) -> list[int]:
    """Positions of the names that stand earlier in the list already."""
    texts = [(position, name) for position, name in enumerate(names) if isinstance(name, str)]
    first = {name: position for position, name in reversed(texts)}
    return [position for position, name in texts if first[name] != position]


def _kind(path: Path) -> Literal["json", "yaml"]:
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise SettingError(f"schema file ({path.name}) must end in .yaml, .yml or .json")
    return "json" if path.suffix.lower() == ".json" else "yaml"


def _entry(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type}
    for item, value in items(column).items():
        if item == "values" and _is_range(value):
            entry[item] = {"from": value[0], "to": value[-1]}
        else:
            entry[item] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value
    return entry


def _is_range(values: Sequence[Any]) -> bool:
    """Three or more consecutive whole numbers, written in a file as their ends."""
    return len(values) > 2 and set(map(type, values)) == {int} and values == tuple(range(values[0], values[-1] + 1))


def _parts(document: object, lines: Lines, problems: list[Problem], headline: str) -> Parts:
    """The parts of the schema in a document; raises SchemaError with what was wrong with its text, too."""
    shape, shape_by_type = models()
    problems = problems + faults(shape, document, (), None, lines)
    top = document if isinstance(document, Mapping) else {}
    if top.get("version") not in (None, VERSION):
        raise SchemaError(headline, [problem for problem in problems if problem.rule == "version"])
    missing = top.get("missing_values", [])
    for place, fault in missing_value_faults(missing if isinstance(missing, list) else []).items():
        problems.append(Problem(fault, rule="missing_values", line=line_of(lines, ("missing_values", place))))
    entries = top.get("columns")
    entries = entries if isinstance(entries, list) else []
    columns = []
    for position, entry in enumerate(entries):
        column, found = _column(entry, position, shape_by_type, lines)
        problems += found
        if column is not None:
            columns.append(column)
    for position in repeated([entry.get("name") if isinstance(entry, Mapping) else None for entry in entries]):
        line = line_of(lines, ("columns", position, "name"))
        problems.append(Problem("name must be unique in the schema", entries[position]["name"], "name", line))
    constraints, found = _constraints(top.get("constraints", []), columns, lines, bool(problems))
    problems += found
    if problems:
        raise SchemaError(headline, sorted(problems, key=lambda problem: problem.line or 0))
    return tuple(columns), top.get("public_rows"), tuple(missing), constraints


def _constraints(
    entries: object, columns: Sequence[Column], lines: Lines, columns_broken: bool
) -> tuple[tuple[Constraint, ...], list[Problem]]:
    """The constraints of a document and their problems; whether they fit the columns is asked only of whole ones."""
    constraints, problems = read_constraints(entries if isinstance(entries, list) else [], lines)
    if not problems and not columns_broken:
        for place, faults in constraint_problems(columns, constraints).items():
            line = line_of(lines, ("constraints", place))
            problems += [dataclasses.replace(one, line=line) for one in faults]
    return constraints, problems


def _column(
    entry: object, position: int, shape_by_type: Mapping[str, type[BaseModel]], lines: Lines
) -> tuple[Column | None, list[Problem]]:
    """The column of one entry of `columns`, or None, and its problems."""
    here: DocumentPath = ("columns", position)
    if not isinstance(entry, Mapping):
        message = f"entry {position + 1} of columns must be a mapping; got {kind_of(entry)}"
        return None, [Problem(message, rule="columns", line=line_of(lines, here))]
    name = entry["name"] if isinstance(entry.get("name"), str) else f"#{position + 1}"
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in shape_by_type:
        must = f"must be one of {', '.join(shape_by_type)}"
        message = f"type {must}; got {kind_of(kind)}"
        if isinstance(kind, str):
            message = f"type ({kind!r:.60}) {must}{close_to(kind, shape_by_type)}"
        return None, [Problem(message, name, "type", line_of(lines, (*here, "type")))]
    # A bare `null` in YAML is the empty value; for these two items it can only mean the word.
    words = ("unknown", "out_of_bounds")
    given = {key: "null" if value is None and key in words else value for key, value in entry.items()}
    known = shape_by_type[kind].model_fields
    problems = faults(shape_by_type[kind], given, here, name, lines)
    if any(problem.rule in known for problem in problems):
        return None, problems
    arguments: dict[str, Any] = {key: value for key, value in given.items() if key in known and key != "type"}
    values = arguments.get("values")
    if isinstance(values, Mapping):
        arguments["values"] = range(values["from"], values["to"] + 1)
    try:
        return cast("Callable[..., Column]", COLUMN_TYPES[kind])(**arguments), problems
    except SchemaError as error:
        for one in error.problems:
            line = line_of(lines, (*here, one.rule or ""))
            problems.append(dataclasses.replace(one, column=name, line=line))
        return None, problems
