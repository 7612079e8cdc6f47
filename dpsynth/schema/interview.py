"""The wizard's questions: what a steward must know about each column, in plain words and with the reason for asking.

Nothing here reads a table. Answers are texts by column and key, so that an interview can stop and go on; those that
concern the whole table stand under the empty name.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from dpsynth.errors import SchemaError, SettingError
from dpsynth.schema.columns import COLUMN_TYPES, Column
from dpsynth.schema.provenance import OPEN, UNANSWERED, provenance
from dpsynth.schema.questions import words_of
from dpsynth.schema.schema import Schema

Answers = dict[str, dict[str, str]]
TABLE = ""
KINDS: Mapping[str, str] = {
    "number": "numeric",
    "category": "categorical",
    "yes-no": "boolean",
    "date": "datetime",
    "text": "open-categorical",
    "id": "identifier",
    "skip": "",
}
_TRUTHS = {"yes": True, "y": True, "no": False, "n": False}


@dataclass(frozen=True)
class Question:
    """One question: key of its answer, words, why it is asked, what is taken when nothing is typed, and how it is read.

    read: the value of an answer; raises ValueError or SettingError with what it must be.
    """

    key: str
    words: str
    reason: str
    read: Callable[[str], Any]
    default: str | None = None


def _truth(text: str) -> bool:
    if text.strip().lower() not in _TRUTHS:
        raise SettingError("the answer must be yes or no")
    return _TRUTHS[text.strip().lower()]


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise SettingError("the answer must be a number, such as 120 or 0.5") from None


def _numbers(text: str) -> list[float] | None:
    return [_number(part.strip()) for part in text.split(",")] if text.strip() else None


def _texts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _labels(text: str) -> Any:
    """A list of labels; "1 to 5" is a range; what are all whole numbers are numbers."""
    first, to, last = text.partition(" to ")
    if to and first.strip().lstrip("-").isdigit() and last.strip().lstrip("-").isdigit():
        return list(range(int(first), int(last) + 1))
    labels = _texts(text)
    if not labels:
        raise SettingError("the answer must name at least one value; try A, B, C")
    whole = all(label.lstrip("-").isdigit() and str(int(label)) == label for label in labels)
    return [int(label) for label in labels] if whole else labels


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        found = [choice for choice in choices if text.strip() and choice.startswith(text.strip().lower())]
        if len(found) != 1:
            raise SettingError(f"the answer must be one of {', '.join(choices)}")
        return found[0]

    return read


def _two_labels(text: str) -> list[Any]:
    labels: list[Any] = _texts(text)
    if len(labels) != 2:
        raise SettingError("the answer must be two values: that for no, a comma, that for yes")
    return [False, True] if [label.lower() for label in labels] == ["false", "true"] else labels


def _moment(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingError("the answer must be a date or time, such as 2024-12-31 or 2024-12-31T23:59") from None
    return text.strip()


def _source(text: str) -> str:
    if not text.strip() or text.strip() in OPEN:
        raise SettingError("the answer must name a public source, such as: codebook 2019")
    return text.strip()


_UNIT = _one_of(("day", "hour", "minute", "second"))
_BOUND = "Values beyond it are clipped to it. Ask the form or the law, never the table: its extremes are somebody's."
_OPTIONAL = "Just press Enter if there are none."
KIND = Question(
    "kind",
    f"What is in it: {', '.join(KINDS)}?",
    "number: counts, money, measures. category: one of a fixed list. yes-no: two answers. date: days or times. "
    "text: many values, no public list. id: numbers or names of people or things. skip: leave the column out.",
    _one_of(list(KINDS)),
)
NULLABLE = Question("nullable", "Can a cell be empty?", "What the form allows, whoever filled it in.", _truth, "no")
SOURCE = Question(
    "source", "Which public source says so?", "It stands in the certificate: a codebook, a form, a law.", _source
)
_OF_KIND: Mapping[str, tuple[Question, ...]] = {
    "number": (
        Question("integer", words_of("numeric", "integer"), "Then synthetic values are whole, too.", _truth, "yes"),
        Question("lower", words_of("numeric", "lower"), _BOUND, _number),
        Question("upper", words_of("numeric", "upper"), _BOUND, _number),
        Question("edges", "Public cut points, such as 18, 65?", f"They save budget. {_OPTIONAL}", _numbers, ""),
        Question("atoms", "Values that very many share, such as 0?", f"They stay sharp. {_OPTIONAL}", _numbers, ""),
    ),
    "category": (
        Question(
            "values",
            "Which values can be chosen? (A, B, C or 1 to 5)",
            "The list of the form, also what nobody chose: a value that only occurs in the table would give it away.",
            _labels,
        ),
        Question(
            "unknown",
            "A value that is not in the list: refuse the table, or count it as other?",
            "refuse finds mistakes in the list; other goes on.",
            _one_of(("refuse", "other")),
            "refuse",
        ),
    ),
    "yes-no": (Question("labels", "How are no and yes written?", "First no, then yes.", _two_labels, "false, true"),),
    "date": (
        Question("resolution", "Exact to the day, hour, minute, second?", "Finer costs accuracy.", _UNIT, "day"),
        Question("lower", words_of("datetime", "lower"), "Like 2015-01-01. " + _BOUND, _moment),
        Question("upper", words_of("datetime", "upper"), "Like 2024-12-31. " + _BOUND, _moment),
    ),
    "text": (
        Question("known", "Values that are public anyway, such as FR, DE?", f"They are kept. {_OPTIONAL}", _texts, ""),
    ),
    "id": (),
    "skip": (),
}  # fmt: skip
_OF_TABLE = (
    Question(
        "missing_values",
        "Which texts mark a missing cell, such as ?, NA?",
        f"Marks that the codebook lists. {_OPTIONAL}",
        _texts,
        "",
    ),
    Question(
        "unit",
        "If one person can have several rows: which column says whose row it is?",
        "Then all rows of a person are protected together (--unit). Enter: every row is another person.",
        str.strip,
        "",
    ),
)


@dataclass(frozen=True)
class Interview:
    """Names of the columns to ask about, and what a draft knows about them already (None: nothing).

    >>> interview = Interview(("smoker",))
    >>> column, question = interview.following({})
    >>> column, question.key
    ('smoker', 'kind')
    """

    names: tuple[str, ...]
    draft: Schema | None = None

    def following(self, answers: Answers) -> tuple[str, Question] | None:
        """The first question without an answer, and its column (or TABLE); None at the end."""
        for name in (*self.names, TABLE):
            given = answers.get(name, {})
            for question in self._questions(name, given):
                if question.key not in given:
                    return name, self._with_default(question, answers)
        return None

    def schema(self, answers: Answers) -> Schema:
        """The schema that the answers make; raises SchemaError with what does not fit together."""
        columns = [self.column(name, answers.get(name, {})) for name in self.names]
        kept = [column for column in columns if column is not None]
        if self.draft is not None:
            return dataclasses.replace(self.draft, columns=kept)
        return Schema(kept, missing_values=_texts(answers.get(TABLE, {}).get("missing_values", "")))

    def column(self, name: str, given: Mapping[str, str]) -> Column | None:
        """The column that its answers make, None for one to skip; raises SchemaError when they do not fit together."""
        if self.draft is not None and not self._afresh(name):
            items = {
                each.key: each.read(given[each.key]) for each in self._questions(name, given) if each is not SOURCE
            }
            return self.draft.answered(name, by=given["source"], **items)[name] if items else self.draft[name]
        kind = given["kind"]
        if kind == "skip":
            return None
        items = {each.key: each.read(given[each.key]) for each in self._questions(name, given) if each is not KIND}
        kept = {key: value for key, value in items.items() if value not in (None, [])}
        return cast("Callable[..., Column]", COLUMN_TYPES[KINDS[kind]])(name, **kept)

    def _questions(self, name: str, given: Mapping[str, str]) -> Iterator[Question]:
        if name == TABLE:
            yield from () if self.draft is not None else _OF_TABLE
        elif self.draft is not None and not self._afresh(name):
            asked = [item for item, origin in provenance(self.draft[name]).items() if origin == UNANSWERED]
            of_type = next(kind for kind, type_name in KINDS.items() if type_name == self.draft[name].type)
            known = {each.key: each for each in (*_OF_KIND[of_type], NULLABLE)}
            yield from (known[item] for item in asked if item in known)
            yield from (SOURCE,) if asked else ()
        else:
            yield KIND
            kind = given.get("kind", "skip")
            yield from _OF_KIND[kind]
            yield from () if kind in ("id", "skip") else (NULLABLE,)
            yield from () if kind == "skip" else (SOURCE,)

    def _afresh(self, name: str) -> bool:
        """Whether not even the type of a column is known."""
        return self.draft is None or provenance(self.draft[name]).get("type") == UNANSWERED

    def _with_default(self, question: Question, answers: Answers) -> Question:
        """The source that was named last is the default of the next."""
        before = [given["source"] for given in answers.values() if "source" in given]
        return dataclasses.replace(question, default=before[-1]) if question is SOURCE and before else question


def answered(interview: Interview, answers: Answers, name: str, question: Question, text: str) -> Answers:
    """The answers with one more.

    Raises SettingError for one that cannot be read; SchemaError when it ends a column whose answers do not fit
    together, see `without_faults`.
    """
    value = question.read(text)
    kept = str(value) if question.key in ("kind", "unknown", "resolution") else text.strip()
    more = {**answers, name: {**answers.get(name, {}), question.key: kept}}
    if question is SOURCE or question.key == "source":
        interview.column(name, more[name])
    if name == TABLE and question.key == "unit" and kept and kept not in interview.names:
        raise SettingError(f"the answer must be a column or empty; columns: {', '.join(interview.names)}")
    return more


def without_faults(answers: Answers, name: str, error: SchemaError) -> Answers:
    """The answers without those of a column that broke a rule, or without all of that column when none can be told."""
    rules = {problem.rule for problem in error.problems}
    rules |= {"lower", "upper"} if rules & {"lower", "upper"} else set()
    given = answers.get(name, {})
    kept = {key: text for key, text in given.items() if key not in rules and key != "source"}
    return {**answers, name: kept if len(kept) < len(given) - ("source" in given) else {}}
