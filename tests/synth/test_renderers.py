"""Each rendering is what its standard says: schema, dictionary, column list or DDL."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from lxml import etree

from gateway.synth.formats import FORMATS
from gateway.synth.renderers import naaccr_xml, omop
from gateway.synth.truth import make_truth
from tests.conftest import needs_shared
from tests.synth.conftest import nothing

NAACCR = "{http://naaccr.org/naaccrxml}"
OBDS = "{http://www.basisdatensatz.de/oBDS/XML}"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_truth(3_000, 11, tmp_path_factory.mktemp("truth") / "truth.parquet")


def text_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def lines_of(path: Path, delimiter: str) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter=delimiter)


@pytest.mark.parametrize("name", FORMATS)
def test_a_rendering_is_the_same_bytes_for_the_same_truth(name: str, truth: Path, tmp_path: Path) -> None:
    first, *_ = FORMATS[name].render(truth, tmp_path / "first", nothing)
    second, *_ = FORMATS[name].render(truth, tmp_path / "second", nothing)
    if first.is_dir():
        assert {f.name: f.read_bytes() for f in first.iterdir()} == {f.name: f.read_bytes() for f in second.iterdir()}
    elif name != "omop":
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_every_case_is_reported_as_done(name: str, truth: Path, tmp_path: Path) -> None:
    done: list[int] = []
    FORMATS[name].render(truth, tmp_path / "x", done.append)
    assert sum(done) == 3_000


@pytest.mark.parametrize("name", ["naaccr_xml", "naaccr_xml_23", "naaccr_xml_18"])
@needs_shared
def test_naaccr_items_are_in_the_dictionary_of_their_version_at_their_level_and_not_too_long(
    name: str, truth: Path, tmp_path: Path, shared_dir: Path
) -> None:
    version = {"naaccr_xml": 25, "naaccr_xml_23": 23, "naaccr_xml_18": 18}[name]
    path, *_ = FORMATS[name].render(truth, tmp_path / "x", nothing)
    root = etree.fromstring(text_of(path))
    dictionary_name = root.get("baseDictionaryUri", "").rpartition("/")[2]
    assert f"-{version}0.xml" in dictionary_name
    dictionary = etree.parse(shared_dir / "samples" / "naaccr-xml" / "dictionaries" / dictionary_name)
    known = {d.get("naaccrId"): d for d in dictionary.iter() if str(d.tag).endswith("ItemDef")}
    for item in root.iter(f"{NAACCR}Item"):
        parent = item.getparent()
        assert parent is not None
        definition = known[item.get("naaccrId")]
        assert str(parent.tag) == NAACCR + str(definition.get("parentXmlElement"))
        assert len(item.text or "") <= int(definition.get("length", "0"))
        if definition.get("dataType") == "digits":
            assert (item.text or "").isdigit()


@needs_shared
def test_naaccr_xml_is_valid_by_its_schema(truth: Path, tmp_path: Path, shared_dir: Path) -> None:
    path, *_ = naaccr_xml.render(truth, tmp_path / "x", nothing)
    schema = etree.XMLSchema(etree.parse(shared_dir / "samples/naaccr-xml/dictionaries/naaccr_data_1.8.xsd"))
    assert schema.validate(etree.parse(path)), schema.error_log


def test_naaccr_xml_has_every_tumour_once_under_its_patient_and_the_size_of_a_real_file(
    truth: Path, tmp_path: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    path, *_ = naaccr_xml.render(truth, tmp_path / "x", nothing)
    root = etree.parse(path).getroot()
    found = [
        (patient.findtext(f"{NAACCR}Item[@naaccrId='patientIdNumber']"), len(patient.findall(f"{NAACCR}Tumor")))
        for patient in root.iter(f"{NAACCR}Patient")
    ]
    assert (
        found
        == sql.execute("SELECT patient, count(*) FROM read_parquet(?) GROUP BY 1 ORDER BY 1", [str(truth)]).fetchall()
    )
    items = Counter(len(tumour) for tumour in root.iter(f"{NAACCR}Tumor"))
    assert 50 <= min(items) <= max(items) <= 65
    assert 3_500 <= path.stat().st_size / 3_000 <= 4_500


@needs_shared
def test_obds_rki_xml_is_valid_by_the_official_schema(truth: Path, tmp_path: Path, shared_dir: Path) -> None:
    path, *_ = FORMATS["obds_rki_xml"].render(truth, tmp_path / "x", nothing)
    schema = etree.XMLSchema(etree.parse(shared_dir / "samples/obds-rki/oBDS_v3.0.0.8a_RKI_Schema.xsd"))
    assert schema.validate(etree.parse(path)), schema.error_log


@needs_shared
def test_dirty_obds_rki_xml_breaks_the_schema_only_where_a_tumour_stands_twice(
    dirty_truth: Path, tmp_path: Path, shared_dir: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    path, *_ = FORMATS["obds_rki_xml"].render(dirty_truth, tmp_path / "x", nothing)
    schema = etree.XMLSchema(etree.parse(shared_dir / "samples/obds-rki/oBDS_v3.0.0.8a_RKI_Schema.xsd"))
    assert not schema.validate(etree.parse(path))
    twice = sql.execute("SELECT count(*) FROM read_parquet(?) WHERE dirt = 'duplicate'", [str(dirty_truth)]).fetchone()
    assert (sum("Duplicate key-sequence" in error.message for error in schema.error_log),) == twice
    assert all("Duplicate key-sequence" in error.message for error in schema.error_log)


def test_the_relational_twin_of_obds_rki_has_the_same_tumours(truth: Path, tmp_path: Path) -> None:
    xml, *_ = FORMATS["obds_rki_xml"].render(truth, tmp_path / "x", nothing)
    _folder, *files = FORMATS["obds_rki_csv"].render(truth, tmp_path / "c", nothing)
    assert [file.name for file in files] == ["patient.csv", "tumor.csv", "weitere_klassifikation.csv"]
    root = etree.parse(xml).getroot()
    stages = {row["Tumor_ID"]: (row["Name"], row["Stadium"]) for row in lines_of(files[2], ";")}
    flat = [
        (
            row["oBDS_RKIPatientId"],
            row["oBDS_RKIPatientTumorId"],
            row["Diagnosedatum"],
            row["Diagnosedatum_Genauigkeit"],
            row["Diagnose_ICD10_Code"],
            row["Morphologie_Code"] or None,
            row["Topographie_Code"],
            row["Diagnosesicherung"],
            row["Grading"] or None,
            row["Seitenlokalisation"],
            stages.get(row["oBDS_RKIPatientTumorId"]),
        )
        for row in lines_of(files[1], ";")
    ]
    nested = []
    for patient in root.iter(f"{OBDS}Patient"):
        for tumour in patient.iter(f"{OBDS}Tumor"):
            first = tumour.find(f"{OBDS}Primaerdiagnose")
            assert first is not None
            date = first.find(f"{OBDS}Diagnosedatum")
            assert date is not None
            stage = (first.findtext(f".//{OBDS}Name"), first.findtext(f".//{OBDS}Stadium"))
            nested.append(
                (
                    patient.get("Patient_ID"),
                    tumour.get("Tumor_ID"),
                    date.text,
                    date.get("Datumsgenauigkeit"),
                    first.findtext(f"{OBDS}Primaertumor_ICD/{OBDS}Code"),
                    first.findtext(f".//{OBDS}Morphologie_ICD_O/{OBDS}Code"),
                    first.findtext(f"{OBDS}Primaertumor_Topographie_ICD_O/{OBDS}Code"),
                    first.findtext(f"{OBDS}Diagnosesicherung"),
                    first.findtext(f".//{OBDS}Grading"),
                    first.findtext(f"{OBDS}Seitenlokalisation"),
                    stage if stage[0] else None,
                )
            )
    assert flat == nested


@needs_shared
def test_encr_has_the_columns_of_the_compendium_in_their_order(truth: Path, tmp_path: Path, shared_dir: Path) -> None:
    path, *_ = FORMATS["encr"].render(truth, tmp_path / "x", nothing)
    header = path.read_text(encoding="utf-8").splitlines()[0]
    assert header in (shared_dir / "samples" / "encr" / "SPEC.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "delimiter"), [("encr", ";"), ("iicc3_listing", ";"), ("seer_style", ","), ("canreg_export", "\t")]
)
def test_delimited_files_have_a_line_a_tumour_and_odd_spellings_among_the_usual_ones(
    name: str, delimiter: str, truth: Path, tmp_path: Path
) -> None:
    path, *_ = FORMATS[name].render(truth, tmp_path / "x", nothing)
    lines = [line for line in lines_of(path, delimiter) if line.get("ObsoleteFlagTumourTable", "0") == "0"]
    assert len(lines) == 3_000
    patients = [line.get("PAT") or line.get("ID") or line.get("PatientID") or line["Patient ID"] for line in lines]
    assert patients == sorted(patients)
    assert all(None not in line and None not in line.values() for line in lines)
    column = next(name for name in ("Topo", "Site", "Topography", "Primary Site") if name in lines[0])
    spellings = {re.sub(r"\d", "9", line[column]) for line in lines}
    assert len(spellings) >= {"encr": 4, "iicc3_listing": 4, "canreg_export": 2, "seer_style": 1}[name] - 1


@needs_shared
def test_omop_tables_have_the_columns_and_types_of_cdm_5_4(shared_dir: Path) -> None:
    ddl = (shared_dir / "samples/omop/ddl/OMOPCDM_duckdb_5.4_ddl.sql").read_text(encoding="utf-8")
    for name, columns in omop.TABLES.items():
        found = re.search(rf"CREATE TABLE @cdmDatabaseSchema\.{name} \((.*?)\);", ddl, re.DOTALL)
        assert found is not None
        assert " ".join(columns.split()) == " ".join(found[1].split())


def test_omop_ships_no_concept_of_athena_but_roots_and_genders(truth: Path, tmp_path: Path) -> None:
    path, *_ = FORMATS["omop"].render(truth, tmp_path / "x", nothing)
    with duckdb.connect(path, read_only=True) as database:
        foreign = database.execute(
            "SELECT concept_id FROM concept WHERE concept_id <= 2000000000 ORDER BY 1"
        ).fetchall()
        assert [row[0] for row in foreign] == [0, 8507, 8521, 8532, omop.NEOPLASM]
        ids = "SELECT count(*), count(DISTINCT concept_id) FROM concept"
        (counts,) = database.execute(ids).fetchall()
        assert counts[0] == counts[1] > 500


def test_omop_conditions_come_in_all_the_ways_they_are_met(truth: Path, tmp_path: Path) -> None:
    path, *_ = FORMATS["omop"].render(truth, tmp_path / "x", nothing)
    ways = """
    SELECT condition_concept_id = 0, condition_source_concept_id = 0, vocabulary_id, count(*)
    FROM condition_occurrence JOIN concept ON concept_id = condition_concept_id GROUP BY ALL ORDER BY ALL
    """
    dangling = """
    SELECT count(*) FROM concept_relationship WHERE concept_id_1 NOT IN (SELECT concept_id FROM concept)
    OR concept_id_2 NOT IN (SELECT concept_id FROM concept)
    """
    several = """
    SELECT max(n) FROM (SELECT count(*) AS n FROM concept_relationship WHERE relationship_id = 'Maps to' GROUP BY concept_id_1)
    """
    with duckdb.connect(path, read_only=True) as database:
        assert [way[:3] for way in database.execute(ways).fetchall()] == [
            (False, False, "ICDO3"),
            (False, False, "SNOMED"),
            (False, True, "SNOMED"),
            (True, True, "None"),
        ]
        assert database.execute(dangling).fetchall() == [(0,)]
        assert database.execute(several).fetchall() == [(2,)]
        assert database.execute("SELECT count(*) FROM condition_occurrence").fetchall() == [(3_000,)]


def test_a_case_that_stands_twice_is_written_twice(
    dirty_truth: Path, tmp_path: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    expected = sql.execute(
        "SELECT count(*) + count(*) FILTER (dirt = 'duplicate') FROM read_parquet(?)", [str(dirty_truth)]
    ).fetchone()
    path, *_ = FORMATS["encr"].render(dirty_truth, tmp_path / "e", nothing)
    assert (sum(1 for _ in lines_of(path, ";")),) == expected
    path, *_ = FORMATS["naaccr_xml"].render(dirty_truth, tmp_path / "n", nothing)
    assert (path.read_bytes().count(b"<Tumor>"),) == expected
