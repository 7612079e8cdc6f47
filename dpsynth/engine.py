"""The whole story: settle what is asked, take the table in, find codes, measure, model, release."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpsynth import encoding as encodings
from dpsynth.audit_pool import AuditPool, PoolSize
from dpsynth.booking import TOP, Booking, tape_of
from dpsynth.encoding import Encoding, find_codec, largest_domain
from dpsynth.errors import SettingError
from dpsynth.fairness import Fairness
from dpsynth.ledger import whole_units
from dpsynth.plan import Plan, require_memory
from dpsynth.privacy.calibration import Guarantee, budget_from, check_delta
from dpsynth.privacy.cost import Cost
from dpsynth.privacy.randomness import EntropySource, OsEntropy
from dpsynth.privacy.unit import PrivacyUnit, Relation
from dpsynth.private.counted import counted
from dpsynth.private.ingest import RowsIn
from dpsynth.release.certificate import (
    Certificate,
    LedgerRecord,
    MechanismRecord,
    Noise,
    PoolRecord,
    Promise,
    Software,
    Spending,
    public_items,
    utc_now,
)
from dpsynth.release.certificate import Unit as UnitWords
from dpsynth.release.fair import require_fair
from dpsynth.release.release import Release
from dpsynth.satisfiable import satisfiable_domain
from dpsynth.schema import Identifier, Schema
from dpsynth.session import Door, Session
from dpsynth.shared_settings import ENGINE_SETTINGS, RUN_SETTINGS, parted
from dpsynth.synthesizers.asked import with_fairness, with_workload
from dpsynth.synthesizers.auto import AUTO, choose
from dpsynth.synthesizers.catalogue import NEEDS_ROWS, delta_share, make_synthesizer, summed_cells
from dpsynth.synthesizers.synthesizer import Fitted, Progress, Synthesizer, no_progress
from dpsynth.tape import Tape
from dpsynth.workload import Workload

if TYPE_CHECKING:
    from dpsynth.ledger.ledger import Ledger
    from dpsynth.private.files import Data


READING = "reading the table"


@dataclass(frozen=True)
class Request:
    """What a steward asks for, checked and settled, before any data: all of it public.

    name: of the synthesizer that runs; reason: why `auto` chose it, None when the steward did.
    """

    schema: Schema
    epsilon: float
    delta: float
    unit: PrivacyUnit
    name: str
    reason: str | None
    settings: dict[str, Any]
    synthesizer: Synthesizer
    encoding: Encoding
    budget: Cost
    memory_limit_bytes: int | None
    fairness: Fairness | None = None
    pool: PoolSize | None = None
    rows_in: RowsIn = RowsIn.AUTO

    def to_json(self) -> dict[str, Any]:
        """All that was asked for, as JSON values: what a ledger knows a plan by."""
        return {
            "schema": self.schema.to_json(),
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": [self.unit.relation.value, self.unit.column, self.unit.max_rows],
            "synthesizer": self.name,
            "settings": json.loads(json.dumps(self.settings, default=dataclasses.asdict)),
            "audit_pool": None if self.pool is None else self.pool.units,
        }

    @property
    def encoding_budget(self) -> Cost:
        """The part of the budget that finds codes; nothing when the schema has all codes."""
        share, deltas = self.encoding.share(self.schema), _delta_shares(self.schema, self.encoding, self.name)
        of_mu = Cost(self.budget.mu_squared).split([share, 1 - share])[0]
        of_delta = Cost(Fraction(0), self.budget.delta).split(deltas)[0].delta if any(deltas) else Fraction(0)
        return of_mu + Cost(Fraction(0), of_delta)

    @property
    def synthesizer_budget(self) -> Cost:
        """What is left for the synthesizer."""
        return self.budget.minus(self.encoding_budget)


def settle(
    schema: Schema,
    *,
    epsilon: float,
    delta: float,
    synthesizer: str = AUTO,
    workload: Workload | str | None = None,
    label: str | None = None,
    fairness: Fairness | str | None = None,
    relation: str | Relation = Relation.ADD_REMOVE,
    unit: str | None = None,
    max_rows_per_unit: int | None = None,
    settings: Mapping[str, Any] | None = None,
    audit_pool: bool | int = False,
) -> Request:
    """Check a request and compute its budget; raises SettingError or SchemaError, and reads no data."""
    schema.require_reviewed()
    privacy_unit = PrivacyUnit.asked(relation, unit, max_rows_per_unit)
    if unit is not None and not (unit in schema and isinstance(schema[unit], Identifier)):
        raise SettingError(f"unit ({unit!r}) must be an Identifier column of the schema; try Identifier({unit!r})")
    if schema.public_rows:
        check_delta(delta, schema.public_rows)
    own, rest = parted(dict(settings or {}))
    encoding = Encoding(**{key: value for key, value in own.items() if key not in RUN_SETTINGS})
    reserve = sum(_delta_shares(schema, encoding, synthesizer)) * delta
    budget = budget_from(epsilon, delta, reserve)
    domain = satisfiable_domain(schema)
    name, reason = synthesizer, None
    if synthesizer == AUTO:
        wanted = workload is not None or label is not None or "workload" in rest
        fair = fairness is not None or "fairness" in rest
        choice = choose(domain, budget, privacy_unit, schema.public_rows, workload=wanted, fair=fair)
        name, reason = choice.name, choice.reason
    asked = with_fairness(name, with_workload(name, rest, workload, label, domain), fairness, schema)
    made = make_synthesizer(name, asked, also=ENGINE_SETTINGS)
    return Request(
        schema=schema,
        epsilon=float(epsilon),
        delta=float(delta),
        unit=privacy_unit,
        name=name,
        reason=reason,
        settings={**dataclasses.asdict(encoding), **dataclasses.asdict(made)},  # type: ignore[call-overload]  # a protocol
        synthesizer=made,
        fairness=asked.get("fairness"),
        encoding=encoding,
        budget=budget,
        memory_limit_bytes=own.get("memory_limit_bytes"),
        pool=_pool_size(audit_pool, schema.public_rows, privacy_unit),
        rows_in=RowsIn.asked(own.get("rows_in", RowsIn.AUTO), name, one_by_one=name in NEEDS_ROWS),
    )


def _delta_shares(schema: Schema, encoding: Encoding, synthesizer: str) -> tuple[float, float]:
    """The parts of delta that the search for codes and the synthesizer may leave uncovered."""
    return encoding.encoding_delta_share if encodings.open_columns(schema) else 0.0, delta_share(synthesizer)


def _pool_size(asked: bool | int, public_rows: int | None, unit: PrivacyUnit) -> PoolSize | None:
    if asked is False:
        return None
    return PoolSize.asked(asked, public_rows, pairs=unit.relation is Relation.REPLACE_ONE)


def plan_request(request: Request) -> Plan:
    """Cost, noise, cells, memory and time of a request; raises PlanTooLargeError beyond the memory limit."""
    domain = largest_domain(request.schema)
    resources = request.synthesizer.resources(domain)
    require_memory(resources, request.memory_limit_bytes, domain)
    found = encodings.planned_steps(request.schema, request.encoding_budget, request.encoding, request.unit)
    measured = request.synthesizer.steps(domain, request.synthesizer_budget, request.unit)
    return Plan(
        synthesizer=request.name,
        settings=request.settings,
        epsilon=request.epsilon,
        delta=request.delta,
        guarantee=Guarantee.of(request.budget),
        unit=request.unit,
        budget=request.budget,
        steps=(*found, *measured),
        resources=resources,
        reason=request.reason,
        pool=request.pool,
    )


def plan(schema: Schema, *, epsilon: float, delta: float, **options: Any) -> Plan:
    """What a release would promise, what each step would cost, and what the run would need.

    Takes the same options as `synthesize` and no data. Raises SettingError, SchemaError, PlanTooLargeError.
    """
    return plan_request(settle(schema, epsilon=epsilon, delta=delta, **options))


def run_request(request: Request, door: Door, progress: Progress = no_progress) -> Fitted:
    """Everything that touches private data, through the door alone: find the codes, then fit."""
    progress("codes", 0.0)
    columns = len(largest_domain(request.schema))
    pair_mu = request.synthesizer_budget.mu / max(columns - 1, 1) ** 0.5
    codec = find_codec(door, request.schema, request.encoding_budget, request.encoding, pair_mu)
    fitted = request.synthesizer.fit(door, codec, request.synthesizer_budget, progress).within_constraints()
    if request.fairness is not None:
        require_fair(request.fairness, request.schema.constraints, fitted.measurements, fitted.model)
    return fitted


def synthesize(
    data: Data,
    schema: Schema,
    *,
    epsilon: float,
    delta: float,
    synthesizer: str = AUTO,
    workload: Workload | str | None = None,
    label: str | None = None,
    fairness: Fairness | str | None = None,
    relation: str | Relation = Relation.ADD_REMOVE,
    unit: str | None = None,
    max_rows_per_unit: int | None = None,
    rows: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    audit_pool: bool | int = False,
    ledger: Ledger | str | Path | None = None,
    scope: str = TOP,
    request_id: str | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Release:
    """Make a differentially private synthetic release of a private table.

    data: pandas DataFrame, pyarrow Table, mapping of columns; the path of a CSV (.gz) or Parquet file, or of a folder
    of Parquet files, partitioned by name or not; the URI of such a file or folder in a store; an Arrow data set, or a
    reader of batches; a frame of Spark, duckdb:///PATH?table=T or postgresql://HOST/DATABASE?table=T, from where only
    counts come. What is large is read batch by batch into a private file (settings: rows_in).
    schema: what is public about its columns. epsilon, delta: the promise for the whole release.
    synthesizer: a name from `synthesizers()`; "auto" chooses one from public facts alone. settings: its options.
    label: a column that will be predicted from the others. workload: which marginals matter (a `Workload`, or
    text such as "3;label=income"); both are public, so do not choose them by looking at the private table.
    fairness: which columns may tell about an outcome only through admissible ones (a `Fairness`, or text); as public.
    relation: "add-remove" or "replace-one". unit, max_rows_per_unit: the column that says whose row it is, and
    how many rows of one unit are kept (chosen at random); without a unit each row is protected by itself.
    rows: how many synthetic rows, by default the noisy number of private rows. seed: of the synthetic rows alone, never
    of the noise. audit_pool: True, or a number of units, each of which takes part by the fall of a secret coin, so
    that the release can be audited by itself; half of them, about, are left out of the fit. The coins are in
    `release.audit_pool`, for you alone: save them where the private table is.
    ledger, scope: charge the budget to a scope of a ledger first, and refuse what does not fit (`Ledger`, a file, or a
    database URL). request_id: the same one asks for the same release again, free of charge once measured; with
    other rows or another seed they are drawn anew from what was measured then.
    checkpoint: a folder for this run alone, on your side: a run that was cut off goes on from there, with the same
    table and the same settings, at the price of one run. progress: called with a stage and the fraction done.

    Raises SettingError, SchemaError, DataError, PlanTooLargeError, BudgetError, LedgerError; no message holds a cell
    value.

    Privacy: the release is delta0-approximately mu-GDP, which implies (epsilon, delta)-DP, for the unit
    and relation given. Proof: docs/explanation/privacy-currency.md.
    """
    for name, number in (("rows", rows), ("seed", seed)):
        if number is not None and (isinstance(number, bool) or not number >= 0):
            raise SettingError(f"{name} ({number}) must not be negative; try 0 or more")
    request = settle(
        schema,
        epsilon=epsilon,
        delta=delta,
        synthesizer=synthesizer,
        workload=workload,
        label=label,
        fairness=fairness,
        relation=relation,
        unit=unit,
        max_rows_per_unit=max_rows_per_unit,
        settings=settings,
        audit_pool=audit_pool,
    )
    booking = None
    if ledger is not None:
        booking = Booking.of(ledger, scope, request_id, request.to_json())
        # A ledger counts in whole units and charges upwards: what is spent is a whole number of them.
        request = dataclasses.replace(request, budget=whole_units(request.budget))
    asked: dict[str, Any] = {"rows": rows, "seed": seed, "progress": progress or no_progress, "booking": booking}
    if checkpoint is None:
        return release(data, request, OsEntropy(), **asked)
    with closing(tape_of(Path(checkpoint), request.to_json(), booking)) as tape:
        return release(data, request, OsEntropy(), **asked, tape=tape)


def release(
    data: Data,
    request: Request,
    source: EntropySource,
    *,
    rows: int | None = None,
    seed: int | None = None,
    progress: Progress = no_progress,
    booking: Booking | None = None,
    tape: Tape | None = None,
) -> Release:
    """The release of a settled request; `source` is the operating system's entropy except in tests.

    booking: the charge in a ledger. It is reserved before the table is read, given back when the table is refused,
    and spent from the moment before the first mechanism runs. tape: the answers of an earlier run that was cut off.
    """
    progress(f"plan: {request.name}", 0.0)
    plan_request(request)  # refuses what is too large before any row is read
    goes_on = tape is not None and tape.goes_on
    kept = None if booking is None else booking.begin(request.budget, request.delta, goes_on=goes_on)
    if kept is not None:
        return kept.drawn(rows, seed)
    progress(READING, 0.0)
    with _given_back(booking):
        counter, pool = counted(
            data,
            request.schema,
            request.unit,
            source,
            pool=request.pool,
            rows_in=request.rows_in,
            summed_cells=summed_cells(request.name, largest_domain(request.schema)),
            progress=lambda done: progress(READING, done),
        )
    if booking is not None:
        booking.touched()
    session = Session(counter, request.unit, request.budget, source, on_run=lambda step: progress(step, 0.0), tape=tape)
    try:
        fitted = run_request(request, session, progress)
    finally:
        session.close()
        counter.close()
    record = None if booking is None else booking.record()
    made = _released(request, session, fitted, source.private, rows, seed, pool, record)
    if booking is not None:
        booking.finish(made)
    return made


@contextmanager
def _given_back(booking: Booking | None) -> Iterator[None]:
    """Void a charge when reading the table fails: no mechanism has run."""
    try:
        yield
    except BaseException:
        if booking is not None:
            booking.void()
        raise


def _released(
    request: Request,
    session: Session,
    fitted: Fitted,
    private: bool,
    rows: int | None,
    seed: int | None,
    pool: AuditPool | None,
    record: LedgerRecord | None,
) -> Release:
    rows = fitted.rows if rows is None else rows
    seed = secrets.randbits(32) if seed is None else seed
    certificate = Certificate(
        synthesizer=request.name,
        reason=request.reason,
        settings=request.settings,
        promise=Promise.of(Guarantee.of(request.budget), epsilon=request.epsilon, delta=request.delta),
        unit=UnitWords.of(request.unit),
        mechanisms=tuple(
            MechanismRecord.of(record.label, record.parameters, record.cost, request.budget)
            for record in session.records
        ),
        spending=Spending.of(granted=request.budget, spent=session.spent),
        noise=Noise.of(private),
        public_metadata=public_items(request.schema),
        rows=rows,
        estimated_total=float(fitted.model.total),
        seed=seed,
        created=utc_now(),
        software=Software.here(),
        ledger=record,
        audit_pool=None if pool is None or request.pool is None else PoolRecord.of(request.pool, pool),
    )
    return Release(
        request.schema, fitted.codec, fitted.model, fitted.measurements, certificate, rows, seed, audit_pool=pool
    )
