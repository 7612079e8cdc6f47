"""Other public tables as integer codes. Every list, bound and bin is from a published dictionary, never from the rows.

A value that its dictionary does not have is an error, which names the column and not the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compare.data import Coded, Codes, coded, read_folder
from benchmarks.shared import SHARED

# Dollars: below 0, 0, then the starts of bins that widen.
INCOME_STARTS = (
    0, 1, 1_000, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000, 24_000, 28_000, 32_000,
    36_000, 40_000, 45_000, 50_000, 55_000, 60_000, 70_000, 80_000, 90_000, 100_000, 125_000, 150_000, 200_000,
    300_000, 500_000,
)  # fmt: skip
NOT_SYNTHESIZED = ("PWGTP", "WGTP")  # sampling weights, which stand for other people
REGIONS = (
    "East Anglian Region", "East Midlands Region", "Ireland", "London Region", "North Region", "North Western Region",
    "Scotland", "South East Region", "South Region", "South West Region", "Wales", "West Midlands Region",
    "Yorkshire Region",
)  # fmt: skip
EDUCATION = (
    "No Formal quals", "Lower Than A Level", "A Level or Equivalent", "HE Qualification", "Post Graduate Qualification",
)  # fmt: skip
DEPRIVATION = ("", "0-10%", "10-20", *(f"{tenth}0-{tenth + 1}0%" for tenth in range(2, 10)))

Columns = dict[str, tuple[NDArray[np.int64], int]]  # codes and number of codes, by column


def listed(frame: Any, column: str, values: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Index of each cell's text in the list of values."""
    codes = frame[column].map({value: index for index, value in enumerate(values)})
    if codes.isna().any():
        raise ValueError(f"column {column!r} must hold only the values of its dictionary")
    return codes.to_numpy(np.int64), len(values)


def counted(frame: Any, column: str, last: int, first: int = 0, width: int = 1) -> tuple[NDArray[np.int64], int]:
    """Whole numbers from `first`, in bins of a width; the last code takes all from `last` on."""
    codes = (frame[column].astype(int).to_numpy(np.int64).clip(first, last) - first) // width
    return codes, (last - first) // width + 1


def nist_acs(folder: Path) -> tuple[Columns, str]:
    """NIST's excerpt of the American Community Survey, by its own schema and data dictionary."""
    frame = _read(folder / "ma2019.csv.gz")
    schema = json.loads((folder / "ma2019.json").read_text())["schema"]
    dictionary = json.loads((folder / "data_dictionary.json").read_text())
    columns: Columns = {}
    for name, column in schema.items():
        if name in NOT_SYNTHESIZED:
            continue
        if "values" in column:
            columns[name] = listed(frame, name, [str(value) for value in column["values"]])
            continue
        known = frame[name] != "N"
        numbers = frame[name].where(known, "0").astype(float).to_numpy()
        if name == "AGEP":
            columns[name] = counted(frame, name, last=dictionary[name]["values"]["max"])
        elif name == "PINCP":  # code 0 is "not applicable"
            binned = np.searchsorted(INCOME_STARTS, numbers, side="right") + 1
            columns[name] = np.where(known, binned, 0), len(INCOME_STARTS) + 2
        elif name == "POVPIP":  # 501 is "501 or more": a code of its own
            binned = np.where(numbers >= 501, 52, numbers.astype(np.int64) // 10 + 1)
            columns[name] = np.where(known, binned, 0), 53
        elif name == "DENSITY":  # the bins of NIST's report tool
            most = float(dictionary[name]["values"]["max"]) + 500
            starts = [150.0, *np.geomspace(10, most, 21)[8:-1]]
            columns[name] = np.searchsorted(starts, numbers, side="left"), len(starts) + 1
    return columns, "DEAR"


def household_persons(folder: Path) -> tuple[Columns, str]:
    """Persons of the travel survey, with what is known of their household."""
    households = _read(folder / "households.csv.gz").set_index("hhID")
    frame = _read(folder / "persons.csv.gz").join(households, on="hhID")

    def numbers(first: int, last: int, missing: bool = False) -> list[str]:
        return (["NA"] if missing else []) + [str(value) for value in range(first, last + 1)]

    lists = {
        "PAge": numbers(0, 10),
        "PGender": numbers(1, 2),
        "PEmp": numbers(1, 3, missing=True),
        "POcc": numbers(1, 10, missing=True),
        "PComm": ["NA", "auto", "transit", "workFromHome", "active", "other"],
        "SUBREG_GRP": numbers(1, 44),
        "SUBREGCluster": numbers(1, 4),
        "HHSize": numbers(1, 4),
        "HHIncome": numbers(1, 3),
        "HHDwelling": numbers(1, 2),
        "HHChildren": numbers(0, 1),
    }
    return {name: listed(frame, name, values) for name, values in lists.items()}, "HHDwelling"


def compas(folder: Path) -> tuple[Columns, str]:
    """Defendants: who they are, their record, their scores, and whether they were charged again."""
    frame = _read(folder / "compas_two_years.csv.gz")
    levels = ("Low", "Medium", "High")
    races = ("African-American", "Asian", "Caucasian", "Hispanic", "Native American", "Other")
    return {
        "sex": listed(frame, "sex", ("Female", "Male")),
        "age": counted(frame, "age", first=18, last=98),
        "race": listed(frame, "race", races),
        "juv_fel_count": counted(frame, "juv_fel_count", last=3),
        "juv_misd_count": counted(frame, "juv_misd_count", last=3),
        "juv_other_count": counted(frame, "juv_other_count", last=3),
        "priors_count": counted(frame, "priors_count", last=20),
        "c_charge_degree": listed(frame, "c_charge_degree", ("F", "M")),
        "decile_score": counted(frame, "decile_score", first=1, last=10),
        "score_text": listed(frame, "score_text", levels),
        "v_decile_score": counted(frame, "v_decile_score", first=1, last=10),
        "v_score_text": listed(frame, "v_score_text", levels),
        "two_year_recid": counted(frame, "two_year_recid", last=1),
    }, "two_year_recid"


def msnbc(folder: Path) -> tuple[Columns, str]:
    """Visitors of a news site: whether each of the 17 kinds of page was seen."""
    names = _read(folder / "categories.csv")["category"].tolist()
    visits = _read(folder / "msnbc.csv.gz")["pages"]
    pages = np.array(" 0 ".join(visits).split(), dtype=np.int64)  # a 0 between one visitor's pages and the next's
    seen = np.zeros((len(visits), len(names)), dtype=np.int64)
    visitor = np.cumsum(pages == 0)
    seen[visitor[pages > 0], pages[pages > 0] - 1] = 1
    return {name: (seen[:, index], 2) for index, name in enumerate(names)}, "frontpage"


def oulad(folder: Path) -> tuple[Columns, str]:
    """Enrolments of the Open University: course, student, and whether the course was failed."""
    frame = _read(folder / "student_info.csv.gz")
    passed = (frame["final_result"] != "Fail").to_numpy(np.int64)
    lists = {
        "code_module": ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG"),
        "code_presentation": ("2013B", "2013J", "2014B", "2014J"),
        "gender": ("F", "M"),
        "region": REGIONS,
        "highest_education": EDUCATION,
        "imd_band": DEPRIVATION,
        "age_band": ("0-35", "35-55", "55<="),
        "disability": ("N", "Y"),
    }
    columns = {name: listed(frame, name, values) for name, values in lists.items()}
    columns["num_of_prev_attempts"] = counted(frame, "num_of_prev_attempts", last=6)
    columns["studied_credits"] = counted(frame, "studied_credits", last=300, width=30)
    return {**columns, "passed": (passed, 2)}, "passed"


CONVERTERS: dict[str, Callable[[Path], tuple[Columns, str]]] = {
    "nist-acs-ma2019": nist_acs,
    "household-survey": household_persons,
    "compas": compas,
    "msnbc": msnbc,
    "oulad": oulad,
}


def read(name: str, target: str | None = None) -> Coded | None:
    """The coded table of a folder, or of a shared set by name; None where there is no such folder."""
    folder = next((path for path in (Path(name), SHARED / "data" / name) if path.is_dir()), None)
    if folder is None:
        return None
    if (folder / "domain.json").is_file():
        return read_folder(folder, target)
    if folder.name not in CONVERTERS:
        known = ", ".join(CONVERTERS)
        raise ValueError(f"{name} must hold a domain.json, or be one of the sets that are converted: {known}")
    columns, usual_target = CONVERTERS[folder.name](folder)
    table: Codes = {column: codes for column, (codes, _) in columns.items()}
    return coded(folder.name, table, {column: size for column, (_, size) in columns.items()}, target or usual_target)


def _read(path: Path) -> Any:
    """A CSV file as text, cell by cell, with nothing taken for missing."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False)
