"""From raw texts to cases, in SQL over integers: distinct texts are read once, the rest is joins.

Makes the tables `cases_in`, `diagnoses_in` and `codes_in` that a snapshot is built from, and `kept_out` with
the quarantined records. Age follows gateway.model.dates.Age.at_diagnosis: given days, else given years narrowed by the
dates, else the difference of the dates, cut at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.case import Diagnosis
from gateway.model.values import Absent
from gateway.sources.loading.codebook import Codebook, Finding
from gateway.sources.loading.groups import field_group, groups_of, split_group
from gateway.sources.loading.normalise import Normaliser, Row
from gateway.sources.loading.spool import FileState
from gateway.sources.profile import CODED_FIELDS, Profile, names_of
from gateway.sources.reading import NOT_IN_FILE

NO_PATIENT = Finding("patient", "has no patient id")
BORN_LATER = Finding("birth", "begins after the incidence date ends")
READER = Finding("record", "has an issue of the reader, and the profile is strict")
REPEATED = Finding("tumour", "repeats the patient and tumour of an earlier record")

_BORN_LATER = "map_incidence.incidence_hi < map_birth.birth_lo"
_NOT_OUT = "kept.row NOT IN (SELECT row FROM kept_out)"
_PIECE = 20_000
_CODED = (*sorted(CODED_FIELDS), "stage")
_CODE_TYPES = {"grade": "USMALLINT", "stage": "USMALLINT", "country": "USMALLINT"}
_DATES = ("birth", "incidence", "last_contact")


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one file by what became of them, before the rejects of the reader."""

    raw: int
    filtered: int
    refused: int
    quarantined: int
    repeated: int
    accepted: int


class Tables:
    """The work tables of one load."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, profile: Profile, book: Codebook) -> None:
        self._connection = connection
        self._run = connection.execute
        self._profile = profile
        self._book = book
        self._column = {group: f"c{number}" for number, group in enumerate(groups_of(profile))}

    # --- which records ------------------------------------------------------------------------------------------------

    def filter(self) -> None:
        """Make `kept`: the raw records that the profile's `[[only]]` rules keep."""
        rules = [f"WHEN NOT ({self._keeps(rule)}) THEN {number}" for number, rule in enumerate(self._profile.only)]
        self._only = f"CASE {' '.join(rules)} END" if rules else None
        where = f"WHERE {self._only} IS NULL" if self._only else ""
        self._run(f"CREATE VIEW kept AS SELECT rowid AS row, * FROM raw {where}")

    def _keeps(self, rule: Mapping[str, object]) -> str:
        texts = [text.strip() for text in names_of(rule["values"])]
        if rule.get("optional"):
            texts.append(NOT_IN_FILE)
        return f"{self._first(names_of(rule['column']))} IN ({', '.join(map(_literal, texts))})"

    def _first(self, columns: Sequence[str]) -> str:
        """SQL of the first column that is not blank, without blanks around it; '' if all are."""
        texts = [f"trim({self._column[name,]})" for name in columns]
        if len(texts) == 1:
            return texts[0]
        filled = [f"nullif(nullif({text}, ''), {_literal(NOT_IN_FILE)})" for text in texts]
        return f"coalesce({', '.join(filled)}, {texts[0]})"

    def filtered(self) -> Iterator[tuple[int, str, int]]:
        """File, reason and number of the records that the rules do not keep."""
        if self._only is None:
            return
        found = self._run(
            f"SELECT file, {self._only} AS rule, count(*) FROM raw WHERE rule IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
        for file, rule, count in found.fetchall():
            yield file, str(self._profile.only[rule]["reason"]), count

    # --- what distinct texts mean ---------------------------------------------------------------------------------------

    def distinct_texts(self, file: int, name: str) -> Iterator[Sequence[str]]:
        """The different texts of the columns of a field in one file."""
        group = field_group(name, self._profile)
        sql = f"SELECT DISTINCT {self._column[group]} FROM kept WHERE file = {file} ORDER BY ALL"
        return (split_group(text, len(group)) for (text,) in self._run(sql).fetchall())

    def normalise(self, normaliser: Normaliser) -> None:
        """Make the map of one field: its distinct texts, numbered in their order, and what they mean."""
        name = normaliser.name
        size = len(normaliser.columns)
        keys = f"{self._column[normaliser.columns]} AS text" + (", file" if normaliser.by_file else "")
        self._run(
            f"CREATE TABLE seen_{name} AS SELECT (row_number() OVER ())::INTEGER AS id, * "
            f"FROM (SELECT DISTINCT {keys} FROM kept ORDER BY ALL)"
        )
        outputs = ", ".join(f"{output} INTEGER" for output in normaliser.outputs)
        self._run(f"CREATE TABLE meant_{name} (id INTEGER, {outputs})")
        (total,) = self._run(f"SELECT count(*) FROM seen_{name}").fetchall()[0]
        for start in range(0, total, _PIECE):
            rows = self._run(f"SELECT * FROM seen_{name} WHERE id > ? AND id <= ? ORDER BY id", [start, start + _PIECE])
            pieces = rows.fetchall()
            meant = [normaliser.read([*split_group(row[1], size), *map(str, row[2:])]) for row in pieces]
            self._insert(f"meant_{name}", [row[0] for row in pieces], meant)
        self._run(f"CREATE TABLE map_{name} AS SELECT * EXCLUDE (id) FROM seen_{name} JOIN meant_{name} USING (id)")
        self._run(f"DROP TABLE seen_{name}")
        self._run(f"DROP TABLE meant_{name}")

    def _insert(self, table: str, ids: Sequence[int], rows: Sequence[Row]) -> None:
        piece: dict[str, npt.NDArray[np.int32]] = {"id": np.array(ids, np.int32)}
        for number, values in enumerate(zip(*rows, strict=True)):
            mask = [value is None for value in values]
            plain = np.array([0 if value is None else value for value in values], np.int32)
            piece[f"o{number}"] = np.ma.array(plain, mask=mask)
        self._connection.register("piece", piece)
        self._run(f"INSERT INTO {table} SELECT * FROM piece")
        self._connection.unregister("piece")

    # --- cases --------------------------------------------------------------------------------------------------------

    def keep_out(self, normalisers: Sequence[Normaliser], odd_lines: Mapping[int, Sequence[int]]) -> None:
        """Make `kept_out`: the records that are no cases, each with the number of one finding.

        Parameters
        ----------
        normalisers
            Those whose maps have been made.
        odd_lines
            File number -> lines of records that a strict profile rejects for an issue of the reader.
        """
        self._means = {output: f"map_{n.name}.{output}" for n in normalisers for output in n.outputs}
        strict = self._profile.mode == "strict"
        needed = normalisers if strict else [n for n in normalisers if n.name in ("diagnosis", "incidence")]
        fault, refused = self._fault(), self._refused(normalisers)
        self._run(
            f"CREATE TABLE kept_out AS SELECT * FROM (SELECT kept.row, kept.file, {fault} AS fault, {refused} AS refused "
            f"FROM kept {self._joins(needed)}) WHERE fault IS NOT NULL OR refused IS NOT NULL"
        )
        for file, lines in odd_lines.items():
            self._refuse_lines(file, lines)
        patient, tumour, repeated = self._id("patient"), self._tumour(), self._book.finding(REPEATED)
        others = "" if not self._one("SELECT count(*) FROM kept_out") else f"WHERE {_NOT_OUT}"
        self._run(
            f"""CREATE TABLE repeats AS WITH ids AS (SELECT row, file, {patient} AS p, {tumour} AS t FROM kept {others}),
            twice AS (SELECT hash(p, t) AS h FROM ids GROUP BY h HAVING count(*) > 1)
            SELECT row, file FROM ids WHERE hash(p, t) IN (SELECT h FROM twice)
            QUALIFY row > min(row) OVER (PARTITION BY p, t)"""
        )
        self._run(f"INSERT INTO kept_out SELECT row, file, {repeated}, NULL FROM repeats")

    def _refuse_lines(self, file: int, lines: Sequence[int]) -> None:
        number = self._book.finding(READER)
        for start in range(0, len(lines), _PIECE):
            wanted = ", ".join(map(str, lines[start : start + _PIECE]))
            self._run(
                f"INSERT INTO kept_out SELECT row, file, NULL, {number} FROM kept "
                f"WHERE file = {file} AND line IN ({wanted}) AND {_NOT_OUT}"
            )

    def offer(self, normalisers: Sequence[Normaliser], source: str, salt: bytes) -> None:
        """Make `cases_in`, `diagnoses_in` and `codes_in`, from which a snapshot is built.

        `cases_in` is a view: the builder reads it once, so its rows are never written before they are sorted.
        """
        patient, tumour = self._id("patient"), self._tumour()
        prefix = _literal(f"{salt.hex()}\x1f{source}\x1f")
        columns = {
            "patient_key": f"left(sha256({prefix} || {patient}), 20)",
            "case_key": f"left(sha256({prefix} || {patient} || chr(31) || {tumour}), 20)",
            "dx": self._means["dx"],
            **{f"{name}_{part}": self._date(name, part) for name in _DATES for part in ("lo", "hi", "precision")},
            **self._ages(),
            **{name: self._code(name) for name in _CODED},
            "sequence": f"{self._means.get('sequence', 'NULL')}::SMALLINT",
        }
        chosen = ",\n".join(f"{expression} AS {name}" for name, expression in columns.items())
        others = f"WHERE {_NOT_OUT}" if self._one("SELECT count(*) FROM kept_out") else ""
        self._run(f"CREATE VIEW cases_in AS SELECT {chosen}\nFROM kept {self._joins(normalisers)} {others}")
        self._run(
            "CREATE TABLE diagnoses_in (dx INTEGER, topography VARCHAR, morphology SMALLINT, behaviour TINYINT, "
            "topography_absent VARCHAR, morphology_absent VARCHAR, behaviour_absent VARCHAR, icd10 VARCHAR, "
            "iccc VARCHAR, icdo_edition VARCHAR)"
        )
        self._values("diagnoses_in", [_diagnosis_row(number, d) for d, number in self._book.diagnoses.items()])
        self._run("CREATE TABLE codes_in (field VARCHAR, idx INTEGER, code VARCHAR)")
        codes = [(name, number, code) for name, known in self._book.codes.items() for code, number in known.items()]
        self._values("codes_in", codes)

    def _joins(self, normalisers: Sequence[Normaliser]) -> str:
        return "\n".join(f"LEFT JOIN map_{n.name} ON {self._same(n, f'map_{n.name}')}" for n in normalisers)

    def _same(self, normaliser: Normaliser, table: str) -> str:
        """SQL of the join of a map with `kept`."""
        by_file = f" AND {table}.file = kept.file" if normaliser.by_file else ""
        return f"{table}.text = kept.{self._column[normaliser.columns]}{by_file}"

    def _id(self, name: str) -> str:
        """SQL of an id of the source, '' if it has none."""
        block = self._profile.fields[name]
        if "parts" in block:
            parts = [f"trim({self._column[column,]})" for column in names_of(block["parts"])]
            blank = f"{parts[-1]} IN ('', {_literal(NOT_IN_FILE)})"
            return f"CASE WHEN {blank} THEN '' ELSE {' || chr(31) || '.join(parts)} END"
        text = self._first(names_of(block["column"]))
        absent = [NOT_IN_FILE, *(t.strip() for t in names_of(block.get("unknown", ())))]
        return f"CASE WHEN {text} IN ({', '.join(map(_literal, absent))}) THEN '' ELSE {text} END"

    def _tumour(self) -> str:
        """SQL of what tells the tumours of a patient apart: their id, else the texts of diagnosis and date."""
        groups = dict.fromkeys(field_group(name, self._profile) for name in ("incidence", "diagnosis"))
        fallback = " || chr(31) || ".join(["''", *(f"kept.{self._column[group]}" for group in groups)])
        has_id = "tumour" in self._profile.fields
        return f"coalesce(nullif({self._id('tumour')}, ''), {fallback})" if has_id else fallback

    def _date(self, name: str, part: str) -> str:
        means = self._means.get(f"{name}_{part}")
        if means and name == "birth":
            means = f"CASE WHEN {_BORN_LATER} THEN NULL ELSE {means} END"
        if part == "precision":
            return f"{means or 'NULL'}::UTINYINT"
        return f"DATE '1970-01-01' + {means}" if means else "NULL::DATE"

    def _code(self, name: str) -> str:
        constant = self._profile.constants.get(name, Absent.NOT_COLLECTED)
        return f"{self._means.get(name) or self._book.code(name, constant)}::{_CODE_TYPES.get(name, 'UTINYINT')}"

    def _ages(self) -> dict[str, str]:
        """The clauses of Age.at_diagnosis; every expression is NULL where a part of it is."""
        means = self._means
        derived = dict.fromkeys(("years_lo", "years_hi", "days_lo", "days_hi"), "NULL")
        if "birth_lo" in means and "incidence_lo" in means:
            birth, incidence = "map_birth.birth", "map_incidence.incidence"
            derived = {
                "years_lo": _cut(f"({incidence}_lo_ymd - {birth}_hi_ymd) // 10000"),
                "years_hi": _cut(f"({incidence}_hi_ymd - {birth}_lo_ymd) // 10000"),
                "days_lo": _cut(f"{incidence}_lo - {birth}_hi"),
                "days_hi": _cut(f"{incidence}_hi - {birth}_lo"),
            }
            derived = {part: f"(CASE WHEN {_BORN_LATER} THEN NULL ELSE {sql} END)" for part, sql in derived.items()}
        ages = {}
        for part, fallback in derived.items():
            whens = ""
            if "age_days" in means:
                exact = "map_age_days.age_days" if part.startswith("days") else f"map_age_days.age_{part}_given"
                whens += f"WHEN map_age_days.age_days IS NOT NULL THEN {exact} "
            if "age" in means:
                whens += f"WHEN map_age.age IS NOT NULL THEN {_of_given_years(part, derived)} "
            kind = "SMALLINT" if part.startswith("years") else "INTEGER"
            ages[f"age_{part}"] = f"(CASE {whens}ELSE {fallback} END)::{kind}" if whens else f"({fallback})::{kind}"
        return ages

    def _fault(self) -> str:
        """Number of the first finding that quarantines a record."""
        number = self._book.finding
        faults = [f"CASE WHEN {self._id('patient')} = '' THEN {number(NO_PATIENT)} END"]
        faults += [self._means[f"{name}_fault"] for name in ("diagnosis", "incidence")]
        return f"coalesce({', '.join(faults)})::INTEGER"

    def _refused(self, normalisers: Sequence[Normaliser]) -> str:
        """Number of the first finding that rejects a record in strict mode."""
        if self._profile.mode != "strict":
            return "NULL::INTEGER"
        notes = [number for finding, number in self._book.findings.items() if finding.note]
        issues = [f"map_{n.name}.{n.name}_issue" for n in normalisers]
        if notes:
            issues = [f"CASE WHEN {i} NOT IN ({', '.join(map(str, notes))}) THEN {i} END" for i in issues]
        if "birth_lo" in self._means:
            issues.append(f"CASE WHEN {_BORN_LATER} THEN {self._book.finding(BORN_LATER)} END")
        return f"coalesce({', '.join(issues)}, NULL)::INTEGER"

    def _values(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), 1000):
            piece = rows[start : start + 1000]
            marks = ", ".join(["(" + ", ".join("?" * len(piece[0])) + ")"] * len(piece))
            self._run(f"INSERT INTO {table} VALUES {marks}", [value for row in piece for value in row])

    # --- what became of the records -------------------------------------------------------------------------------------

    def counts(self, file: int) -> Counts:
        """Records of one file by what became of them."""
        raw, kept = (self._one(f"SELECT count(*) FROM {table} WHERE file = {file}") for table in ("raw", "kept"))
        ((out, refused),) = self._run(f"SELECT count(*), count(refused) FROM kept_out WHERE file = {file}").fetchall()
        repeated = self._one(f"SELECT count(*) FROM repeats WHERE file = {file}")
        return Counts(raw, raw - kept, refused, out - refused, repeated, kept - out)

    def locate(self, files: Sequence[FileState]) -> None:
        """Make what `places` needs: first row and line of each file, and its lines that are no record."""
        self._run("CREATE TABLE starts (file USMALLINT, first_row BIGINT, first_line INTEGER)")
        self._run("CREATE TABLE gaps (file USMALLINT, before INTEGER, gaps INTEGER)")
        rows = dict(self._run("SELECT file, min(rowid) FROM raw GROUP BY file").fetchall())
        for number, state in enumerate(files):
            if number not in rows:
                continue
            self._values("starts", [(number, rows[number], state.first_line)])
            lines = [line for line in state.gaps if line >= state.first_line]
            # So many records stand before the last of these gaps: line - first line - earlier gaps.
            before = {line - state.first_line - i: i + 1 for i, line in enumerate(lines)}
            self._values("gaps", [(number, records, gaps) for records, gaps in before.items()])

    def quarantined(self, limit: int) -> list[tuple[int, int, Finding]]:
        """File, line and finding of the first quarantined records."""
        return self._places(
            f"SELECT row, fault AS number FROM kept_out WHERE refused IS NULL ORDER BY row LIMIT {limit}"
        )

    def reasons(self) -> Iterator[tuple[Finding, int]]:
        """Finding and number of all records that are quarantined, or rejected in strict mode."""
        findings = list(self._book.findings)
        sql = "SELECT coalesce(refused, fault), count(*) FROM kept_out GROUP BY ALL ORDER BY ALL"
        for number, count in self._run(sql).fetchall():
            yield findings[number], count

    def issues(self, normalisers: Sequence[Normaliser], lines: int) -> Iterator[tuple[int, Finding, int, list[int]]]:
        """File, finding, number of records and first lines of everything that became unknown or was remarked."""
        for n in normalisers:
            issue = f"{n.name}_issue"
            if self._one(f"SELECT count({issue}) FROM map_{n.name}"):
                yield from self._issues_in(f"map_{n.name}.{issue}", (n,), lines)
        if "birth_lo" in self._means:
            number = self._book.finding(BORN_LATER)
            dates = [n for n in normalisers if n.name in ("birth", "incidence")]
            yield from self._issues_in(f"CASE WHEN {_BORN_LATER} THEN {number} END", dates, lines)

    def _issues_in(
        self, issue: str, normalisers: Sequence[Normaliser], lines: int
    ) -> Iterator[tuple[int, Finding, int, list[int]]]:
        findings = list(self._book.findings)
        joins = self._joins(normalisers).replace("LEFT JOIN", "JOIN")
        found = self._run(
            f"SELECT kept.file, {issue} AS number, count(*), min(row, {lines}) FROM kept {joins} "
            "WHERE number IS NOT NULL GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for file, number, count, rows in found:
            wanted = ", ".join(f"({row}, {number})" for row in rows)
            places = self._places(f"SELECT * FROM (VALUES {wanted}) v(row, number)")
            yield file, findings[number], count, [line for _, line, _ in places]

    def _places(self, rows: str) -> list[tuple[int, int, Finding]]:
        """File and line of rows; `rows` is a query of (row, number of a finding)."""
        findings = list(self._book.findings)
        found = self._run(
            f"""SELECT p.file, coalesce(p.line, s.first_line + p.at + coalesce(g.gaps, 0)), p.number FROM
            (SELECT raw.file, raw.line, raw.rowid - s.first_row AS at, q.number, raw.rowid AS row
             FROM ({rows}) q JOIN raw ON raw.rowid = q.row JOIN starts s USING (file)) p
            JOIN starts s USING (file) ASOF LEFT JOIN gaps g ON g.file = p.file AND g.before <= p.at ORDER BY p.row"""
        ).fetchall()
        return [(file, line, findings[number]) for file, line, number in found]

    def _one(self, sql: str) -> int:
        return int(self._run(sql).fetchall()[0][0])


def _cut(expression: str) -> str:
    """At least 0; NULL stays NULL, which `greatest` would not do."""
    return f"CASE WHEN {expression} < 0 THEN 0 ELSE {expression} END"


def _of_given_years(part: str, derived: Mapping[str, str]) -> str:
    """Age of a record that gives completed years: the days that these and the dates allow together."""
    if part.startswith("years"):
        return "map_age.age"
    bound, low, high = f"map_age.age_{part}_given", derived["days_lo"], derived["days_hi"]
    narrower = "greatest" if part == "days_lo" else "least"
    overlap = f"{low} <= map_age.age_days_hi_given AND {high} >= map_age.age_days_lo_given"
    return f"CASE WHEN {overlap} THEN {narrower}({bound}, {derived[part]}) ELSE {bound} END"


def _diagnosis_row(number: int, diagnosis: Diagnosis) -> tuple[object, ...]:
    axes = (diagnosis.topography, diagnosis.morphology, diagnosis.behaviour)
    known = (None if isinstance(axis, Absent) else axis for axis in axes)
    absent = (axis.value if isinstance(axis, Absent) else None for axis in axes)
    return number, *known, *absent, diagnosis.icd10, diagnosis.iccc, diagnosis.icdo_edition


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
