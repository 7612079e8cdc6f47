"""A certificate in plain words: what was promised, to whom, and in odds; the same text everywhere."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable

from dpsynth.release.certificate import Certificate, MechanismRecord

WIDTH = 96


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


def promise_in_words(certificate: Certificate) -> list[str]:
    """The promise as lines of text: epsilon and delta, whom it protects, and the odds of an attacker."""
    promise, unit = certificate.promise, certificate.unit
    lines = _wrapped(
        f"Differential privacy with epsilon {promise.epsilon:g} and delta {promise.delta:g}"
        f" (neighbouring tables: {unit.relation})."
    )
    lines += _wrapped(f"Whom it protects: the release would look almost the same after {unit.words}.")
    lines += _wrapped(f"In odds: {odds_in_words(certificate)}")
    for alarms, finds in promise.attack_odds:
        allowed = in_percent(alarms)
        lines.append(
            f"  {allowed} false alarms: finds at most {in_percent(finds, up=True)} ({allowed} without the release)"
        )
    if promise.profile:
        lines += _wrapped(
            "The same promise at other deltas: "
            + ", ".join(f"epsilon {epsilon:.4g} at delta {delta:g}" for delta, epsilon in promise.profile)
            + "."
        )
    price = f"mu {promise.mu:.6g}, delta0 {promise.delta0:g} (delta0-approximate Gaussian differential privacy)"
    return lines + _wrapped(
        f"In the accountant's terms: {price}" + (f", zCDP rho {promise.rho:.6g}." if promise.rho is not None else ".")
    )


def odds_in_words(certificate: Certificate, false_alarms: float = 0.01) -> str:
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


def in_percent(share: float, *, up: bool = False) -> str:
    """A share as a percentage of three digits; `up` never rounds a bound down.

    >>> in_percent(0.01), in_percent(0.016231, up=True)
    ('1%', '1.63%')
    """
    percentage = 100 * share
    if up and 0 < percentage < 100:
        unit = 10.0 ** (math.floor(math.log10(percentage)) - 2)
        percentage = math.ceil(percentage / unit) * unit
    return f"{percentage:.3g}%"


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
    return [*lines, total, *_wrapped(f"Ledger: {certificate.ledger}.")]


def _step(record: MechanismRecord) -> str:
    cells = record.parameters.get("cells")
    noise = _noise_size(record.parameters.get("stddev"))
    details = [f"{100 * record.share:.4g}% of the budget", record.kind]
    details += [f"{cells:,} cells"] if isinstance(cells, int) else []
    details += [noise] if noise else []
    return f"  {record.label}: " + ", ".join(details)


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
    settings = ", ".join(f"{name}={value}" for name, value in certificate.settings.items())
    return _wrapped(
        f"{certificate.rows:,} rows, drawn with seed {certificate.seed} from the model {certificate.synthesizer!r}"
        + (f" ({settings})" if settings else "")
        + f". The private table is estimated, with noise, to hold {certificate.estimated_total:,.0f} rows."
        " The seed governs the drawing of rows only; no seed reaches the noise."
        f" Made with dpsynth {software.dpsynth}, Python {software.python}, numpy {software.numpy}."
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
