"""A release: the synthetic table, the model and noisy numbers behind it, and the certificate of its promise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpsynth.codec.codec import Codec
from dpsynth.errors import DPSynthError, MissingExtraError, ReleaseError, SettingError
from dpsynth.marginal import NoisyMarginal
from dpsynth.models.model import Model, read_model
from dpsynth.processors import in_turn
from dpsynth.release import measurements as measurement_files
from dpsynth.release import metadata
from dpsynth.release.arrays import MAX_BYTES, from_npz, to_npz
from dpsynth.release.bundle import Writer, write_directory
from dpsynth.release.card import release_card
from dpsynth.release.certificate import Certificate
from dpsynth.release.conditions import Sampler, conditioned, released_schema
from dpsynth.release.content import content_digest
from dpsynth.release.directory import Directory
from dpsynth.release.documents import to_document
from dpsynth.release.known import Known, unheard
from dpsynth.release.parts import PART_ROWS, Parts, adding_up
from dpsynth.release.plain_words import plain_words
from dpsynth.release.tables import as_arrow, date_formats, parquet_parts, read_parquet, write_csv, write_parquet
from dpsynth.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from dpsynth.audit_pool import AuditPool
    from dpsynth.inference.estimate import Estimate
    from dpsynth.inference.posterior import Progress
    from dpsynth.inference.released import Design

MODEL_FORMAT = "dpsynth-model"
MODEL_VERSION = 1
# Mechanisms whose answer decides what is measured next.
CHOOSING_KINDS = ("selection", "selection of parents", "dependence")


@dataclass(frozen=True, eq=False, repr=False)
class Release:
    """Everything that was released; none of it needs the private table any more.

    schema: public. codec: how columns became codes. model: fitted to `measurements`, the noisy marginals.
    rows: synthetic rows in the released table. seed: which rows the model drew for it; never the noise.
    audit_pool: the secret coins of the audit pool, right after the run that drew them; `save` leaves them out.

    Privacy: every part is computed from noisy answers and public facts, so whatever is done with a
    release costs nothing (post-processing).
    """

    schema: Schema
    codec: Codec
    model: Model
    measurements: tuple[NoisyMarginal, ...]
    certificate: Certificate
    rows: int
    seed: int
    stored: Directory | None = None
    audit_pool: AuditPool | None = None

    def __repr__(self) -> str:
        promise = self.certificate.promise
        private = "" if self.certificate.noise.private else ", NOT PRIVATE"
        return (
            f"Release({self.rows} rows, {len(self.schema)} columns, synthesizer={self.certificate.synthesizer!r},"
            f" epsilon={promise.epsilon:g}, delta={promise.delta:g}{private})"
        )

    def _repr_html_(self) -> str:
        """A card for notebooks."""
        return release_card(self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The released synthetic table: drawn with the release's seed, or read back when it was loaded."""
        if self.stored is not None:
            content = self.stored.read("synthetic.parquet", self.stored.size("synthetic.parquet"))
            return read_parquet(content, rows=self.rows, columns=self.schema.names)
        return self.sample(self.rows, seed=self.seed)

    def to_arrow(self) -> pa.Table:
        """The released table for Arrow and what reads it, with its types; of other rows: `drawn(rows, seed)` first.

        Privacy: free, as `sample`.
        """
        return as_arrow(self.table)

    def to_polars(self) -> Any:
        """The released table as a polars DataFrame; of other rows: `drawn(rows, seed)` first.

        Raises MissingExtraError without polars. Privacy: free, as `sample`.
        """
        try:
            import polars
        except ImportError:
            raise MissingExtraError("to_polars", "polars") from None
        return polars.from_arrow(self.to_arrow())

    def sample(
        self,
        rows: int | None = None,
        *,
        seed: int | None = None,
        given: Mapping[str, Any] | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
        known: pd.DataFrame | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Draw `rows` synthetic rows from the model (by default as many as were released).

        seed: the same seed gives the same rows; None draws other rows each time.
        given: only rows with these values: column -> a value, a list of values, a range (low, high) with None for an
        open end, or None (missing). weights: labelled column -> share of the rows for some of its labels, such as
        {"sex": {"F": .5, "M": .5}}; other labels share what is left as the model has them.
        known: a table of public columns to keep exactly, one row for each row drawn; the other columns follow from the
        model given them. progress: called with a stage and the fraction of rows drawn. Raises SettingError when rows or
        seed is negative, and for conditions that cannot be met.

        Privacy: free. More rows tell nothing new about the private table, so they do not add precision.
        """
        import pandas as pd

        drawn = self.sample_parts(rows, seed=seed, given=given, weights=weights, known=known, progress=progress)
        parts = list(drawn)
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def sample_parts(
        self,
        rows: int | None = None,
        *,
        seed: int | None = None,
        given: Mapping[str, Any] | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
        known: pd.DataFrame | None = None,
        progress: Progress | None = None,
    ) -> Iterator[pd.DataFrame]:
        """The rows of `sample` in parts of PART_ROWS and a shorter last one, for more rows than memory holds.

        A whole part is a function of the arguments and of its place alone, however many rows are drawn in all. At least
        one part comes, though it may be empty. Raises SettingError as `sample` does.

        Privacy: free, as `sample`.
        """
        parts = self._parts(rows, seed, given, weights, known)
        tell = unheard if progress is None else adding_up(parts.rows, progress)
        return in_turn(lambda number: parts.part(number, tell=tell), range(parts.count))

    def sample_in_spark(
        self,
        session: Any,
        rows: int | None = None,
        *,
        seed: int | None = None,
        given: Mapping[str, Any] | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
    ) -> Any:
        """The rows of `sample_parts` as a frame of Spark, a part in each partition, for any number of rows.

        session: of Spark; its executors need dpsynth. Labels are text there, whole numbers have 64 bits, and moments
        are TIMESTAMP_NTZ. Raises SettingError as `sample` does.

        Privacy: free, as `sample`.
        """
        return self._parts(rows, seed, given, weights).in_spark(session)

    def _parts(
        self,
        rows: int | None,
        seed: int | None,
        given: Mapping[str, Any] | None = None,
        weights: Mapping[str, Mapping[Any, float]] | None = None,
        known: pd.DataFrame | None = None,
    ) -> Parts:
        if known is not None and (weights or rows not in (None, len(known))):
            raise SettingError("known must come without weights, and without rows other than its own; try leaving out")
        wanted = len(known) if known is not None else self.rows if rows is None else rows
        for name, value in (("rows", wanted), ("seed", 0 if seed is None else seed)):
            if value < 0:
                raise SettingError(f"{name} ({value}) must not be negative; try 0 or more")
        most = self.codec.most_rows
        if most is not None and wanted > most:
            raise SettingError(f"rows ({wanted}) must be at most {most}, the values of a key that is never repeated")
        schema, sampler = released_schema(self.schema, self.codec), Sampler(self.codec, self.model)
        sampler = conditioned(sampler, schema, given, weights)
        rows_known = None if known is None else Known.of(schema, known)
        entropy = np.random.SeedSequence(seed).entropy
        return Parts(sampler.codec, sampler.model, wanted, entropy, PART_ROWS, rows_known)

    def estimate(
        self,
        request: str,
        *,
        about: str = "population",
        level: float = 0.95,
        progress: Progress | None = None,
    ) -> Estimate:
        """What the release says about the population, with error bars that count noise and sampling.

        request: "mean(age) by sex", "share(income)", "count(sex, income)" or "income ~ age + sex". about: "table" for
        the private table alone. level: of the intervals. Raises SettingError. When it holds, and how columns that
        were not measured together widen it: docs/explanation/error-bars.md.

        Privacy: free, post-processing.
        """
        from dpsynth.inference.intervals import estimate

        return estimate(self, request, about=about, level=level, progress=progress)

    def sample_tables(
        self, count: int, *, rows: int | None = None, seed: int | None = None, progress: Progress | None = None
    ) -> tuple[pd.DataFrame, ...]:
        """Synthetic tables from `count` models that might have come out as well, for analyses whose errors `combine`.

        rows: of each, by default as many as were released. Raises SettingError when a number is too small, or the
        model is not one that the noisy marginals determine (a network, a mixture, a sum of features).

        Privacy: free, as `sample`; together the tables show how uncertain the release is.
        """
        from dpsynth.inference.posterior import redrawn_tables

        return redrawn_tables(self, count, self.rows if rows is None else rows, seed, progress)

    @property
    def design(self) -> Design:
        """How the release was made, as far as error bars care."""
        from dpsynth.inference.released import Design

        chosen = any(record.kind in CHOOSING_KINDS for record in self.certificate.mechanisms)
        return Design(chosen, self.certificate.unit.max_rows)

    def save(self, path: Path | str, *, overwrite: bool = False, quote_formulas: bool = False) -> Path:
        """Write the release into a new directory, all or nothing; returns the directory.

        overwrite: replace an earlier release, which stays whole until this one is complete.
        quote_formulas: in the CSV file, keep spreadsheets from running text as formulas.
        Raises ReleaseError when the directory is taken or cannot be written.
        """
        write_directory(Path(path), self._writers(quote_formulas), overwrite=overwrite)
        return Path(path)

    def drawn(self, rows: int | None, seed: int | None) -> Release:
        """This release with other synthetic rows, or itself where rows and seed are its own or None.

        Privacy: free, as `sample`; the content that was paid for is the same.
        """
        wanted = self.rows if rows is None else rows, self.seed if seed is None else seed
        if wanted == (self.rows, self.seed):
            return self
        certificate = replace(self.certificate, rows=wanted[0], seed=wanted[1])
        return replace(self, certificate=certificate, rows=wanted[0], seed=wanted[1], stored=None)

    @property
    def content_digest(self) -> str:
        """SHA-256 of what was paid for, measurements and model: of their files, as they lie there or will be saved."""
        if self.stored is not None:
            return content_digest(self.stored.digests())
        return content_digest({name: hashlib.sha256(content).hexdigest() for name, content in self._content().items()})

    def _content(self) -> dict[str, bytes]:
        """The files of `content.CONTENT`; a release that was loaded and is saved again has the same bytes in them."""
        document, arrays = measurement_files.to_files(self.model.domain, self.measurements)
        model = {
            "format": MODEL_FORMAT,
            "version": MODEL_VERSION,
            "schema": self.schema.to_json(),
            "model": self.model.to_json(),
            "codec": self.codec.to_json(),
        }
        return {
            "measurements.json": to_document(document),
            "measurements.npz": to_npz(arrays),
            "model.json": to_document(model),
            "model.npz": to_npz(self.model.to_arrays()),
        }

    def _table_parts(self) -> Iterator[pa.Table]:
        if self.stored is not None or "table" in vars(self):
            return iter([as_arrow(self.table)])
        return map(as_arrow, self.sample_parts(self.rows, seed=self.seed))

    def _write_csv(self, file: Path, quote_formulas: bool) -> None:
        """From the Parquet file beside it, so that no row is drawn twice."""
        with file.with_name("synthetic.parquet").open("rb") as stream:
            parts = parquet_parts(stream, rows=self.rows, columns=self.schema.names)
            write_csv(parts, file, formats=date_formats(self.schema), quote_formulas=quote_formulas)

    def _writers(self, quote_formulas: bool) -> dict[str, Writer]:
        return {
            "synthetic.parquet": lambda file: write_parquet(self._table_parts(), file),
            "synthetic.csv": lambda file: self._write_csv(file, quote_formulas),
            "certificate.json": _bytes(to_document(self.certificate.to_json())),
            "certificate.txt": _bytes(plain_words(self.certificate).encode()),
            "schema.yaml": self.schema.save,
            **{name: _bytes(content) for name, content in self._content().items()},
            **metadata.writers(self.schema, self.certificate, quote_formulas=quote_formulas),
        }


def load(path: Path | str) -> Release:
    """The release in a directory, after every file was compared with the manifest; no private data is needed.

    Raises ReleaseError when a file is missing, changed, too large or not what it should be. Nothing in
    the directory is run: no pickle, no code, fixed file names.
    """
    directory = Directory(path)
    directory.check_all()
    certificate = Certificate.from_json(directory.document("certificate.json"))
    model_document = directory.document("model.json")
    if (model_document.get("format"), model_document.get("version")) != (MODEL_FORMAT, MODEL_VERSION):
        raise ReleaseError(f"model.json must say format {MODEL_FORMAT!r} and version {MODEL_VERSION}")
    noisy = measurement_files.from_files(
        directory.document("measurements.json"), directory.read("measurements.npz", MAX_BYTES)
    )
    schema, codec, model = _parse_parts(model_document, directory)
    return Release(schema, codec, model, noisy, certificate, certificate.rows, certificate.seed, stored=directory)


def load_certificate(path: Path | str) -> Certificate:
    """The certificate of the release in a directory, after every file was compared with the manifest."""
    directory = Directory(path)
    directory.check_all()
    return Certificate.from_json(directory.document("certificate.json"))


def _parse_parts(document: Mapping[str, Any], directory: Directory) -> tuple[Schema, Codec, Model]:
    arrays = from_npz(directory.read("model.npz", MAX_BYTES), file="model.npz")
    try:
        schema = Schema.from_json(document["schema"])
        codec = Codec.from_json(document["codec"])
        model = read_model(document["model"], arrays)
    except (DPSynthError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise ReleaseError(f"model.json and model.npz must hold a whole model; got {type(error).__name__}") from None
    if codec.domain != model.domain or tuple(column.name for column in codec.columns) != schema.names:
        raise ReleaseError("schema, codec and model must speak of the same columns; got different ones")
    return schema, codec, model


def _bytes(content: bytes) -> Writer:
    def write(file: Path) -> None:
        file.write_bytes(content)

    return write
