"""YAML and JSON text as plain values, with the line of every part, and plain values as YAML text.

YAML is read in the narrow sense of its 1.2 core: `no`, `on` and dates are text, not booleans or timestamps;
a number with a leading zero is text. Tags, aliases and repeated keys are refused, and nothing is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from dpsynth.errors import Problem

if TYPE_CHECKING:
    import yaml

DocumentPath = tuple[str | int, ...]
Lines = dict[DocumentPath, int]

DEPTH_LIMIT = 8
_TAGS = "tag:yaml.org,2002:"
# Tag, spelling and first characters of the scalars of the YAML 1.2 core schema; leading zeros, hexadecimals are text.
_SCALARS = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        list("-+.0123456789"),
    ),
)
_READ: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan")),
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
}


def line_of(lines: Lines, path: DocumentPath) -> int | None:
    """The line of the innermost part of a path that has one."""
    return next((lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines), None)


def from_json_text(text: str) -> tuple[object, Lines, list[Problem]]:
    """The value of a JSON text, no lines, and what is wrong with it; None when it cannot be read at all."""
    problems: list[Problem] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                problems.append(Problem(f"key ({key!r:.60}) must be given once in a mapping", rule=key))
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=mapping), {}, problems
    except json.JSONDecodeError as error:
        return None, {}, [Problem(f"file must be JSON; got: {error.msg}", line=error.lineno)]
    except (RecursionError, ValueError):
        return None, {}, [Problem("file must be JSON with little nesting and numbers of usual length")]


def from_yaml_text(text: str, depth: int = DEPTH_LIMIT) -> tuple[object, Lines, list[Problem]]:
    """The value of a YAML text, the line of its parts, and what is wrong with it; None when it cannot be read.

    depth: how many levels of nesting are read.
    """
    import yaml

    try:
        node = _loader(depth)(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, {}, [Problem(f"file must be YAML; got: {error.problem}", line=mark.line + 1 if mark else None)]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, {}, [Problem("file must be YAML; got a character that is not allowed", line=line)]
    lines: Lines = {}
    problems: list[Problem] = []
    return (None if node is None else _value(node, (), lines, problems)), lines, problems


@cache
def _loader(limit: int) -> type[yaml.SafeLoader]:
    """A SafeLoader that only composes nodes, which carry their lines: 1.2 core scalars, no aliases, little nesting."""
    import yaml

    class NodeLoader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            mark: Any = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            if self.check_event(yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "an alias (*name); try writing it out", mark)
            if self.depth == limit:
                raise yaml.composer.ComposerError(None, None, f"more than {limit} levels of nesting", mark)
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    NodeLoader.yaml_implicit_resolvers = {}
    for kind, pattern, first in _SCALARS:
        NodeLoader.add_implicit_resolver(_TAGS + kind, pattern, first)
    return NodeLoader


def _value(node: yaml.Node, path: DocumentPath, lines: Lines, problems: list[Problem]) -> Any:
    """The plain value of a node; notes the line of every part, and what is not allowed."""
    import yaml

    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    kind = node.tag.removeprefix(_TAGS)
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _mapping(node, path, lines, problems)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_value(entry, (*path, position), lines, problems) for position, entry in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and kind in _READ:
        try:
            return _READ[kind](node.value)
        except ValueError:
            problems.append(Problem(f"a value tagged {kind} must be one", line=line))
            return None
    problems.append(Problem(f"a tag ({node.tag!r:.60}) must not be used; try the plain value", line=line))
    return None


def _mapping(node: yaml.MappingNode, path: DocumentPath, lines: Lines, problems: list[Problem]) -> dict[str, Any]:
    """The plain mapping of a node; the problems inside an entry of `columns` carry the name of that column."""
    import yaml

    found: dict[str, Any] = {}
    before = len(problems)
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not (isinstance(key_node, yaml.ScalarNode) and key_node.tag == _TAGS + "str"):
            problems.append(Problem("a key must be text; try quotes", line=line))
            continue
        key = key_node.value
        if key in found:
            earlier = lines[(*path, key)]
            message = f"key ({key!r:.60}) must be given once in a mapping; got it on line {earlier} already"
            problems.append(Problem(message, rule=key, line=line))
            continue
        lines[(*path, key)] = line
        found[key] = _value(value_node, (*path, key), lines, problems)
    if path[:1] == ("columns",) and len(path) == 2 and isinstance(found.get("name"), str):
        problems[before:] = [dataclasses.replace(one, column=found["name"]) for one in problems[before:]]
    return found


def to_yaml_text(document: Mapping[str, Any]) -> str:
    """Block style, with short lists on one line; a text that any reader could take for a number is quoted."""
    import yaml

    class Writer(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def mapping(writer: Writer, entries: dict[str, Any]) -> yaml.Node:
        return writer.represent_mapping(_TAGS + "map", entries, flow_style=entries.keys() <= {"from", "to"})

    def sequence(writer: Writer, entries: list[Any]) -> yaml.Node:
        flow = not any(isinstance(entry, dict) for entry in entries)
        return writer.represent_sequence(_TAGS + "seq", entries, flow_style=flow)

    def text(writer: Writer, value: str) -> yaml.Node:
        taken = any(pattern.match(value) for _, pattern, _ in _SCALARS)
        # Only double quotes escape: between single ones PyYAML folds rare line ends, such as U+0085, into spaces.
        style = '"' if not value.isprintable() else "'" if taken else None
        return writer.represent_scalar(_TAGS + "str", value, style=style)

    Writer.add_representer(dict, mapping)
    Writer.add_representer(list, sequence)
    Writer.add_representer(str, text)
    return yaml.dump(document, Dumper=Writer, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
