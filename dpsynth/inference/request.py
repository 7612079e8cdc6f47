"""The small language of what can be estimated: counts, shares, means, and regressions written as formulas."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dpsynth.domain import Clique
from dpsynth.errors import SettingError

GRAMMAR = "try 'mean(age)', 'mean(age) by sex', 'share(income)', 'count(sex, income)' or 'income ~ age + sex'"

_TOKEN = re.compile(r"\s*(?:`([^`]*)`|([^\s`~+*:(),]+)|([~+*:(),]))")


class Kind(str, Enum):
    """What is estimated."""

    COUNT = "count"
    SHARE = "share"
    MEAN = "mean"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Factor:
    """A column in a formula; categorical: written C(column), so that its numbers are taken as labels."""

    column: str
    categorical: bool = False


Term = tuple[Factor, ...]
"""A product of columns; one column alone is a main effect, several are an interaction."""


@dataclass(frozen=True)
class Request:
    """One thing to estimate.

    columns: counted, shared out or averaged, or the target of a regression. by: the columns whose values form groups.
    terms: right-hand side of a regression, the intercept left out.
    """

    text: str
    kind: Kind
    columns: Clique
    by: Clique = ()
    terms: tuple[Term, ...] = ()

    @property
    def clique(self) -> Clique:
        """Every column that is needed, each once, in the order of the text."""
        covariates = (factor.column for term in self.terms for factor in term)
        return tuple(dict.fromkeys([*self.columns, *self.by, *covariates]))


def parse(text: str, columns: Sequence[str]) -> Request:
    """The request that `text` makes of a table with these columns.

    count(a, b), share(a, b), mean(a), each with "by c, d" after it for groups of their own; or "target ~ a + b",
    where a:b is an interaction, a*b stands for a + b + a:b, and C(a) takes numbers as labels. A name with other
    characters than letters, digits, - . and _ stands between backticks. Raises SettingError.

    >>> parse("income ~ age * sex", ["income", "age", "sex"]).clique
    ('income', 'age', 'sex')
    """
    words = _Words(text, columns)
    first = words.take()
    if words.at("("):
        return _aggregate(words, first)
    words.known(first)
    words.expect("~")
    terms = _terms(words)
    words.end()
    request = Request(text.strip(), Kind.REGRESSION, (first,), (), terms)
    if any(factor.column == first for term in terms for factor in term):
        raise SettingError(f"formula ({text}) must not have {first!r} on both sides of ~")
    return request


def _aggregate(words: _Words, name: str) -> Request:
    """count(..), share(..) or mean(.), and what comes after "by"."""
    kinds = {kind.value: kind for kind in Kind if kind is not Kind.REGRESSION}
    if name not in kinds:
        raise SettingError(f"function ({name}) must be one of {list(kinds)}; {GRAMMAR}")
    words.expect("(")
    columns = words.names()
    words.expect(")")
    by: Clique = ()
    if words.at("by"):
        words.expect("by")
        by = words.names()
    words.end()
    if kinds[name] is Kind.MEAN and len(columns) != 1:
        raise SettingError(f"mean ({words.text}) must be of one column; try 'mean({columns[0]})'")
    if kinds[name] is Kind.COUNT:
        columns, by = (*columns, *by), ()
    if len(set(columns + by)) != len(columns + by):
        raise SettingError(f"request ({words.text}) must name each column once")
    return Request(words.text.strip(), kinds[name], columns, by)


def _terms(words: _Words) -> tuple[Term, ...]:
    """Terms joined by +; a*b is written out."""
    found: list[Term] = []
    while True:
        product: list[Term] = [(_factor(words),)]
        while words.at(":") or words.at("*"):
            crossed = words.take() == "*"
            factor = _factor(words)
            product = (
                [*product, (factor,), *((*term, factor) for term in product)]
                if crossed
                else [(*term, factor) for term in product]
            )
        found += product
        if not words.at("+"):
            break
        words.expect("+")
    distinct = {tuple(sorted(term, key=lambda factor: factor.column)): term for term in found}
    for term in distinct:
        if len({factor.column for factor in term}) != len(term):
            raise SettingError(f"term of {words.text!r} must name each column once")
    return tuple(sorted(distinct.values(), key=len))


def _factor(words: _Words) -> Factor:
    name = words.take()
    if name == "C" and words.at("("):
        words.expect("(")
        name = words.known(words.take())
        words.expect(")")
        return Factor(name, categorical=True)
    return Factor(words.known(name))


class _Words:
    """The words of a request, read from left to right."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        self.text, self.columns = text, columns
        self.words: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                raise SettingError(f"request ({text}) must close every backtick; {GRAMMAR}")
            self.words.append(next(group for group in match.groups() if group is not None))
            place = match.end()

    def at(self, word: str) -> bool:
        return bool(self.words) and self.words[0] == word

    def take(self) -> str:
        if not self.words:
            raise SettingError(f"request ({self.text}) must not end here; {GRAMMAR}")
        return self.words.pop(0)

    def expect(self, word: str) -> None:
        if not self.at(word):
            got = repr(self.words[0]) if self.words else "its end"
            raise SettingError(f"request ({self.text}) must have {word!r} next; got {got}; {GRAMMAR}")
        self.words.pop(0)

    def end(self) -> None:
        if self.words:
            raise SettingError(f"request ({self.text}) must end after its last term; got {self.words[0]!r}; {GRAMMAR}")

    def known(self, name: str) -> str:
        """A name of the table's columns."""
        if name not in self.columns:
            close = difflib.get_close_matches(name, self.columns, n=1)
            advice = f"; did you mean {close[0]!r}?" if close else ""
            raise SettingError(f"column ({name}) must be one that the release models: {list(self.columns)}{advice}")
        return name

    def names(self) -> Clique:
        """One or more columns, with commas between them."""
        found = [self.known(self.take())]
        while self.at(","):
            self.expect(",")
            found.append(self.known(self.take()))
        return tuple(found)
