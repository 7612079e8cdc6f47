"""The reference of Python names, from their docstrings: one page a package, one entry a name."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGES = {
    "dpsynth": "Everything that a steward or a reader of a release calls.",
    "attacks": "The audit of a released table, whoever made it.",
    "dpsynth.errors": "The errors that a caller can meet.",
    "dpsynth.gate.decision": "The gate in Python.",
    "dpsynth.release.verify": "What a reader of a release checks.",
}
_CODE = re.compile(r"(`[^`]*`)")


def write_api(target: Path) -> list[str]:
    """Write the pages into `target`/reference/api; returns their names."""
    folder = target / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        (folder / f"{package}.md").write_text(page(package), encoding="utf-8")
    names = "\n".join(PACKAGES)
    listed = "".join(f"- [`{name}`]({name}.md): {words}\n" for name, words in PACKAGES.items())
    text = f"# Python names\n\n{listed}\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    (folder / "index.md").write_text(text, encoding="utf-8")
    return list(PACKAGES)


def page(package: str) -> str:
    """The page of a package: its docstring, a table of its names, and an entry for each."""
    module = importlib.import_module(package)
    public = {name: getattr(module, name) for name in _names(module)}
    rows = "".join(f"| [`{name}`](#{package}.{name}) | {_summary(each)} |\n" for name, each in public.items())
    entries = "".join(_entry(package, name, each) for name, each in public.items())
    words = prose(inspect.getdoc(module) or "")
    return f"# {package}\n\n{words}\n\n```{{py:module}} {package}\n```\n\n| name | |\n| --- | --- |\n{rows}\n{entries}"


def _names(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None)
    own = [name for name, each in vars(module).items() if getattr(each, "__module__", None) == module.__name__]
    names = own if listed is None else [name for name in listed if not name.startswith("__")]
    return [name for name in names if not name.startswith("_") and (callable(getattr(module, name)))]


def _summary(each: Any) -> str:
    first = (inspect.getdoc(each) or "").partition("\n\n")[0].replace("\n", " ")
    return escaped(first).replace("|", "\\|")


def _entry(package: str, name: str, each: Any) -> str:
    kind = "class" if inspect.isclass(each) else "function"
    if inspect.isclass(each) and issubclass(each, BaseException):
        kind = "exception"
    inner = prose(inspect.getdoc(each) or "")
    if inspect.isclass(each):
        inner += "\n\n" + "".join(_members(each))
    signature = "" if kind == "exception" else _signature(each)
    return f"\n``````{{py:{kind}}} {name}{signature}\n:module: {package}\n\n{inner}\n``````\n"


def _members(owner: type) -> Iterator[str]:
    """Public methods and properties that the class itself has and describes."""
    for name, raw in vars(owner).items():
        member = raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw
        member = getattr(member, "func", member)  # of a cached property
        is_property = isinstance(member, property) or type(raw).__name__ == "cached_property"
        words = inspect.getdoc(member)
        if name.startswith("_") or not words or not (inspect.isfunction(member) or is_property):
            continue
        option = ":classmethod:\n" if isinstance(raw, classmethod) else ""
        kind, shown = ("property", "") if is_property else ("method", _signature(member, bound=True))
        yield f"`````{{py:{kind}}} {name}{shown}\n{option}\n{prose(words)}\n`````\n\n"


def _signature(each: Any, *, bound: bool = False) -> str:
    """The arguments as one types them; annotations are texts already."""
    try:
        signature = inspect.signature(each)
    except (TypeError, ValueError):
        return ""
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    kept = [one.replace(default=_Shown(one.default)) for one in parameters]
    text = str(signature.replace(parameters=kept))
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


class _Shown:
    """A default as its value is written; of others than plain values the name of their type."""

    empty = inspect.Parameter.empty

    def __new__(cls, value: Any) -> Any:
        if value is cls.empty or value is None or isinstance(value, bool | int | float | str | tuple):
            return str(value.value) if hasattr(value, "value") else value
        shown = super().__new__(cls)
        shown.text = getattr(value, "__name__", type(value).__name__)
        return shown

    def __repr__(self) -> str:
        return self.text


def prose(docstring: str) -> str:
    """A docstring as Markdown: examples as code, and no mark that its author did not mean."""
    blocks = []
    for block in re.split(r"\n\s*\n", docstring):
        if block.lstrip().startswith(">>>"):
            blocks.append(f"```python\n{block}\n```")
        elif all(line.startswith("    ") for line in block.splitlines()):
            blocks.append(f"```text\n{inspect.cleandoc(block)}\n```")
        else:
            blocks.append(escaped(block))
    return "\n\n".join(blocks)


def escaped(text: str) -> str:
    """Text in which only code between backticks is marked up; lists stay lists."""
    parts = _CODE.split(text)
    return "".join(
        part if index % 2 else re.sub(r"([\\*_<>\[\]{}#$])", r"\\\1", part) for index, part in enumerate(parts)
    )
