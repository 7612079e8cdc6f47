"""Fairness: which columns may reach the outcome only through admissible ones, and which sets of columns keep it so.

The condition. Let p be a model whose probability is a product of tables, one for each set of a list of column sets:
p(x) = prod over cliques C of psi_C(x_C). Join two columns when some clique holds both. If every path from a protected
column to the outcome passes an admissible one (the admissible columns separate them), then in p the outcome is
independent of all protected columns together, given the admissible ones.

Proof. Take the admissible columns A away and let U be all columns that some protected one still reaches, V the others;
the outcome is in V. No clique holds columns of both U and V, else these would be joined. So every table is a function
of U and A alone, or of V and A alone, and the product is f(u, a) g(v, a). Hence p(u, v | a) is proportional to
f(u, a) g(v, a), that is, p(u, v | a) = p(u | a) p(v | a) wherever p(a) > 0; summing over all of U but the protected and
all of V but the outcome gives the claim. Nowhere was p > 0 needed, so cells that cannot happen do no harm.

It is exact for what a graph alone can say. If a path s = c0, c1, ..., ck = o avoids A, let c0 be a fair coin, each of
c1, ..., ck a copy of the one before with probability 0.9, and all other columns constant. This is a product over pairs
inside cliques, and in it s and o are dependent, whatever A is. A tree is the case in which there is one path at most.

Source: the global Markov property, for factorising p without positivity: Lauritzen, "Graphical Models", 1996,
proposition 3.8. Its use for fair synthesis: Pujol, Gilad, Machanavajjhala, "PreFair: Privately Generating Justifiably
Fair Synthetic Data", VLDB 2023; the notion: Salimi, Rodriguez, Howe, Suciu, "Interventional Fairness", SIGMOD 2019.
What is ours: sets of more than two columns, several protected columns, public constraints as sets of the graph, and
paths in both directions (an arrow of a model says nothing about who causes what).
"""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dpsynth.domain import Clique
from dpsynth.errors import SettingError
from dpsynth.schema.columns import Identifier
from dpsynth.schema.constraints import Allowed, Constraint, Dependency, Forbidden, Order, Sum
from dpsynth.schema.schema import Schema

Sides = tuple[frozenset[str], frozenset[str]]
_EXAMPLE = "'protected=sex; outcome=income; admissible=education,hours'"


@dataclass(frozen=True)
class Fairness:
    """Protected columns may lead to the outcome only through admissible ones.

    protected: columns that must not; outcome: what they must not lead to; admissible: columns through which an
    influence is justified, none by default. All are names of the schema. A column that is in none of them may stand on
    one side or the other, never between: name what stands for a protected column, such as a spouse's title for a sex,
    as protected too. Raises SettingError.

    Privacy: public, and it must not be chosen by looking at the private table. Keeping to it costs nothing: what may be
    measured next follows from this and from what was measured before.

    >>> Fairness(["sex"], "income", ["education", "hours"]).words
    'income depends on sex only through education and hours'
    """

    protected: Sequence[str]
    outcome: str
    admissible: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("protected", "admissible"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        if not self.protected:
            raise SettingError(f"protected must name at least one column; got none; try {_EXAMPLE}")
        outcome: object = self.outcome  # what a caller without a type checker may pass
        if not isinstance(outcome, str) or not outcome:
            raise SettingError(f"outcome must be the name of one column; got none; try {_EXAMPLE}")
        named = self.named
        twice = sorted({column for column in named if named.count(column) > 1})
        if twice:
            raise SettingError(
                f"columns of fairness ({twice}) must be protected, outcome or admissible, and one of these only"
            )

    @classmethod
    def read(cls, given: Fairness | str | Mapping[str, Any]) -> Fairness:
        """Fairness from a setting: text such as "protected=sex; outcome=income; admissible=education,hours", or JSON.

        A mapping of the fields does as well. Raises SettingError.
        """
        if isinstance(given, Fairness):
            return given
        fields = given if isinstance(given, Mapping) else _fields(given)
        unknown, missing = set(fields) - set(cls.__dataclass_fields__), {"protected", "outcome"} - set(fields)
        if unknown or missing:
            raise SettingError(
                f"fairness must say protected and outcome, and may say admissible; got {sorted(fields)}; try {_EXAMPLE}"
            )
        return cls(**fields)

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that it names."""
        return (*self.protected, self.outcome, *self.admissible)

    @property
    def words(self) -> str:
        """What it says, in words."""
        if not self.admissible:
            return f"{self.outcome} does not depend on {_listed(self.protected, 'or')}"
        return f"{self.outcome} depends on {_listed(self.protected)} only through {_listed(self.admissible)}"

    def sides(self, cliques: Iterable[Clique]) -> Sides:
        """Columns that the protected ones reach along `cliques` past the admissible ones, and those of the outcome.

        Protected columns and the outcome are separated exactly when the two have no column in common.

        >>> near, far = Fairness(["sex"], "income", ["hours"]).sides([("sex", "title"), ("hours", "title", "age")])
        >>> sorted(near), sorted(far)
        (['age', 'sex', 'title'], ['income'])
        """
        free = [set(clique).difference(self.admissible) for clique in cliques]
        return _reached(self.protected, free), _reached((self.outcome,), free)

    def allowed(self, cliques: Iterable[Clique], candidates: Iterable[Clique]) -> tuple[bool, ...]:
        """For each candidate whether protected columns and the outcome, separated in `cliques`, stay so with it.

        A clique that meets one side at most only makes that side larger; one that meets both joins them.
        """
        near, far = self.sides(cliques)
        return tuple(near.isdisjoint(candidate) or far.isdisjoint(candidate) for candidate in candidates)

    def way(self, cliques: Iterable[Clique]) -> tuple[str, ...]:
        """A shortest way from a protected column to the outcome past the admissible ones; empty where there is none."""
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from([*self.protected, self.outcome])
        for clique in cliques:
            graph.add_edges_from(itertools.combinations([c for c in clique if c not in self.admissible], 2))
        ways: list[Clique] = [
            tuple(nx.shortest_path(graph, column, self.outcome))
            for column in self.protected
            if nx.has_path(graph, column, self.outcome)
        ]
        return min(ways, key=len, default=())

    def check(self, schema: Schema) -> None:
        """Raise SettingError for columns that the schema lacks or cannot model, and constraints that join the sides."""
        for column in self.named:
            if column not in schema or isinstance(schema[column], Identifier):
                close = difflib.get_close_matches(column, schema.names, n=1)
                meant = f"did you mean {close[0]!r}?" if close else f"try one of {list(schema.names[:12])}"
                raise SettingError(
                    f"column ({column!r}) of fairness must be one of the schema, and no identifier; {meant}"
                )
        way = self.way(tied(schema.constraints))
        if way:
            raise SettingError(
                f"fairness ({self.words}) must agree with the constraints of the schema; got constraints that tie"
                f" {' to '.join(way)}; try naming one of these columns as admissible"
            )


def fairness_in_words(settings: Mapping[str, Any]) -> str | None:
    """What fairness was asked for, when the settings say so in a way that can be read.

    >>> fairness_in_words({"fairness": {"protected": ["sex"], "outcome": "pay", "admissible": []}})
    'pay does not depend on sex'
    """
    try:
        return Fairness.read(settings["fairness"]).words if settings.get("fairness") else None
    except (SettingError, TypeError, ValueError):
        return None


def tied(constraints: Iterable[Constraint]) -> tuple[Clique, ...]:
    """Sets of columns that public constraints bind together in every row, whatever is measured.

    Forbidden, allowed: a table of zeros over their columns. A dependency, a sum: a table that is 1 where the column is
    what the others make it. Orders that share a column are drawn together, and so are one set. A fixed column and a key
    that is made anew depend on nothing.
    """
    found: list[Clique] = []
    orders: list[set[str]] = []
    for one in constraints:
        if isinstance(one, Order):
            columns = set(one.columns)
            columns = columns.union(*(each for each in orders if each & columns))
            orders = [*(each for each in orders if not each & columns), columns]
        elif isinstance(one, Forbidden | Allowed | Dependency | Sum):
            found.append(tuple(one.columns))
    return (*found, *(tuple(sorted(columns)) for columns in orders))


def _reached(start: Iterable[str], cliques: Sequence[set[str]]) -> frozenset[str]:
    """All columns that hang on those at the start."""
    found = set(start)
    while touching := [clique for clique in cliques if not found.isdisjoint(clique) and not clique <= found]:
        found.update(*touching)
    return frozenset(found)


def _names(what: str, given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SettingError(f"{what} must be a list of column names; got {type(given).__name__}; try ['sex']")
    names = tuple(given)
    if not all(isinstance(name, str) and name for name in names):
        raise SettingError(f"{what} must be a list of column names; got something else in it; try ['sex']")
    return names


def _fields(text: object) -> dict[str, Any]:
    """The fields that text names."""
    if not isinstance(text, str):
        raise SettingError(f"fairness must be a Fairness or text; got {type(text).__name__}; try {_EXAMPLE}")
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise SettingError(f"fairness must be valid JSON when it starts with a bracket; got {error}") from None
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name in found:
            raise SettingError(f"fairness must say each of its parts once; got {part!r}; try {_EXAMPLE}")
        found[name] = value if name == "outcome" else [each.strip() for each in value.split(",") if each.strip()]
    return found


def _listed(names: Sequence[str], last: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
