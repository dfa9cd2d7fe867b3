"""A user's own Athena download: read as it is, bounded, and never half."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path

import pytest

from terminology import BoxSet, LoadFailed, ManifestMismatch, Terminology, UnknownCode, Unmatched, load
from terminology.athena import load_athena
from terminology.store import Store

CONCEPT_HEADER = (
    "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\t"
    "valid_start_date\tvalid_end_date\tinvalid_reason"
)
RELATION_HEADER = "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason"
ANCESTOR_HEADER = "ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation"
VOCABULARY_HEADER = "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id"


def concept(concept_id: int, vocabulary: str, code: str, *, name: str = "x", domain: str = "Condition",
            standard: str = "", invalid: str = "", kind: str = "") -> str:  # fmt: skip
    return f"{concept_id}\t{name}\t{domain}\t{vocabulary}\t{kind}\t{standard}\t{code}\t19700101\t20991231\t{invalid}"


def relation(one: int, two: int, name: str = "Maps to", invalid: str = "") -> str:
    return f"{one}\t{two}\t{name}\t19700101\t20991231\t{invalid}"


def ancestor(above: int, below: int) -> str:
    return f"{above}\t{below}\t1\t1"


NEOPLASM, NEUROBLASTOMA, ADRENAL, DIABETES = 438112, 4112752, 900, 201820

CONCEPTS = [
    concept(NEOPLASM, "SNOMED", "55342001", standard="S"),
    concept(NEUROBLASTOMA, "SNOMED", "432328008", standard="S"),
    concept(ADRENAL, "SNOMED", "93665004", standard="S"),
    concept(DIABETES, "SNOMED", "73211009", standard="S"),
    concept(901, "SNOMED", "86049000", domain="Observation", kind="Morph Abnormality"),
    concept(1, "ICDO3", "9500/3-C74.9", name='Neuroblastoma "NOS of adrenal gland'),
    concept(2, "ICDO3", "9500/3-C74.0", name="n" * 600),
    concept(3, "ICDO3", "9500/3-NULL"),
    concept(4, "ICDO3", "NULL-C74.9"),
    concept(5, "ICDO3", "9490/3-C74.9", standard="S"),
    concept(6, "ICDO3", "9350/3-C75.1", invalid="D"),
    concept(7, "ICDO3", "NA"),
    concept(8, "ICDO3", "9814/3-C42.1"),
    concept(9, "ICDO3", "9999/3-C42.1"),
    concept(20, "ICDO3", "8000/3-C74.9", invalid="U"),
    concept(21, "ICDO3", "8000/3-C74.0", invalid="U"),
    concept(22, "ICDO3", "8000/3-C74.1", invalid="U"),
    concept(30, "Cancer Modifier", "OMOP4998856", domain="Measurement", standard="S", kind="Metastasis"),
    concept(31, "OMOP Genomic", "OMOP123", domain="Measurement", standard="S"),
    concept(8507, "Gender", "M", domain="Gender", standard="S"),
    concept(40, "ICD10", "C74.9"),
    concept(41, "HCPCS", "E1031", name='"Rocky Boy"s Agency', domain="Device"),
]
RELATIONS = [
    relation(1, NEUROBLASTOMA),
    relation(2, NEUROBLASTOMA),
    relation(3, NEUROBLASTOMA, invalid="D"),
    relation(5, 5),
    relation(8, 5),
    relation(8, 30),
    relation(8, 31),
    relation(6, 7, "Concept replaced by"),
    relation(7, 1, "Concept replaced by"),
    relation(20, 21, "Concept replaced by"),
    relation(21, 20, "Concept replaced by"),
    relation(4, 40),
    relation(NEUROBLASTOMA, 1, "Mapped from"),
]
ANCESTORS = [
    ancestor(NEOPLASM, NEOPLASM),
    ancestor(NEOPLASM, NEUROBLASTOMA),
    ancestor(NEOPLASM, ADRENAL),
    ancestor(ADRENAL, NEUROBLASTOMA),
    ancestor(ADRENAL, 5),
    ancestor(NEOPLASM, 5),
    ancestor(DIABETES, 5),
]
VOCABULARIES = ["None\tOMOP Standardized Vocabularies\t\tv5.0 29-FEB-24\t1", "ICDO3\tICD-O-3\t\tICDO3 2021\t2"]


def write(folder: Path, name: str, header: str, lines: list[str], newline: str = "\n") -> None:
    text = newline.join([header, *lines]) + newline
    (folder / f"{name}.csv").write_bytes(text.encode())


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A small download with everything that is odd in real ones."""
    folder = tmp_path / "athena"
    folder.mkdir()
    write(folder, "CONCEPT", CONCEPT_HEADER, CONCEPTS)
    write(folder, "CONCEPT_RELATIONSHIP", RELATION_HEADER, RELATIONS)
    write(folder, "CONCEPT_ANCESTOR", ANCESTOR_HEADER, ANCESTORS)
    write(folder, "VOCABULARY", VOCABULARY_HEADER, VOCABULARIES)
    (folder / "DRUG_STRENGTH.csv").write_text("not read\n")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "user" / "terminology.sqlite"


def loaded(path: Path) -> Terminology:
    return Terminology(Store(path))


def test_a_download_takes_the_place_of_the_shipped_concepts(download: Path, path: Path) -> None:
    report = load_athena(download, path)
    assert (report.pack, report.version) == ("athena", "v5.0 29-FEB-24")
    terms = loaded(path)
    assert terms.version == "terminology 2026.11, athena v5.0 29-FEB-24"
    assert terms.meaning("OMOP", "1").boxes == BoxSet.point(9500, "C74.9", 3)
    assert terms.meaning("OMOP", "1").rows == "athena CONCEPT 1"
    with pytest.raises(UnknownCode):
        terms.meaning("OMOP", "36527397")
    assert terms.lookup("OMOP", "8515").rows.startswith("omop_concepts"), "Race is not in the download"
    assert {info.system: info.version for info in terms.systems()}["OMOP"] == "v5.0 29-FEB-24"


def test_names_with_lone_quotes_swallow_no_line(download: Path, path: Path) -> None:
    report = load_athena(download, path)
    wanted = {"ICDO3", "Cancer Modifier", "Gender", "ICD10"}
    kept = [line for line in CONCEPTS if line.split("\t")[3] in wanted]
    assert report.rows["concepts"] == len(kept) + 3, "and the three neoplasms of SNOMED"


def test_codes_with_null_and_na_are_text(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    assert terms.meaning("OMOP", "3").boxes == BoxSet.where([9500], None, [3])
    assert terms.meaning("OMOP", "4").boxes == BoxSet.where(None, ["C74.9"])
    assert terms.lookup("OMOP", "7").properties["concept_code"] == "NA"
    with pytest.raises(Unmatched, match="NA"):
        terms.meaning("OMOP", "7")


def test_codes_that_name_no_tumour_are_counted(download: Path, path: Path) -> None:
    assert "2 ICDO3 codes name no tumour of ICD-O-3, e.g. NA, 9999/3-C42.1" in load_athena(download, path).warnings


def test_a_standard_condition_means_what_maps_to_it_and_what_stands_below(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    mapped = terms.meaning("OMOP", str(NEUROBLASTOMA))
    assert mapped.boxes == mapped.certain == BoxSet.where([9500], ["C74.0", "C74.9"], [3])
    assert not mapped.exact
    assert not mapped.bounded
    below = BoxSet.point(9490, "C74.9", 3) | BoxSet.point(9814, "C42.1", 3)
    assert terms.meaning("OMOP", str(ADRENAL)).boxes == mapped.boxes | below
    assert terms.descendants("OMOP", str(ADRENAL)) == {str(ADRENAL), str(NEUROBLASTOMA), "5"}


def test_one_code_alone_makes_a_condition_equal_to_it(download: Path, path: Path) -> None:
    write(download, "CONCEPT_RELATIONSHIP", RELATION_HEADER, [relation(1, NEUROBLASTOMA)])
    load_athena(download, path)
    meaning = loaded(path).meaning("OMOP", str(NEUROBLASTOMA))
    assert (meaning.exact, meaning.bounded) == (True, True)


def test_snomed_codes_are_read_through_the_download(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    meaning = terms.meaning("SCT", "432328008")
    assert (meaning.system, meaning.code) == ("SCT", "432328008")
    assert meaning.boxes == terms.meaning("OMOP", str(NEUROBLASTOMA)).boxes
    assert terms.lookup("SCT", "432328008").system == "SCT"
    assert terms.descendants("SCT", "432328008") == {"432328008"}
    for code in ("73211009", "86049000"):
        with pytest.raises(Unmatched) as refused:
            terms.meaning("SCT", code)
        assert (refused.value.system, refused.value.code) == ("SCT", code)


def test_a_case_counts_by_its_condition_only(download: Path, path: Path) -> None:
    load_athena(download, path)
    with pytest.raises(Unmatched):
        loaded(path).meaning("OMOP", "30")
    rows = Store(path).query("SELECT concept_id_2 FROM omop_relation WHERE concept_id_1 = 8")
    assert rows == [(5,)]


def test_a_deprecated_concept_is_led_to_its_last_replacement_and_a_loop_ends(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    assert terms.meaning("OMOP", "6").notes == ("concept 6 is deprecated, replaced by 1",)
    assert terms.meaning("OMOP", "20").notes == ("concept 20 is deprecated, replaced by 21",)
    assert terms.meaning("OMOP", "22").notes == ("concept 22 is deprecated",)
    assert terms.lookup("OMOP", "6").properties["replaced_by"] == "1"


def test_an_icd10_concept_means_its_code(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    assert terms.meaning("OMOP", "40").boxes == terms.meaning("ICD10", "C74.9").boxes
    assert "icdo3_icd10" in terms.meaning("OMOP", "40").rows


def test_what_is_odd_is_told_and_not_dropped_in_silence(download: Path, path: Path) -> None:
    write(download, "CONCEPT", CONCEPT_HEADER,
          [*CONCEPTS, concept(50, "ICDO3", "8000/3", standard="S", invalid="D")])  # fmt: skip
    write(download, "CONCEPT_RELATIONSHIP", RELATION_HEADER, [*RELATIONS, relation(1, 77777)])
    warnings = load_athena(download, path).warnings
    assert "1 standard concepts are marked invalid" in warnings
    assert "1 relations lead to concepts that are not in CONCEPT.csv" in warnings
    assert "1 'Maps to' lead to concepts that are not standard and were not followed" in warnings


def test_without_vocabulary_csv_the_release_is_unknown(download: Path, path: Path) -> None:
    (download / "VOCABULARY.csv").unlink()
    report = load_athena(download, path)
    assert report.version == "unknown release"
    assert "VOCABULARY.csv is missing: the release is not known" in report.warnings


def test_without_a_row_for_the_release_that_of_icdo3_stands(download: Path, path: Path) -> None:
    write(download, "VOCABULARY", VOCABULARY_HEADER, VOCABULARIES[1:])
    assert load_athena(download, path).version == "ICDO3 2021"
    write(download, "VOCABULARY", VOCABULARY_HEADER, [])
    assert load_athena(download, path).version == "unknown release"


@pytest.mark.parametrize("form", ["zip", "gz", "crlf", "upper", "bom", "reordered"])
def test_every_form_of_a_download_gives_the_same(download: Path, path: Path, tmp_path: Path, form: str) -> None:
    plain = tmp_path / "plain.sqlite"
    load_athena(download, plain)
    location = download
    if form == "zip":
        location = tmp_path / "vocabulary_download.zip"
        with zipfile.ZipFile(location, "w") as archive:
            for file in download.iterdir():
                archive.write(file, f"inner/{file.name}")
    for file in list(download.glob("*.csv")) if form != "zip" else []:
        data = file.read_bytes()
        if form == "gz":
            (download / f"{file.name}.gz").write_bytes(gzip.compress(data))
            file.unlink()
        elif form == "crlf":
            file.write_bytes(data.replace(b"\n", b"\r\n"))
        elif form == "upper":
            header, _, rest = data.partition(b"\n")
            file.write_bytes(header.upper() + b"\n" + rest)
            file.rename(download / file.name.lower())
        elif form == "bom":
            file.write_bytes(b"\xef\xbb\xbf" + data)
        else:
            lines = [b"\t".join(reversed(line.split(b"\t"))) for line in data.splitlines()]
            file.write_bytes(b"\n".join(lines) + b"\n")
    load_athena(location, path)
    for table in ("omop_concept", "omop_relation", "omop_descendant"):
        assert Store(path).query(f"SELECT * FROM {table}") == Store(plain).query(f"SELECT * FROM {table}")


def test_a_broken_download_never_replaces_a_good_one(download: Path, path: Path) -> None:
    load_athena(download, path)
    good = path.read_bytes()
    with (download / "CONCEPT_RELATIONSHIP.csv").open("a") as file:
        file.write("1\t4112")
    with pytest.raises(LoadFailed, match=r"CONCEPT_RELATIONSHIP.csv, line \d+"):
        load_athena(download, path)
    assert path.read_bytes() == good
    assert [found.name for found in path.parent.iterdir()] == [path.name], "nothing is left aside"


@pytest.mark.parametrize("name", ["CONCEPT", "CONCEPT_RELATIONSHIP", "CONCEPT_ANCESTOR"])
def test_a_missing_file_is_named(download: Path, path: Path, name: str) -> None:
    (download / f"{name}.csv").unlink()
    with pytest.raises(LoadFailed, match=f"{name}.csv is missing"):
        load_athena(download, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([line for line in CONCEPTS if "ICDO3" not in line], "no concept of ICDO3"),
        ([line for line in CONCEPTS if "SNOMED" not in line], "no concept of SNOMED"),
        ([*CONCEPTS, CONCEPTS[5]], "concept_id twice: 1"),
        ([*CONCEPTS, CONCEPTS[5].replace("1\t", "one\t", 1)], "concept_id that is no number"),
        ([*CONCEPTS, concept(60, "ICDO3", "8000/3", name="a\tb")], "line without 10 columns: 60"),
    ],
)
def test_concepts_that_cannot_be_are_refused(download: Path, path: Path, lines: list[str], fault: str) -> None:
    write(download, "CONCEPT", CONCEPT_HEADER, lines)
    with pytest.raises(LoadFailed, match=fault):
        load_athena(download, path)
    assert not path.exists()


def test_a_vocabulary_that_is_wanted_but_not_needed_is_named(download: Path, path: Path) -> None:
    write(
        download,
        "CONCEPT",
        CONCEPT_HEADER,
        [line for line in CONCEPTS if "Modifier" not in line and "Gender" not in line],
    )
    assert {"vocabulary Cancer Modifier is not in the download", "vocabulary Gender is not in the download"} <= set(
        load_athena(download, path).warnings
    )


def test_commas_and_missing_columns_are_faults_of_line_one(download: Path, path: Path) -> None:
    file = download / "CONCEPT.csv"
    text = file.read_text()
    file.write_text(text.replace("\t", ","))
    with pytest.raises(LoadFailed, match=r"CONCEPT.csv, line 1: is separated by commas"):
        load_athena(download, path)
    file.write_text(text.replace("concept_code", "code"))
    with pytest.raises(LoadFailed, match=r"line 1: has no column concept_code"):
        load_athena(download, path)
    file.write_bytes(b"\xff\xfe\x00c")
    with pytest.raises(LoadFailed, match="cannot be read"):
        load_athena(download, path)


def test_what_is_no_download_is_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(LoadFailed, match="does not exist"):
        load_athena(tmp_path / "nowhere", path)
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(LoadFailed, match="neither a folder nor a zip"):
        load_athena(tmp_path / "text", path)


def test_a_broken_archive_is_refused(download: Path, path: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "download"), "zip", download))
    data = bytearray(archive.read_bytes())
    at = data.index(b"Neuroblastoma") if b"Neuroblastoma" in data else 60
    data[at : at + 20] = b"\x00" * 20
    archive.write_bytes(data)
    with pytest.raises(LoadFailed, match="cannot be unpacked"):
        load_athena(archive, path)


def test_a_file_of_another_version_is_not_written_over(download: Path, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else entirely, of some length" * 30)
    with pytest.raises(ManifestMismatch):
        load_athena(download, path)


def test_without_the_root_of_neoplasms_every_condition_is_kept(download: Path, path: Path) -> None:
    write(download, "CONCEPT_ANCESTOR", ANCESTOR_HEADER, [ancestor(DIABETES, 5)])
    load_athena(download, path)
    assert loaded(path).meaning("OMOP", str(DIABETES)).boxes


def test_the_real_sample_loads(shared_dir: Path, path: Path) -> None:
    report = load_athena(shared_dir / "samples" / "athena", path)
    assert report.rows == {"concepts": 157, "relations": 141, "descendants": 154}
    assert report.version == "unknown release"
    terms = loaded(path)
    prostate = terms.meaning("OMOP", "200962")
    assert len(prostate.boxes) == 142
    assert prostate.boxes <= BoxSet.where(None, ["C61.9"])
    assert terms.meaning("SCT", "93974005").boxes == prostate.boxes
    for concept_id in list(terms.codes("OMOP")):
        assert terms.meaning("OMOP", concept_id).boxes <= BoxSet.where(None, ["C61.9"])


def test_a_concept_and_those_below_it(download: Path, path: Path) -> None:
    load_athena(download, path)
    terms = loaded(path)
    alone, below = terms.meaning("OMOP", str(ADRENAL)), terms.beneath("OMOP", str(ADRENAL))
    assert below.boxes == alone.boxes
    assert not below.bounded  # Neuroblastoma stands below it and has no ICD-O-3 code of its own
    assert any("2 concepts below it" in note for note in below.notes)
    leaf = terms.beneath("OMOP", "1")
    assert leaf == terms.meaning("OMOP", "1")
    assert leaf.exact
    by_snomed = terms.beneath("SCT", "93665004")
    assert (by_snomed.code, by_snomed.boxes, by_snomed.bounded) == ("93665004", below.boxes, False)


def test_where_only_icd_o_stands_below_nothing_is_open(download: Path, path: Path) -> None:
    write(download, "CONCEPT_ANCESTOR", ANCESTOR_HEADER, [*ANCESTORS, ancestor(5, 2)])
    load_athena(download, path)
    terms = loaded(path)
    below = terms.beneath("OMOP", "5")
    assert below.exact
    meant = [terms.meaning("OMOP", each).boxes for each in ("5", "2", "8")]  # 8 is mapped to 5
    assert below.boxes == meant[0] | meant[1] | meant[2]


def test_without_a_loaded_hierarchy_what_is_below_stays_open() -> None:
    terms = load()
    public = next(iter(terms.codes("OMOP")))
    assert terms.meaning("OMOP", public).exact
    below = terms.beneath("OMOP", public)
    assert not below.bounded
    assert below.certain == terms.meaning("OMOP", public).certain
    ncit = terms.beneath("NCIT", "C3270")
    assert not ncit.bounded
    assert ncit.certain == terms.meaning("NCIT", "C3270").certain
    assert terms.beneath("ICCC3", "IV") == terms.meaning("ICCC3", "IV")
