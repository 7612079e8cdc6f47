"""A certificate in plain words: what was promised, to whom, and in odds; the same text everywhere."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any, Protocol

from dpsynth.errors import SettingError
from dpsynth.fairness import fairness_in_words
from dpsynth.release.certificate import Certificate, MechanismRecord, Promise, Unit
from dpsynth.workload import Workload

WIDTH = 96
# Beyond these a promise is called weak: finds at 1 % false alarms, and delta.
WEAK_FINDS = 0.5
WEAK_DELTA = 1e-3
FAIR = (
    "That is a property of the model that the rows are drawn from: no set of columns was measured that joins them in"
    " another way. It does not say that groups come out equal: they differ as far as the admissible columns do, and"
    " what is learnt from the rows may treat real people differently."
)


class Promised(Protocol):
    """What holds a promise and says whom it is about: a certificate, or an explanation before there is any."""

    @property
    def promise(self) -> Promise:
        """The guarantee in numbers."""
        ...

    @property
    def unit(self) -> Unit:
        """Whom it protects."""
        ...


def plain_words(certificate: Certificate) -> str:
    """The whole certificate as readable text, at most `WIDTH` characters a line apart from long names."""
    sections = [
        ("What this release promises", promise_in_words(certificate)),
        ("What was spent", _spending(certificate)),
        ("Noise", _noise(certificate)),
        ("The synthetic table", _table(certificate)),
        ("Taken as public, and who said so", _public(certificate)),
        ("Outside the promise", _points(certificate.exclusions)),
        ("Known limits", _points(certificate.known_limits)),
        ("How to verify", _points(certificate.how_to_verify)),
    ]
    head = [*_warning(certificate), f"dpsynth release of {certificate.created}", ""]
    body = [line for title, lines in sections for line in (title, "-" * len(title), *lines, "")]
    text = "\n".join([*head, *body])
    # A stranger's certificate must not be able to steer the reader's terminal.
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def promise_in_words(certificate: Promised) -> list[str]:
    """The promise as lines of text: epsilon and delta, whom it protects, and the odds of an attacker."""
    promise, unit = certificate.promise, certificate.unit
    lines = _wrapped(
        f"Differential privacy with epsilon {rounded_up(promise.epsilon, 6)} and delta {rounded_up(promise.delta, 6)}"
        f" (neighbouring tables: {unit.relation})."
    )
    lines += _wrapped(f"Whom it protects: the release would look almost the same after {unit.words}.")
    lines += _wrapped(f"In odds: {odds_in_words(certificate)}")
    for alarms, finds in promise.attack_odds:
        allowed = in_percent(alarms)
        lines.append(
            f"  {allowed} false alarms: finds at most {in_percent(finds, up=True)} ({allowed} without the release)"
        )
    lines += _weakness(certificate)
    if promise.profile:
        lines += _wrapped(
            "The same promise at other deltas: "
            + ", ".join(f"epsilon {rounded_up(epsilon, 4)} at delta {delta:g}" for delta, epsilon in promise.profile)
            + "."
        )
    price = (
        f"mu {rounded_up(promise.mu, 6)}, delta0 {rounded_up(promise.delta0, 6)}"
        " (delta0-approximate Gaussian differential privacy)"
    )
    zcdp = "" if promise.rho is None else f", zCDP rho {rounded_up(promise.rho, 6)}"
    return lines + _wrapped(f"In the accountant's terms: {price}{zcdp}.")


def odds_in_words(certificate: Promised, false_alarms: float = 0.01) -> str:
    """One sentence: how often an attacker who may err at a given rate can be right about one unit."""
    promise = dict(certificate.promise.attack_odds)
    who = "person or other unit" if certificate.unit.column is not None else "row"
    question = f"whether one {who} is in the private table"
    if certificate.unit.relation == "replace-one":
        question = f"which of two versions of one {who} is in the private table"
    finds = promise.get(false_alarms)
    if finds is None:
        return f"no attacker, however well informed, can tell reliably {question}."
    return (
        f"an attacker who knows everything else, and guesses {question}, finds it at most"
        f" {in_percent(finds, up=True)} of the time when allowed {in_percent(false_alarms)} false alarms."
    )


def synthesizer_in_words(name: str, reason: str | None) -> str:
    """Which synthesizer, and why when `auto` chose it.

    >>> synthesizer_in_words("mst", None), synthesizer_in_words("mst", "2 columns")
    ('mst', 'mst, chosen by auto: 2 columns')
    """
    return name if reason is None else f"{name}, chosen by auto: {reason}"


def workload_in_words(settings: Mapping[str, Any]) -> str | None:
    """What the table should be right about, when the settings say so in a way that can be read."""
    try:
        return Workload.read(settings["workload"]).words() if "workload" in settings else None
    except (SettingError, TypeError, ValueError):
        return None


def in_percent(share: float, *, up: bool = False) -> str:
    """A share as a percentage of three digits; `up` never rounds a bound down.

    >>> in_percent(0.01), in_percent(0.016231, up=True)
    ('1%', '1.63%')
    """
    return f"{rounded_up(100 * share, 3) if up else f'{100 * share:.3g}'}%"


def rounded_up(bound: float, digits: int) -> str:
    """A bound with that many significant digits, never below it.

    >>> rounded_up(1.22006, 4), rounded_up(1.0, 4), rounded_up(1e-9, 3), rounded_up(0.0, 3)
    ('1.221', '1', '1e-09', '0')
    """
    with localcontext(prec=digits, rounding=ROUND_CEILING):
        return f"{float(+Decimal(repr(float(bound)))):.{digits}g}"


def _weakness(certificate: Promised) -> list[str]:
    """A plain warning when the promise leaves an attacker a good chance."""
    promise = certificate.promise
    finds = dict(promise.attack_odds).get(0.01, 0.0)
    if finds <= WEAK_FINDS and promise.delta <= WEAK_DELTA:
        return []
    return _wrapped(
        "WARNING: this promise is weak. An attacker may well tell who is in the private table; choose a smaller"
        " epsilon (1 is strong) and a delta far below 1 over the number of people."
    )


def _warning(certificate: Certificate) -> list[str]:
    if certificate.noise.private:
        return []
    return ["NOT PRIVATE: this release was made with a test-only source of noise. Do not publish it.", ""]


def _spending(certificate: Certificate) -> list[str]:
    spending = certificate.spending
    used = spending.spent_mu_squared / spending.granted_mu_squared if spending.granted_mu_squared else 0.0
    lines = [f"{_step(record)}" for record in certificate.mechanisms]
    total = f"Together {100 * used:.4g}% of the granted budget (mu^2 {spending.granted_mu_squared:.6g}"
    total += f", delta0 {spending.granted_delta:g})."
    return [*lines, total, *_wrapped(_ledger(certificate))]


def _ledger(certificate: Certificate) -> str:
    entry = certificate.ledger
    if entry is None:
        return "Ledger: none. This release was not recorded in a ledger, so nobody adds up what others have spent."
    return (
        f"Ledger: charged to {entry.scope!r} as request {entry.request_id}, entry {entry.seq} of ledger"
        f" {entry.ledger_id}."
    )


def _training(parameters: Mapping[str, Any]) -> list[str]:
    """What there is to say of steps of DP-SGD: all of it public."""
    numbers = [parameters.get(name) for name in ("steps", "rate", "noise_multiplier", "float_margin")]
    if not all(isinstance(each, int | float) for each in numbers):
        return []
    steps, rate, noise, margin = (float(each) for each in numbers if each is not None)
    return [
        f"{steps:,.0f} steps on batches of {in_percent(rate)} of the rows by coins",
        f"noise {noise:.4g} times the clipping norm",
        f"gradients in floating point, for which {in_percent(margin)} of the norm is set aside",
    ]


def _step(record: MechanismRecord) -> str:
    cells, stddev, steps = (record.parameters.get(name) for name in ("cells", "stddev", "steps"))
    noise = _noise_size(stddev)
    details = [f"{100 * record.share:.4g}% of the budget", record.kind]
    details += [f"{cells:,} cells"] if isinstance(cells, int) else []
    details += _training(record.parameters) if isinstance(steps, int) else []
    details += [noise] if noise else []
    cliques = record.parameters.get("cliques", [])
    # Each with its own noise, where that tells more than the range.
    sizes = stddev if isinstance(stddev, list) and len(stddev) == len(cliques) and " to " in noise else []
    each = [f": {size:.4g}" for size in sizes] or [""] * len(cliques)
    named = [" + ".join(clique) + size for clique, size in zip(cliques, each, strict=True) if len(clique) > 1]
    measured = f" ({'; '.join(named)})" if named else ""
    return "\n".join(_wrapped(f"  {record.label}: " + ", ".join(details) + measured, "    "))


def _noise_size(stddev: object) -> str:
    sizes = stddev if isinstance(stddev, list | tuple) else [stddev]
    numbers = [float(size) for size in sizes if isinstance(size, int | float) and not isinstance(size, bool)]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    return f"noise of {low:.4g} rows" if low == high else f"noise of {low:.4g} to {high:.4g} rows"


def _noise(certificate: Certificate) -> list[str]:
    noise = certificate.noise
    return _wrapped(f"{noise.law}; entropy: {noise.entropy}. Sizes above are standard deviations of one count.")


def _table(certificate: Certificate) -> list[str]:
    software = certificate.software
    workload = workload_in_words(certificate.settings)
    fairness = fairness_in_words(certificate.settings)
    said = {"workload": workload, "fairness": fairness}
    others = {
        name: value
        for name, value in certificate.settings.items()
        if said.get(name) is None and (name, value) != ("fairness", None)
    }
    settings = ", ".join(f"{name}={value}" for name, value in others.items())
    unit = certificate.unit
    bounded = "" if unit.column is None else f", with at most {unit.max_rows} rows kept of each {unit.column!r},"
    lines = _wrapped(f"Synthesizer: {synthesizer_in_words(certificate.synthesizer, certificate.reason)}.")
    lines += _wrapped(f"Meant to be right about: {workload}.") if workload is not None else []
    lines += [] if fairness is None else _wrapped(f"Fairness: {fairness}. {FAIR}")
    lines += _pool(certificate)
    return lines + _wrapped(
        f"{certificate.rows:,} rows, drawn with seed {certificate.seed} from the model {certificate.synthesizer!r}"
        + (f" ({settings})" if settings else "")
        + f". The private table{bounded} is estimated, with noise, to hold {certificate.estimated_total:,.0f} rows."
        " The seed governs the drawing of rows only; no seed reaches the noise."
        f" Made with dpsynth {software.dpsynth}, Python {software.python}, numpy {software.numpy}."
    )


def _pool(certificate: Certificate) -> list[str]:
    pool = certificate.audit_pool
    if pool is None:
        return _wrapped("Audit pool: none. An audit of this release needs rows that were held out.")
    drawn = "one of each pair" if pool.pairs else "each"
    return _wrapped(
        f"Audit pool: {pool.units:,} units, of which {drawn} took part by the fall of a secret coin before anything"
        f" was counted; the steward is bound to the coins by their hash {pool.commitment[:16]}..."
    )


def _public(certificate: Certificate) -> list[str]:
    """One line for each column and source, so that a wide schema stays readable."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for item in certificate.public_metadata:
        grouped.setdefault((item.column, item.source), []).append(item.item)
    lines = [f"  {column}: {', '.join(items)} [{source}]" for (column, source), items in grouped.items()]
    return lines or ["  nothing"]


def _points(points: Iterable[str]) -> list[str]:
    return [line for point in points for line in _wrapped(f"- {point}", "  ")]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
