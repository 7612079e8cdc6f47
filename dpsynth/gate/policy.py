"""Policies: what a release must fulfil, read strictly from YAML, with the line of every mistake."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from dpsynth.errors import GateError, Problem
from dpsynth.gate.settings import Part, Rules, Text
from dpsynth.schema.text import Lines, from_yaml_text, line_of
from dpsynth.schema.wording import close_to, kind_of

FORMAT = "dpsynth-policy"
VERSION = 1
FILE_LIMIT_BYTES = 1 << 20
ALWAYS = ("integrity", "day", "policy_expiry", "waivers")
"""Rules that every decision holds; no waiver lifts them."""


class Waiver(Part):
    """One rule that somebody answers for until a day: it is then `waived` where it does not pass."""

    rule: Text = Field(description="the name of a rule")
    owner: Text = Field(description="who answers for it: a name or an address")
    reason: Text = Field(description="a sentence")
    until: date = Field(description="the last day on which it holds, such as 2026-12-31")


class Policy(Part):
    """What a release must fulfil.

    expires: the last day on which the policy may be used. file_sha256: of the file that it was read from, if any.
    """

    format: Literal["dpsynth-policy"] = Field(description=f"{FORMAT}")
    version: int = Field(ge=VERSION, le=VERSION, description=f"{VERSION}, the only version there is")
    name: Text = Field(description="a name for people")
    expires: date = Field(description="the last day on which the policy may be used, such as 2026-12-31")
    rules: Rules = Field(description="a mapping from names of rules to what each asks for")
    waivers: Annotated[tuple[Waiver, ...], Field(max_length=1000)] = Field(default=(), description="a list of waivers")
    file_sha256: str | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _waivers_fit(self) -> Policy:
        named = [waiver.rule for waiver in self.waivers]
        for rule in named:
            if rule in ALWAYS:
                raise ValueError(f"waivers must not lift {rule!r}; mend the release or the policy instead")
            if rule not in asked(self):
                raise ValueError(
                    f"waivers must name rules of this policy; got {rule!r:.60}{close_to(rule, asked(self))}"
                )
            if named.count(rule) > 1:
                raise ValueError(f"waivers must name each rule once; got {rule!r} twice")
        return self

    @property
    def sha256(self) -> str:
        """SHA-256 of the policy's meaning: its canonical JSON, so that comments and key order do not matter."""
        content = self.model_dump(mode="json")
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """The policy in a YAML file. Raises GateError with every mistake, its line, and what to write instead."""
        place = Path(path)
        try:
            with place.open("rb") as stream:
                content = stream.read(FILE_LIMIT_BYTES + 1)
            if len(content) > FILE_LIMIT_BYTES:
                raise GateError(f"policy ({place}) must hold at most {FILE_LIMIT_BYTES >> 20} MiB; got more")
            text = content.decode("utf-8-sig")
        except OSError as error:
            raise GateError(f"policy ({place}) must be a readable file; got {error.strerror}") from None
        except UnicodeDecodeError:
            raise GateError(f"policy ({place}) must be UTF-8 text; got other bytes") from None
        return cls.parse(text, name=place.name, file_sha256=hashlib.sha256(content).hexdigest())

    @classmethod
    def parse(cls, text: str, *, name: str = "policy", file_sha256: str | None = None) -> Policy:
        """The policy in a YAML text; `name` is for messages. Raises GateError as `load` does.

        >>> Policy.parse(DEFAULT_TEXT.format(expires="2030-01-01")).rules.epsilon.at_most
        1.0
        """
        document, lines, problems = from_yaml_text(text)
        if document is not None and not isinstance(document, dict):
            problems = [Problem(f"a policy must be a mapping; got {kind_of(document)}", line=1)]
        elif document is None and not problems:
            problems = [Problem("file must hold a policy; got an empty file; try `--print-default-policy`")]
        elif isinstance(document, dict):
            try:
                found = cls.model_validate_json(json.dumps(document))
            except ValidationError as error:
                problems = [*problems, *_problems(error, document, lines)]
            else:
                if "file_sha256" in document:
                    words = "key ('file_sha256') must be left out: it is not written by hand"
                    problems = [*problems, Problem(words, line=line_of(lines, ("file_sha256",)))]
                if not problems:
                    return found.model_copy(update={"file_sha256": file_sha256})
        listed = sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)
        raise GateError("\n".join([f"policy file {name!r} is not valid:", *(f"  - {each}" for each in listed)]))


def asked(policy: Policy) -> dict[str, Part]:
    """The rules that a policy asks for, by name, in the order in which they are decided."""
    named = {name: getattr(policy.rules, name) for name in Rules.model_fields}
    return {name: setting for name, setting in named.items() if setting is not None}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of this version of a policy, for editors that check YAML while it is written."""
    schema = Policy.model_json_schema()
    schema["properties"].pop("file_sha256")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _problems(error: ValidationError, document: dict[str, Any], lines: Lines) -> list[Problem]:
    """What is wrong with a document, one problem for each place; values are never quoted, names are."""
    found = []
    faults = [(_place(fault["loc"], document), fault) for fault in error.errors(include_url=False, include_input=False)]
    for place, fault in faults:
        if any(other[: len(place)] == place and len(other) > len(place) for other, _ in faults):
            continue  # what is wrong inside says more
        rule, line = ".".join(map(str, place)) or None, line_of(lines, place)
        if fault["type"] == "value_error":
            found.append(Problem(str(fault["ctx"]["error"]), rule=rule, line=line))
            continue
        model, field = _field(place)
        key, given = place[-1] if place else "", _value(document, place)
        if fault["type"] == "extra_forbidden" and model is not None:
            known = [name for name in model.model_fields if name != "file_sha256"]
            message = f"key ({key!r:.60}) must be one of {', '.join(known)}{close_to(key, known)}"
        elif fault["type"] == "missing":
            message = f"{key} must be given: {field}"
        else:
            name = key if isinstance(key, str) else f"entry {key + 1} of {place[-2]}"
            message = f"{name} must be {'part of ' if name != key else ''}{field}; got {_got(given)}"
        found.append(Problem(message, rule=rule, line=line))
    return found


def _place(location: tuple[int | str, ...], document: Any) -> tuple[int | str, ...]:
    """The part of pydantic's location that is in the document, or would be: its last key may be missing."""
    place: tuple[int | str, ...] = ()
    for part in location:
        inside = isinstance(document, dict) or (isinstance(document, list) and isinstance(part, int))
        if not inside:
            break
        place = (*place, part)
        try:
            document = document[part]
        except (KeyError, IndexError):
            break
    return place


def _field(place: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, str]:
    """The model that a place belongs to, and what its innermost named field should hold, in words."""
    model: type[BaseModel] | None = Policy
    owner, words = model, "as the reference says"
    for part in place:
        if isinstance(part, int):
            continue
        if model is None or part not in model.model_fields:
            return model, words
        owner, field = model, model.model_fields[part]
        inner = [each for each in _types(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
        model = inner[0] if inner else None
        words = field.description or (f"a mapping with {', '.join(model.model_fields)}" if model else words)
    return model or owner, words


def _types(annotation: Any) -> list[Any]:
    """Every type that an annotation is made of."""
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(each for part in inner for each in _types(part))]


def _value(document: Any, place: tuple[int | str, ...]) -> Any:
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _got(value: Any) -> str:
    """A number as it stands, because its size may be the mistake; of anything else the kind."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value!r:.30}"
    return f"{value!r:.60}" if isinstance(value, str) else kind_of(value)


DEFAULT_TEXT = """\
# A strict policy for `dpsynth gate`. Each rule is explained in docs/reference/policy.md.
# What is left out of ledger, signature, audit, audit_verdict, audit_controls, noise, unit and metadata stays as here.
format: dpsynth-policy
version: 1
name: strict default
expires: {expires}        # review the policy by then; after that day nothing passes
rules:
  epsilon: {{at_most: 1.0, at_delta: 1.0e-6}}
  delta: {{at_most: 1.0e-6}}
  relation: {{allowed: [add-remove, replace-one]}}
  unit: {{record_level: without-identifier}}
  noise: {{exact: true}}
  ledger: {{needed: required}}
  signature: {{needed: required, key_ids: []}}    # list the key ids that you accept; ledger has such a list too
  audit: {{needed: required}}
  audit_age: {{days_at_most: 90}}
  audit_verdict: {{allowed: [pass]}}
  audit_controls: {{needed: [leaky twin, independent sample]}}
  audit_power: {{copies_at_most: 100}}
  audit_attacks: {{ran: [copies, calibrated-distance, marginals]}}
  attack_risk: {{false_alarms: 0.01, finds_at_most: 0.1}}
  utility: {{mean_tvd_at_most: 0.15}}
  attempts: {{at_most: 3}}
  metadata: {{source: reviewed}}
waivers: []
# - {{rule: audit_age, owner: steward@example.org, reason: a new audit is on its way, until: 2026-12-31}}
"""


def default_policy_text(at: date | None = None) -> str:
    """The strict policy that ships with dpsynth, as a YAML file; it expires a year after `at` (today)."""
    from datetime import timedelta

    return DEFAULT_TEXT.format(expires=((at or today()) + timedelta(days=365)).isoformat())


def default_policy(at: date | None = None) -> Policy:
    """The strict policy that ships with dpsynth; it expires a year after `at` (today).

    >>> default_policy().rules.ledger.needed
    'required'
    """
    return Policy.parse(default_policy_text(at))


def today() -> date:
    """The day now, UTC."""
    from datetime import UTC, datetime

    return datetime.now(UTC).date()
