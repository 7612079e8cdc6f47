"""An estimate with its error bars, the naive ones beside them, and words on whether they hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.marginal import FloatArray

if TYPE_CHECKING:
    import pandas as pd


class Validity(str, Enum):
    """Whether the interval covers the truth as often as it says."""

    VALID = "valid"
    APPROXIMATE = "approximate"
    NOT_VALID = "not valid"


@dataclass(frozen=True)
class Reason:
    """What there is to know about an interval; why it is not simply valid."""

    validity: Validity
    words: str


_MOST_DECIMALS = 6
COLUMNS = (
    "estimate",
    "stderr",
    "low",
    "high",
    "naive_estimate",
    "naive_low",
    "naive_high",
    "noise_share",
    "unmeasured",
)
_PLACES = tuple(name for name in COLUMNS if name.removeprefix("naive_") in ("estimate", "low", "high"))


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """What a release says about the population that its private table was drawn from, and how sure it is.

    grouped: the columns whose values name the rows; none for coefficients. names: of the rows.
    estimates, stderrs, lows, highs: the estimate, its standard error and its interval at `level`, in the units of the
    column (shares from 0 to 1, coefficients of a logistic regression in log-odds).
    naives, naive_lows, naive_highs: what somebody gets who takes the synthetic table for real rows.
    noise_shares: the part of the variance that is privacy noise, 0 to 1; the rest is sampling. NaN: not known.
    unmeasured: how much of the interval's width is there because marginals that were not measured leave the number
    open, in its units; 0 where it was measured. Standard errors are without it.
    about: "population", or "table" for the private table itself, where sampling does not count.
    origin: of means of dates and times, which are counted in days from there; as text and in frames they are moments.
    reasons: what keeps the interval from being valid, worst first.

    Privacy: free, post-processing.
    """

    request: str
    scale: str
    about: str
    level: float
    grouped: tuple[str, ...]
    names: tuple[str, ...]
    estimates: FloatArray
    stderrs: FloatArray
    lows: FloatArray
    highs: FloatArray
    naives: FloatArray
    naive_lows: FloatArray
    naive_highs: FloatArray
    noise_shares: FloatArray
    unmeasured: FloatArray
    origin: np.datetime64 | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def validity(self) -> Validity:
        """The worst that any reason says."""
        order = list(Validity)
        return max((reason.validity for reason in self.reasons), key=order.index, default=Validity.VALID)

    @property
    def words(self) -> str:
        """The validity and its reasons, in sentences."""
        of_what = "the population that the private table was drawn from"
        said = {
            Validity.VALID: f"valid: {self.level:.0%} of such intervals hold the truth about "
            + (of_what if self.about == "population" else "the private table"),
            Validity.APPROXIMATE: "approximate",
            Validity.NOT_VALID: "not valid",
        }[self.validity]
        return said + (": " + "; ".join(reason.words for reason in self.reasons) if self.reasons else "") + "."

    def to_frame(self) -> pd.DataFrame:
        """One row for each name: estimate, stderr, low, high, the naive ones, noise_share and unmeasured."""
        import pandas as pd

        return pd.DataFrame(self._columns(), index=pd.Index(self.names, name=self.request))

    def to_json(self) -> dict[str, Any]:
        """As JSON values; NaN becomes null."""
        columns = {name: [_finite(value) for value in column] for name, column in self._columns().items()}
        rows = [
            dict(zip(("name", *columns), row, strict=True)) for row in zip(self.names, *columns.values(), strict=True)
        ]
        return {
            "request": self.request,
            "scale": self.scale,
            "about": self.about,
            "level": self.level,
            "validity": self.validity.value,
            "reasons": [reason.words for reason in self.reasons],
            "rows": rows,
        }

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text for people: name, estimate, stderr, interval, naive interval, part that is noise."""
        return [
            (
                self._short(name),
                self._said(self.estimates[row], self.stderrs[row]),
                _figures(self.stderrs[row], self.stderrs[row]) + ("" if self.origin is None else " days"),
                self._interval(self.lows[row], self.highs[row], self.stderrs[row]),
                self._interval(self.naive_lows[row], self.naive_highs[row], self.stderrs[row]),
                "" if np.isnan(self.noise_shares[row]) else f"{self.noise_shares[row]:.0%}",
            )
            for row, name in enumerate(self.names)
        ]

    @property
    def title(self) -> str:
        """The request, and for coefficients of what they are."""
        return f"{self.request}: {self.scale}" if not self.grouped and "~" in self.request else self.request

    @property
    def headings(self) -> tuple[str, ...]:
        """Of the columns of `cells`."""
        return (
            ", ".join(self.grouped),
            "log-odds" if self.scale.startswith("log-odds") else self.scale,
            "stderr",
            f"{self.level:.0%} interval",
            "naive interval",
            "noise",
        )

    def __repr__(self) -> str:
        rows = [self.headings, *self.cells()]
        widths = [max(len(row[place]) for row in rows) for place in range(len(self.headings))]
        lines = []
        for name, *numbers in rows:
            padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *padded]))
        return "\n".join([self.title, *lines, self.words])

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='padding-left:1em'>{escape(text)}</th>" for text in self.headings)
        body = "".join(
            "<tr>" + f"<th style='text-align:left'>{escape(row[0])}</th>" + _html_cells(row[1:]) + "</tr>"
            for row in self.cells()
        )
        return (
            f"<table><caption style='text-align:left'>{escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(self.words)}</p>"
        )

    def _said(self, value: float, error: float) -> str:
        """A number of the request with the figures that its error allows."""
        if self.origin is None or np.isnan(value):
            return _figures(value, error)
        # A day's error or more: dates; else minutes.
        moment = _moments(self.origin, value).astype(f"datetime64[{'m' if error < 1 else 'D'}]")
        return str(moment).replace("T", " ")

    def _interval(self, low: float, high: float, error: float) -> str:
        return "not known" if np.isnan(low) else f"{self._said(low, error)} to {self._said(high, error)}"

    def _short(self, name: str) -> str:
        """The name without its columns, which stand in the heading."""
        for column in self.grouped:
            name = name.replace(f"{column} = ", "", 1)
        return name

    def _columns(self) -> dict[str, Any]:
        arrays = (
            self.estimates,
            self.stderrs,
            self.lows,
            self.highs,
            self.naives,
            self.naive_lows,
            self.naive_highs,
            self.noise_shares,
            self.unmeasured,
        )
        columns: dict[str, Any] = dict(zip(COLUMNS, arrays, strict=True))
        if self.origin is not None:
            columns |= {name: _moments(self.origin, columns[name]) for name in _PLACES}
        return columns


def _html_cells(cells: tuple[str, ...]) -> str:
    return "".join(f"<td style='text-align:right;padding-left:1em'>{escape(cell)}</td>" for cell in cells)


def _moments(origin: np.datetime64, days: Any) -> Any:
    """Moments, datetime64[s], so many days after the origin; NaT for NaN."""
    seconds = np.asarray(days) * 86_400.0
    known = np.where(np.isnan(seconds), 0.0, np.rint(seconds)).astype("timedelta64[s]")
    return np.where(np.isnan(seconds), np.datetime64("NaT", "s"), origin + known)


def _finite(value: Any) -> float | str | None:
    if not np.isfinite(value):
        return None
    return str(value) if isinstance(value, np.datetime64) else float(value)


def _figures(value: float, error: float) -> str:
    """A number with two figures of its error: digits beyond them mean nothing."""
    if np.isnan(value):
        return "not known"
    if not (np.isfinite(error) and error > 0):
        return f"{value:.4g}"
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:,.{decimals}f}" if decimals <= _MOST_DECIMALS else f"{value:.2g}"
