"""Canaries: values planted in a private table that may come back in nothing that leaves the steward's folder.

Every command of the command line runs in a process of its own, on tables that hold canaries, with inputs that work and
with inputs that fail. Whatever it prints, logs or writes is then searched, decoded too. The files that are the
steward's alone are left out by their place, and their modes are checked instead.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import io
import json
import os
import re
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from pyarrow import parquet

import dpsynth
from dpsynth.cli.app import app
from dpsynth.synthesizers.catalogue import CATALOGUE, NEEDS_ROWS
from tests.conformance.quick_settings import quick_settings

ROWS = 600
# A rare value of an open column comes out with probability at most DELTA. The numbers have 12 digits and more, and the
# moments fall on one second of 20 years, so that no column draws them by chance.
EPSILON, DELTA = "0.5", "1e-9"
WORD = "CanaryQz7"
NUMBERS = ("736491825047", "7364918250473", "412.736491825")
MOMENTS = ("1987-03-19T04:53:17", "1787-03-19")

SCHEMA = {
    "version": 1,
    "columns": [
        {"name": "sex", "type": "categorical", "values": ["F", "M"]},
        {"name": "place", "type": "categorical", "values": ["north", "south"], "unknown": "other"},
        {"name": "country", "type": "open-categorical", "nullable": True, "known": ["FR", "DE"]},
        {"name": "income", "type": "numeric", "lower": 0, "upper": 100_000, "integer": True},
        {"name": "wealth", "type": "numeric", "lower": 0, "upper": 10**13, "integer": True, "nullable": True},
        {"name": "dose", "type": "numeric", "lower": 0, "upper": 1000, "decimals": 9},
        {"name": "seen", "type": "datetime", "lower": "1980-01-01", "upper": "1999-12-31", "resolution": "second"},
        {"name": "patient_id", "type": "identifier"},
        {"name": "chart", "type": "identifier"},
    ],
}


def private_table() -> pd.DataFrame:
    """Ordinary rows, and in a few of them values that occur once and nowhere else in the world."""
    rng = np.random.default_rng(20_260_101)
    moments = np.datetime64("1980-01-01T00:00:00") + rng.integers(0, 630_000_000, ROWS).astype("timedelta64[s]")
    table = pd.DataFrame(
        {
            "sex": rng.choice(["F", "M"], ROWS),
            "place": rng.choice(["north", "south"], ROWS),
            "country": rng.choice(["FR", "DE", "common"], ROWS),
            "income": rng.integers(0, 90_000, ROWS).astype(str),
            "wealth": rng.integers(0, 9 * 10**12, ROWS).astype(str),
            "dose": rng.integers(0, 900, ROWS).astype(str),
            "seen": np.datetime_as_string(moments),
            "patient_id": [f"{WORD}-id{row // 2}" for row in range(ROWS)],
            "chart": [f"{WORD}-chart{row}" for row in range(ROWS)],
            "note": [f"{WORD}-note: {row}" for row in range(ROWS)],  # no column of the schema
        }
    ).astype(object)
    planted = {
        "place": [f"{WORD}-nrth"],
        "country": [f"{WORD}-land", f'{WORD}-isle, "x"', f"<b>{WORD}</b>"],
        "income": [NUMBERS[0], "-" + NUMBERS[0]],
        "wealth": [NUMBERS[1], NUMBERS[1] + ".0"],
        "dose": [NUMBERS[2]],
        "seen": [MOMENTS[0], MOMENTS[1] + "T00:00:00"],
    }
    for column, values in planted.items():
        table.loc[[7 + 11 * place for place in range(len(values))], column] = values
    return table


# ------------------------------------------------------------------------------------------------ the search


def _patterns(digests_of: Sequence[bytes]) -> dict[str, bytes]:
    """What a canary looks like: as text of several encodings, as a number in memory, and by its digest."""
    found: dict[str, bytes] = {"word": WORD.lower().encode(), "word in UTF-16": WORD.lower().encode("utf-16-le")}
    for shift in range(3):  # base64 of a text depends on where it begins
        coded = base64.b64encode(b"x" * shift + WORD.encode())[4 if shift else 0 : -4 if shift else None]
        found[f"word in base64, {shift}"] = coded.lower()
    found["word in hex"] = WORD.encode().hex().encode()
    for text in NUMBERS:
        found[text] = text.encode()
        found[f"{text} as float64"] = struct.pack("<d", float(text)).lower()
        if text.isdigit():
            found[f"{text} with commas"] = f"{int(text):,}".encode()
            found[f"{text} as int64"] = struct.pack("<q", int(text)).lower()
            found[f"{text} as power"] = f"{float(text):.10e}"[:12].encode()
    found["dose as tick"] = NUMBERS[2].replace(".", "").encode()
    for text in MOMENTS:
        found[text] = text.lower().encode()
        found[f"{text} with a space"] = text.replace("T", " ").encode()
        for unit in ("s", "ms", "us", "ns"):
            if text == MOMENTS[0]:
                moment = int(np.datetime64(text, unit).astype(np.int64))
                found[f"{text} in {unit}"] = struct.pack("<q", moment).lower()
    for content in digests_of:
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(algorithm, content).digest()
            found[f"{algorithm} of {content[:24]!r}"] = digest.hex().encode()
            found[f"{algorithm} of {content[:24]!r} in base64"] = base64.b64encode(digest).lower()
    return found


def _texts(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=True, date_format="%Y-%m-%dT%H:%M:%S").encode()


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what they mean: tables and arrays as text, archives unpacked."""
    content = path.read_bytes()
    yield content
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        yield _texts(table.to_pandas())
        yield repr(parquet.read_metadata(path).metadata).encode() + str(table.schema.metadata).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode() + archive.read(name)
                if name.endswith(".npy"):
                    yield repr(np.load(io.BytesIO(archive.read(name)), allow_pickle=False).ravel().tolist()).encode()
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    for coded in re.findall(rb'"payload"\s*:\s*"([A-Za-z0-9+/=]+)"', content):
        yield base64.b64decode(coded)


def sightings(folder: Path, patterns: dict[str, bytes], exempt: Sequence[Path] = ()) -> list[str]:
    """Files of a folder that hold a canary, by name or content, each with what was seen."""
    seen = []
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(place) for place in exempt):
            continue
        parts = [path.name.encode(), *(_contents(path) if path.is_file() and not path.is_symlink() else ())]
        for part in parts:
            low = part.lower()
            seen += [f"{path.relative_to(folder)}: {name}" for name, pattern in patterns.items() if pattern in low]
    return seen


# ----------------------------------------------------------------------------------------------- the commands


@dataclass
class Command:
    """One command. name: of its log; code: how it must end, None for anything; away: the private files are not there.

    plant: Python that is run first, to make it leak.
    """

    name: str
    arguments: list[str]
    code: int | None = 0
    away: bool = False
    plant: str = ""


@dataclass
class Sweep:
    """A folder with private tables, in which commands run, and what must be searched."""

    root: Path
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("private", "steward", "out", "logs", "scratch", "tmp"):
            (self.root / name).mkdir()

    def add(self, name: str, *arguments: object, code: int | None = 0, away: bool = False, plant: str = "") -> None:
        self.commands.append(Command(name, [str(each) for each in arguments], code, away, plant))

    def run(self) -> dict[str, int]:
        """Exit codes by name. Output goes to logs/, file descriptors included; logging is turned up to DEBUG."""
        environment = {
            **os.environ,
            "HOME": str(self.root / "scratch"),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONWARNINGS": "always",
            "PYTHONPATH": str(Path(dpsynth.__file__).parents[1]),
            "COLUMNS": "200",
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
        }
        environment.pop("DPSYNTH_DEBUG", None)
        plan = json.dumps([vars(command) for command in self.commands])
        done = subprocess.run(
            [sys.executable, "-c", _DRIVER, str(self.root)],
            input=plan,
            env=environment,
            cwd=self.root / "scratch",
            capture_output=True,
            text=True,
            timeout=600,
        )
        (self.root / "logs" / "driver.txt").write_text(done.stderr)
        assert done.returncode == 0, "the driver of the sweep broke"
        return json.loads(done.stdout)


# Imports once, then a process for each command: its streams are files, and what it raises is printed as Python would.
_DRIVER = """
import contextlib, importlib, json, logging, os, sys, traceback
root = sys.argv[1]
commands = json.load(sys.stdin)
import dpsynth, attacks, pandas, pyarrow.csv, pyarrow.dataset, pyarrow.parquet, yaml, cryptography, rich.console, scipy
import dpsynth.cli.app, dpsynth.engine, dpsynth.models.sampling_kernels, dpsynth.models.record_kernels, sklearn
import mpmath, networkx, attacks.run, dpsynth.schema.draft, dpsynth.release.verify
import sklearn.ensemble, sklearn.linear_model, sklearn.metrics, sklearn.tree, dpsynth.evaluate, dpsynth.forecast.error
for heavy in ("torch", "opacus", "opacus.grad_sample", "opacus.validators", "duckdb", "diffprivlib"):
    with contextlib.suppress(ImportError):  # an extra that is not here
        importlib.import_module(heavy)
from dpsynth.cli.main import main

sys.argv = ["dpsynth", "show", "nothing"]  # what only a first command loads
try:
    main()
except SystemExit:
    pass

def hide(there, hidden):
    for name in ("private", "steward"):
        os.rename(f"{root}/{name}{there}", f"{root}/{name}{hidden}")

def run(command):
    for number, stream in ((1, "stdout"), (2, "stderr")):
        opened = os.open(f"{root}/logs/{command['name']}.{stream}", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(opened, number)
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    sys.argv = ["dpsynth", *command["arguments"]]
    code = 0
    try:
        exec(command["plant"], {})
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

codes = {}
for command in commands:
    if command["away"]:
        hide("", "-away")
    child = os.fork()
    if child == 0:
        run(command)
    codes[command["name"]] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if command["away"]:
        hide("-away", "")
print(json.dumps(codes))
"""


def good_commands(sweep: Sweep) -> None:
    """The way of a release, each command of it, for each synthesizer."""
    private, steward, out = (sweep.root / name for name in ("private", "steward", "out"))
    table = private_table()
    table.to_csv(private / "table.csv", index=False)
    numeric = {"income": np.float64, "wealth": np.float64, "dose": np.float64}
    typed = table.astype(numeric).assign(income=lambda frame: frame["income"].astype(np.int64))
    typed.to_parquet(private / "table.parquet", index=False)
    table.iloc[::-1].to_csv(private / "holdout.csv", index=False)
    schema = sweep.root / "out" / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    budget = ("--schema", schema, "--epsilon", EPSILON, "--delta", DELTA)
    sweep.add("plan", "plan", *budget, "--audit-pool")
    sweep.add("plan-json", "plan", *budget, "--json")
    sweep.add("check", "schema", "check", private / "table.csv", "--schema", schema)
    sweep.add("draft", "schema", "draft", private / "table.csv", "--out", steward / "draft.yaml")
    ledger = out / "ledger.db"
    whole = ("--epsilon", "20", "--delta", "1e-6", "--reserved-delta", "1e-7", "--actor", "steward", "--reason", "x")
    sweep.add("ledger-init", "ledger", "init", ledger, *whole)
    sweep.add("ledger-grant", "ledger", "grant", ledger, "--scope", "population/study", *whole)
    for place, name in enumerate(CATALOGUE):
        more = ["--synthesizer", name]
        more += ["--set", "marginals=sex,place;country"] if name == "direct" else []
        more += [part for key, value in quick_settings(name).items() for part in ("--set", f"{key}={value}")]
        more += ["--set", "rows_in=disk"] if place % 4 > 1 and name not in NEEDS_ROWS else []
        more += ["--unit", "patient_id", "--max-rows-per-unit", "2"] if place % 2 else []
        more += ["--json"] if place % 3 == 0 else []
        file = private / ("table.csv" if place % 2 else "table.parquet")
        sweep.add(f"synthesize-{name}", "synthesize", file, *budget, "--out", out / name, *more)
    if importlib.util.find_spec("duckdb") is not None:
        database_commands(sweep, typed, table, budget)
    release, key = out / "release", steward / "key.pem"
    booked = ("--ledger", ledger, "--scope", "population/study", "--request-id", "run-1", "--progress")
    pooled = ("--synthesizer", "mst", "--audit-units", "120")
    coins = ("--audit-pool", steward / "coins.json")
    run = ("synthesize", private / "table.csv", *budget, *booked, *pooled, "--out", release)
    sweep.add("synthesize-booked", *run, *coins)
    sweep.add("synthesize-again", *run, "--overwrite", "--audit-pool", steward / "coins-again.json")
    quick = ("--attacks", "copies,calibrated-distance,marginals", "--pool", steward / "coins.json")
    audit = ("audit", release, "--private", private / "table.csv", *quick)
    written = ("--out", steward / "audit", "--public", out / "public", "--resume", steward / "resume")
    sweep.add("audit", *audit, *written, "--progress", "--json", code=None)
    sweep.add("audit-holdout", "audit", out / "direct", "--private", private / "table.csv", *quick[:2], code=None)
    compared = ("--private", private / "table.csv", "--label", "sex", "--protected", "place,country", "--repeats", "1")
    sweep.add("evaluate", "evaluate", out / "mst", *compared, "--out", steward / "evaluation", "--progress")
    sweep.add(
        "evaluate-json", "evaluate", out / "independent", *compared[:2], "--no-direct", "--repeats", "1", "--json"
    )
    sweep.add("sign-keys", "sign", "--new-key", key)
    sweep.add("sign", "sign", release, "--key", key, "--audit", out / "public" / "audit.json")
    public = steward / "key.pub.pem"
    sweep.add("policy", "gate", "--print-default-policy")
    policy = out / "policy.yaml"
    policy.write_text(
        "format: dpsynth-policy\nversion: 1\nname: sweep\nexpires: 2999-01-01\n"
        "rules:\n  epsilon: {at_most: 1.0}\n  delta: {at_most: 1.0e-6}\n"
    )
    written = [part for kind in ("junit", "markdown", "sarif") for part in (f"--{kind}", out / f"gate.{kind}")]
    decided = ("gate", release, "--policy", policy, "--ledger", ledger)
    sweep.add("gate", *decided, *written, "--out", release / "gate.json", code=None)
    for name in ("show", "quote", "explain", "export", "verify"):
        asked = {"quote": ("--scope", "population/study", "--epsilon", "1", "--delta", "1e-6")}.get(name, ())
        asked = ("--certificate", release) if name == "verify" else asked
        sweep.add(f"ledger-{name}", "ledger", name, ledger, *asked, away=True)
        sweep.add(f"ledger-{name}-json", "ledger", name, ledger, *asked, "--json", away=True)
    sweep.add("ledger-void", "ledger", "void", ledger, "run-1", code=1)
    sweep.add("verify", "verify", release, away=True)
    sweep.add("verify-json", "verify", release, "--json", away=True)
    sweep.add("verify-key", "verify", release, "--key", public, code=None)
    sweep.add("show", "show", release, away=True)
    sweep.add("show-json", "show", release, "--json", away=True)
    sweep.add("sample", "sample", release, "--out", out / "more.csv", "--rows", "2000", away=True)
    sweep.add("sample-parquet", "sample", release, "--out", out / "more.parquet", away=True)
    given = ("--given", "sex=F", "--given", "income=10000..50000", "--weight", "place=north:0.25,south:0.75")
    sweep.add("sample-given", "sample", out / "mst", "--out", out / "given.csv", "--rows", "50", *given, away=True)
    sweep.add("estimate", "estimate", out / "mst", "share(sex)", "--json", away=True)
    sweep.add("estimate-regression", "estimate", out / "mosaic", "sex ~ place", away=True)
    sweep.add("explain", "explain", *budget[2:], "--out", out / "explain.html", away=True)
    tried = ("--rows", "300", "--draws", "2", "--synthesizer", "independent")
    sweep.add("forecast", "forecast", schema, *budget[2:], *tried, "--progress", away=True)
    sweep.add("report", "report", out / "mst", "--out", out / "report-without-audit.html", away=True)
    sweep.add("report-audited", "report", release, "--out", out / "report.html", away=True)
    sweep.add("export", "schema", "export", schema, "--to", "pandera", away=True)
    sweep.add("synthesizers", "synthesizers", away=True)
    (out / "table.sql").write_text("CREATE TABLE t (sex char(1) NOT NULL, age int CHECK (age BETWEEN 0 AND 120));")
    sweep.add("import", "schema", "import", out / "table.sql", "--out", out / "imported.yaml", away=True)
    sweep.add("ask", "schema", "ask", "--header", private / "table.csv", "--out", steward / "asked.yaml", code=None)
    confirm = ("schema", "confirm", steward / "draft.yaml", "--by", "codebook 2019")
    sweep.add("confirm", *confirm, "--out", steward / "confirmed.yaml")


def database_commands(sweep: Sweep, typed: pd.DataFrame, table: pd.DataFrame, budget: tuple[object, ...]) -> None:
    """Tables that stay in DuckDB: one that fits its schema, and others that must be refused, some by the engine."""
    import duckdb

    path, out = sweep.root / "private" / "tables.duckdb", sweep.root / "out"
    typed = typed.assign(seen=pd.to_datetime(typed["seen"]).astype("datetime64[us]"))
    with duckdb.connect(str(path)) as database:
        for name, frame in {"patients": typed, "raw": table}.items():
            database.register("frame", frame)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        # The engine evaluates them cell by cell, and quotes the cell on which it fails.
        database.execute("CREATE VIEW failing AS SELECT * REPLACE (CAST(place AS BIGINT) AS income) FROM patients")
        raised = f"CASE WHEN starts_with(country, '{WORD}') THEN CAST(error(country) AS VARCHAR) ELSE country END"
        database.execute(f"CREATE VIEW raising AS SELECT * REPLACE ({raised} AS country) FROM patients")
        with pytest.raises(duckdb.Error, match=WORD):
            database.execute("SELECT country FROM raising").fetchall()
    unit = ("--unit", "patient_id", "--max-rows-per-unit", "1")
    strict = ("--schema", out / "strict.json", *budget[2:])
    tables = {name: f"duckdb:///{path}?table={name}" for name in ("patients", "raw", "failing", "raising", "absent")}
    sweep.add(
        "database", "synthesize", tables["patients"], *budget, *unit, "--synthesizer", "mst", "--out", out / "database"
    )
    sweep.add("database-check", "schema", "check", tables["patients"], "--schema", out / "schema.json")
    for name, address in tables.items():
        refused = ("--out", out / "refused", "--progress", "--json")
        sweep.add(f"fail-database-{name}", "synthesize", address, *strict, *unit, *refused, code=1)
    sweep.add("fail-check-database", "schema", "check", tables["raising"], *strict[:2], code=1)
    sweep.add("fail-draft-database", "schema", "draft", tables["patients"], code=1)
    other = tables["patients"].replace("tables.duckdb", "table.csv")
    sweep.add("fail-database-csv", "synthesize", other, *strict, "--out", out / "refused", code=1)


def failing_commands(sweep: Sweep) -> None:
    """Inputs that must be refused, in ways that tempt a program to quote them."""
    private, steward, out = (sweep.root / name for name in ("private", "steward", "out"))
    table, schema, word = private_table(), out / "strict.json", f"{WORD}-{NUMBERS[0]}"
    columns = [dict(column, source="public") for column in SCHEMA["columns"]]
    for column in columns:
        column.pop("unknown", None)
        column |= {"out_of_bounds": "refuse"} if column["type"] in ("numeric", "datetime") else {}
    schema.write_text(json.dumps({"version": 1, "columns": columns}))
    files: dict[str, bytes | pd.DataFrame] = {
        "unknown.csv": table,
        "text-in-number.csv": table.assign(income=word),
        "comma.csv": table.assign(dose=NUMBERS[2].replace(".", ",")),
        "text-in-date.csv": table.assign(seen=word),
        "huge.csv": table.assign(income=NUMBERS[0] * 40),
        "missing.csv": table.assign(sex=""),
        "absent.csv": table.drop(columns=["sex", "wealth"]),
        "nested.parquet": pd.DataFrame({name: [[word]] for name in table}),
        "bytes.parquet": pd.DataFrame({name: [word.encode() + b"\xff"] for name in table}),
        "other-types.parquet": table.assign(income=pd.Timestamp(MOMENTS[0]), seen=float(NUMBERS[2]), sex=False),
    }
    text = table.to_csv(index=False).encode()
    header, body = text.split(b"\n", 1)
    files |= {
        "no-header.csv": body,
        "one-name.csv": b"sex," + body,
        "cells-as-header.csv": (f"{WORD}-sez,sex,{word},countri\n").encode() + body,
        "twice.csv": header.replace(b"chart", b"sex") + b"\n" + body,
        "ragged.csv": text + f"{word},{word}\n".encode(),
        "open-quote.csv": text + f'"{word},{word}\n'.encode(),
        "quote-in-header.csv": f'"{word},'.encode() + text,
        "latin.csv": text + f"{word}\xe9,".encode("latin-1") * 10,
        "utf16.csv": text.decode().encode("utf-16"),
        "zero.csv": text.replace(b"north", b"\0" + word.encode()),
        "one-line.csv": word.encode() * 3,
        "not-zipped.csv.gz": text,
        "cut.csv.gz": gzip.compress(text)[:-200],
        "csv.parquet": text,
        "yaml.csv": f"{word}: {word}\n{NUMBERS[1]}: [{word}\n".encode(),
    }
    (private / "cut.parquet").write_bytes((private / "table.parquet").read_bytes()[:-300])
    for name, content in files.items():
        if isinstance(content, pd.DataFrame):
            write = content.to_parquet if name.endswith(".parquet") else content.to_csv
            write(private / name, index=False)
        else:
            (private / name).write_bytes(content)
    budget = ("--schema", schema, "--epsilon", EPSILON, "--delta", DELTA)
    for name in [*files, "cut.parquet", "no-such.csv", "."]:
        given = private / name
        unit = ("--unit", "patient_id", "--max-rows-per-unit", "1")
        target = ("--out", out / "refused")
        sweep.add(f"fail-{name}", "synthesize", given, *budget, *target, *unit, "--progress", code=1)
        streamed = ("--set", "rows_in=disk")
        sweep.add(f"fail-streamed-{name}", "synthesize", given, *budget, *target, *unit, *streamed, code=1)
        if name not in ("cells-as-header.csv", "one-line.csv", "yaml.csv"):  # the names that it asks for are text
            sweep.add(f"ask-{name}", "schema", "ask", "--header", given, "--out", steward / f"{name}.yaml", code=None)
        sweep.add(f"check-{name}", "schema", "check", given, "--schema", schema, "--json", code=1)
        sweep.add(f"draft-{name}", "schema", "draft", given, "--out", steward / f"draft-{name}.yaml", code=None)
    ledger, release = out / "ledger.db", out / "release"
    booked = ("--ledger", ledger, "--scope", "population/study", "--request-id")
    refused = ("synthesize", private / "unknown.csv", *budget, "--out", out / "refused", *booked)
    sweep.add("fail-booked", *refused, "run-2", code=1)
    sweep.add("fail-other-plan", *refused, "run-1", "--json", code=1)
    sweep.add("ledger-explain-after", "ledger", "explain", ledger, away=True)
    unreviewed = ("--schema", steward / "draft.yaml", "--epsilon", EPSILON, "--delta", DELTA)
    sweep.add("fail-draft", "synthesize", private / "table.csv", *unreviewed, "--out", out / "refused", code=1)
    sweep.add("fail-draft-plan", "plan", *unreviewed, code=None)
    compared = ("evaluate", out / "mst", "--private", private / "table.csv")
    # A private file given where another belongs: what it is not may be said, what it holds may not.
    for name in ("yaml.csv", "table.parquet"):
        wrong = private / name
        for kind, arguments in {
            "show": ("show", wrong),
            "verify": ("verify", release, "--key", wrong),
            "sign": ("sign", release, "--key", wrong),
            "sign-audit": ("sign", release, "--key", steward / "key.pem", "--audit", wrong),
            "gate": ("gate", release, "--policy", wrong),
            "gate-key": ("gate", release, "--policy", out / "policy.yaml", "--key", wrong),
            "ledger": ("ledger", "show", wrong),
            "ledger-certificate": ("ledger", "verify", ledger, "--certificate", wrong),
            "pool": ("audit", release, "--private", private / "table.csv", "--pool", wrong),
            "audit": ("audit", release, "--private", private / "ragged.csv", "--holdout", wrong),
            "report": ("report", release, "--out", out / "wrong.html", "--audit", wrong),
            "sample": ("sample", wrong, "--out", out / "wrong.csv"),
            "plan": ("plan", "--schema", wrong, "--epsilon", "1", "--delta", "1e-6"),
            "evaluate": ("evaluate", out / "mst", "--private", wrong, "--no-direct", "--repeats", "1"),
            "evaluate-holdout": (*compared, "--holdout", wrong, "--no-direct", "--repeats", "1"),
            "estimate": ("estimate", wrong, "share(sex)"),
            "forecast": ("forecast", wrong, "--rows", "100", "--epsilon", "1", "--delta", "1e-6"),
            "import": ("schema", "import", wrong, "--format", "frictionless", "--out", steward / "wrong.yaml"),
            "import-sql": ("schema", "import", wrong, "--format", "sql", "--out", steward / "wrong.yaml"),
            "ask": ("schema", "ask", wrong, "--out", steward / "wrong.yaml"),
        }.items():
            sweep.add(f"wrong-{kind}-{name}", *arguments, code=None)


_LEAKY_ERROR = """
import dpsynth.private.ticks as ticks
from dpsynth.errors import DataError
def refuse(column, cells):
    raise DataError(f"cells must be numbers; got {ticks.distinct(cells).values[-1]}")
ticks._numeric_ticks = refuse
"""
_LEAKY_LOG = """
import logging
import dpsynth.private.ticks as ticks
kept = ticks._open_ticks
def logged(cells, labels):
    logging.getLogger("dpsynth").debug("values: %s", cells.values)
    return kept(cells, labels)
ticks._open_ticks = logged
"""
_NO_THRESHOLD = """
import dpsynth.mechanisms.partitions as partitions
partitions.threshold = lambda stddev, delta, max_rows: -10**9
"""
_IN_A_PACKED_TABLE = """
import dpsynth.release.tables as tables
kept = tables.write_parquet
extra = lambda part: part.append_column("extra", [[736491825047] * len(part)])
tables.write_parquet = lambda parts, path: kept(map(extra, parts), path)
"""


def planted_commands(sweep: Sweep) -> None:
    """Commands that were made to leak, each in its own way; what they write goes to planted/."""
    private, out, planted = (sweep.root / name for name in ("private", "out", "planted"))
    planted.mkdir()
    budget = ("--schema", out / "schema.json", "--epsilon", EPSILON, "--delta", DELTA, "--synthesizer", "mst")
    for name, plant in {"error": _LEAKY_ERROR, "log": _LEAKY_LOG, "threshold": _NO_THRESHOLD}.items():
        (planted / name).mkdir()
        made = ("--out", planted / name / "release", "--json")
        table = private / ("text-in-number.csv" if name == "error" else "table.csv")
        code = 1 if name == "error" else 0
        sweep.add(f"../planted/{name}/log", "synthesize", table, *budget, *made, plant=plant, code=code)
    (planted / "packed").mkdir()
    more = ("--out", planted / "packed" / "more.parquet")
    sweep.add("../planted/packed/log", "sample", out / "mst", *more, plant=_IN_A_PACKED_TABLE)


EXEMPT = ("private", "steward", "planted")
"""Folders of the steward: private tables; coins, drafts, keys and the steward's audit. And what was made to leak."""

# `demo` and `selftest` read no table of the user, and take long.
NOT_SWEPT = {"demo", "selftest"}


def _names(application: typer.Typer) -> set[str]:
    group = typer.main.get_command(application)
    found = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {name} if inner is None else {f"{name} {each}" for each in inner}
    return found


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, dict[str, int]]:
    sweep = Sweep(tmp_path_factory.mktemp("sweep"))
    good_commands(sweep)
    failing_commands(sweep)
    planted_commands(sweep)
    known = _names(app)
    sweep.commands = [one for one in sweep.commands if known & {one.arguments[0], " ".join(one.arguments[:2])}]
    return sweep, sweep.run()


@pytest.fixture(scope="module")
def patterns() -> dict[str, bytes]:
    table = private_table()
    cells = [str(cell).encode() for cell in pd.unique(table.to_numpy().ravel()) if WORD in str(cell)][:40]
    return _patterns([*cells, table.to_csv(index=False).encode(), *(text.encode() for text in (*NUMBERS, *MOMENTS))])


def test_no_command_lets_a_canary_out(swept: tuple[Sweep, dict[str, int]], patterns: dict[str, bytes]) -> None:
    sweep, _ = swept
    assert not sightings(sweep.root, patterns, [sweep.root / name for name in EXEMPT])


@pytest.mark.parametrize("leak", ["error", "log", "threshold", "packed"])
def test_the_sweep_sees_a_planted_leak(
    swept: tuple[Sweep, dict[str, int]], patterns: dict[str, bytes], leak: str
) -> None:
    sweep, _ = swept
    seen = sightings(sweep.root / "planted" / leak, patterns)
    files = {one.split(": ")[0] for one in seen}
    expected = {
        "error": {"log.stderr"},
        "log": {"log.stderr"},
        "threshold": {"release/synthetic.csv", "release/model.json", "release/certificate.json"},
        "packed": {"more.parquet"},
    }
    assert files & expected[leak], seen


def test_every_command_was_run_and_ended_as_it_should(swept: tuple[Sweep, dict[str, int]]) -> None:
    sweep, codes = swept
    run = {part for one in sweep.commands for part in (one.arguments[0], " ".join(one.arguments[:2]))}
    assert not _names(app) - run - NOT_SWEPT, "a command that the sweep does not know"
    wrong = {one.name: codes[one.name] for one in sweep.commands if one.code not in (None, codes[one.name])}
    assert not wrong
    assert not [name for name, code in codes.items() if code in (99, -6, -9, -11)], "an error got past the command line"


def test_an_error_is_a_message_and_no_traceback(swept: tuple[Sweep, dict[str, int]]) -> None:
    sweep, _ = swept
    texts = {path.name: path.read_text(errors="replace") for path in (sweep.root / "logs").iterdir()}
    assert not [name for name, text in texts.items() if "Traceback" in text]
    assert not [name for name, text in texts.items() if "its text is held back" in text], (
        "an error that nobody thought of"
    )


def test_what_is_the_stewards_alone_is_readable_by_nobody_else(swept: tuple[Sweep, dict[str, int]]) -> None:
    sweep, _ = swept
    steward, public = sweep.root / "steward", ("key.pub.pem", "confirmed.yaml")
    files = [path for path in steward.rglob("*") if path.is_file() and path.name not in public]
    assert {"coins.json", "key.pem", "draft.yaml", "audit.json"} <= {path.name for path in files}
    open_to_others = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not open_to_others


_PUBLIC_EDITION = """
import json, sys
from attacks import AuditReport
private, steward, out = sys.argv[1:]
def guard(event, arguments):
    if event == "open" and str(arguments[0]).startswith(private):
        raise PermissionError("private")
sys.addaudithook(guard)
try:
    open(f"{private}/table.csv")
except PermissionError:
    with open(f"{steward}/audit/audit.json") as file:
        AuditReport.from_json(json.load(file)).public().save(out)
"""


def test_the_public_edition_is_built_where_the_private_table_cannot_be_opened(
    swept: tuple[Sweep, dict[str, int]], patterns: dict[str, bytes], tmp_path: Path
) -> None:
    sweep, _ = swept
    places = [sweep.root / "private", sweep.root / "steward", tmp_path / "public"]
    environment = {**os.environ, "PYTHONPATH": str(Path(dpsynth.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", _PUBLIC_EDITION, *map(str, places)], check=True, env=environment)
    made, before = ((place / "public" / "audit.json").read_text() for place in (tmp_path, sweep.root / "out"))
    assert json.loads(made) == json.loads(before)
    assert not sightings(tmp_path, patterns)


def test_a_release_does_not_say_where_the_private_table_is(swept: tuple[Sweep, dict[str, int]]) -> None:
    sweep, _ = swept
    places = {name: name.encode() for name in ("table.csv", "table.parquet", str(sweep.root).lower(), "coins.json")}
    assert not [seen for name in ("release", *CATALOGUE) for seen in sightings(sweep.root / "out" / name, places)]
