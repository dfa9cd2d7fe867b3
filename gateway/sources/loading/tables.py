"""From raw texts to cases, in SQL over integers: distinct texts are read once, the rest is joins.

Makes the work tables `cases_in`, `diagnoses_in` and `codes_in` that a snapshot is built from, and `kept_out` with
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
BEFORE_BIRTH = Finding("incidence", "ends before the date of birth begins")
READER = Finding("record", "has an issue of the reader, and the profile is strict")
REPEATED = Finding("tumour", "repeats the patient and tumour of an earlier record")

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

    def join(self, normalisers: Sequence[Normaliser], source: str, salt: bytes) -> None:
        """Make `joined`: one row of integers and keys for each kept record, with the fault that keeps it out."""
        self._means = {output: f"map_{n.name}.{output}" for n in normalisers for output in n.outputs}
        joins = "\n".join(f"LEFT JOIN map_{n.name} ON {self._same(n, f'map_{n.name}')}" for n in normalisers)
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
            "fault": self._fault(patient),
            "refused": self._refused(normalisers),
        }
        chosen = ",\n".join(f"{expression} AS {name}" for name, expression in columns.items())
        self._run(f"CREATE TABLE joined AS SELECT kept.row, kept.file,\n{chosen}\nFROM kept\n{joins}")
        self._run(
            "CREATE TABLE repeated AS SELECT j.row FROM joined j JOIN "
            "(SELECT case_key, min(row) AS first FROM joined WHERE fault IS NULL AND refused IS NULL "
            "GROUP BY case_key HAVING count(*) > 1) d ON d.case_key = j.case_key AND j.row > d.first "
            "WHERE j.fault IS NULL AND j.refused IS NULL"
        )

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

    def _fault(self, patient: str) -> str:
        """Number of the first finding that quarantines a record."""
        number = self._book.finding
        faults = [f"CASE WHEN {patient} = '' THEN {number(NO_PATIENT)} END"]
        faults += [self._means[f"{name}_fault"] for name in ("diagnosis", "incidence")]
        if "birth_lo" in self._means:
            faults.append(f"CASE WHEN map_incidence.incidence_hi < map_birth.birth_lo THEN {number(BEFORE_BIRTH)} END")
        return f"coalesce({', '.join(faults)})::INTEGER"

    def _refused(self, normalisers: Sequence[Normaliser]) -> str:
        """Number of the first finding that rejects a record in strict mode."""
        if self._profile.mode != "strict":
            return "NULL::INTEGER"
        notes = [number for finding, number in self._book.findings.items() if finding.note]
        issues = [f"map_{n.name}.{n.name}_issue" for n in normalisers]
        if notes:
            issues = [f"CASE WHEN {i} NOT IN ({', '.join(map(str, notes))}) THEN {i} END" for i in issues]
        return f"coalesce({', '.join(issues)}, NULL)::INTEGER"

    def refuse_lines(self, file: int, lines: Sequence[int]) -> None:
        """Reject the records of a file that start in these lines (issues of a reader in strict mode)."""
        number = self._book.finding(READER)
        for start in range(0, len(lines), _PIECE):
            wanted = ", ".join(map(str, lines[start : start + _PIECE]))
            self._run(
                f"UPDATE joined SET refused = {number} WHERE refused IS NULL AND row IN "
                f"(SELECT rowid FROM raw WHERE file = {file} AND line IN ({wanted}))"
            )

    def offer(self) -> None:
        """Make `cases_in`, `diagnoses_in` and `codes_in`, from which a snapshot is built."""
        self._run(
            "CREATE VIEW cases_in AS SELECT * EXCLUDE (row, file, fault, refused) FROM joined WHERE fault IS NULL "
            "AND refused IS NULL"
            + (" AND row NOT IN (SELECT row FROM repeated)" if self._one("SELECT count(*) FROM repeated") else "")
        )
        self._run(
            "CREATE TABLE diagnoses_in (dx INTEGER, topography VARCHAR, morphology SMALLINT, behaviour TINYINT, "
            "topography_absent VARCHAR, morphology_absent VARCHAR, behaviour_absent VARCHAR, icd10 VARCHAR, "
            "iccc VARCHAR, icdo_edition VARCHAR)"
        )
        self._values("diagnoses_in", [_diagnosis_row(number, d) for d, number in self._book.diagnoses.items()])
        self._run("CREATE TABLE codes_in (field VARCHAR, idx INTEGER, code VARCHAR)")
        codes = [(name, number, code) for name, known in self._book.codes.items() for code, number in known.items()]
        self._values("codes_in", codes)

    def _values(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        for start in range(0, len(rows), 1000):
            piece = rows[start : start + 1000]
            marks = ", ".join(["(" + ", ".join("?" * len(piece[0])) + ")"] * len(piece))
            self._run(f"INSERT INTO {table} VALUES {marks}", [value for row in piece for value in row])

    # --- what became of the records -------------------------------------------------------------------------------------

    def counts(self, file: int) -> Counts:
        """Records of one file by what became of them."""
        raw = self._one(f"SELECT count(*) FROM raw WHERE file = {file}")
        found = self._run(
            "SELECT count(*), count(*) FILTER (refused IS NOT NULL), count(*) FILTER (fault IS NOT NULL AND refused IS "
            f"NULL), count(*) FILTER (fault IS NULL AND refused IS NULL) FROM joined WHERE file = {file}"
        ).fetchall()
        kept, refused, faulty, fine = found[0]
        repeats = self._one(f"SELECT count(*) FROM repeated JOIN joined USING (row) WHERE file = {file}")
        return Counts(raw, raw - kept, refused, faulty + repeats, fine - repeats)

    def cases(self) -> int:
        """Number of rows of `cases_in`."""
        return self._one("SELECT count(*) FROM cases_in")

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
            f"SELECT row, fault AS number FROM joined WHERE fault IS NOT NULL AND refused IS NULL UNION ALL "
            f"SELECT row, {self._book.finding(REPEATED)} FROM repeated ORDER BY row LIMIT {limit}"
        )

    def reasons(self) -> Iterator[tuple[Finding, int]]:
        """Finding and number of all records that are quarantined, or rejected in strict mode."""
        findings = list(self._book.findings)
        sql = "SELECT coalesce(refused, fault), count(*) FROM joined WHERE fault IS NOT NULL OR refused IS NOT NULL GROUP BY ALL ORDER BY ALL"
        for number, count in self._run(sql).fetchall():
            yield findings[number], count
        if repeats := self._one("SELECT count(*) FROM repeated"):
            yield REPEATED, repeats

    def issues(self, normalisers: Sequence[Normaliser], lines: int) -> Iterator[tuple[int, Finding, int, list[int]]]:
        """File, finding, number of records and first lines of everything that became unknown or was remarked."""
        findings = list(self._book.findings)
        for n in normalisers:
            issue = f"{n.name}_issue"
            if not self._one(f"SELECT count({issue}) FROM map_{n.name}"):
                continue
            found = self._run(
                f"SELECT kept.file, {issue} AS number, count(*), min(row, {lines}) FROM kept JOIN "
                f"(SELECT * FROM map_{n.name} WHERE {issue} IS NOT NULL) m ON {self._same(n, 'm')} GROUP BY ALL ORDER BY ALL"
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
