"""What counts as a case, what it means, and that codes go by the database's own vocabulary."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

import pytest

import terminology
from gateway.errors import UnknownTerm
from gateway.model.capability import Coverage
from gateway.model.query import And, Between, CaseQuery, DiagnosisIn, Not, OneOf, Page, Term, Unit
from gateway.model.values import Absent, Count
from gateway.sources.base import Deadline
from tests.adapters.omop.building import MALE, NEOPLASM, OWN, TABLES, Concepts, Database
from tests.adapters.omop.servers import Opener, ask, bounds, diagnosis

NEUROBLASTOMA = diagnosis("ICCC3", "IV(a)")
ADRENAL = diagnosis("ICDO3", "C74.9")
DISORDER = OWN + 900


def database(persons: int = 1) -> tuple[Database, Concepts]:
    made = Database()
    for number in range(1, persons + 1):
        made.person(number)
    return made, Concepts(made)


def with_disorder(made: Database, ids: Concepts, codes: tuple[str, ...], inverse: bool = False) -> int:
    """A SNOMED disorder to which ICD-O-3 codes map."""
    made.concept(DISORDER, "SNOMED", "d", "S")
    made.below(NEOPLASM, DISORDER)
    for code in codes:
        if inverse:
            made.relate(DISORDER, "Mapped from", ids.of("ICDO3", code))
        else:
            made.relate(ids.of("ICDO3", code), "Maps to", DISORDER)
    return DISORDER


def test_visits_with_the_same_diagnosis_are_one_case_at_the_first_date(opened: Opener) -> None:
    made, ids = database()
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    made.condition(1, 1, code, code, day=dt.date(2012, 5, 1))
    made.condition(2, 1, code, code, day=dt.date(2010, 5, 1))
    made.condition(3, 1, 0, 0, "9500/3-C74.9", day=dt.date(2011, 5, 1))
    answer = ask(opened(made), NEUROBLASTOMA, by=("year",))
    assert answer.total == Count(1, 1)
    assert answer.cells == ((("2010",), Count(1, 1)),)


def test_a_database_with_one_row_for_each_tumour_may_count_each_date(opened: Opener) -> None:
    made, ids = database()
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    for number, year in enumerate((2010, 2010, 2014), 1):
        made.condition(number, 1, code, code, day=dt.date(year, 5, 1))
    assert bounds(opened(made, case_rule="occurrence"), NEUROBLASTOMA) == (2, 2)


def test_a_condition_that_maps_to_several_targets_counts_once(opened: Opener) -> None:
    made, ids = database()
    source = ids.of("ICDO3", "9814/3-C42.1")
    made.condition(1, 1, ids.tumour("disorder"), source, "9814/3-C42.1")
    made.condition(2, 1, ids.of("Cancer Modifier", "x", "S"), source, "9814/3-C42.1")
    made.condition(3, 1, ids.of("OMOP Genomic", "y", "S"), source, "9814/3-C42.1")
    assert bounds(opened(made)) == (1, 1)


def test_an_icd10_source_that_maps_to_two_disorders_counts_once(opened: Opener) -> None:
    made, ids = database()
    source = ids.of("ICD10", "C74.9")
    made.condition(1, 1, with_disorder(made, ids, ("9500/3-C74.9",)), source)
    made.condition(2, 1, ids.tumour("another"), source)
    source_ = opened(made)
    assert bounds(source_) == (1, 1)
    assert bounds(source_, NEUROBLASTOMA) == (0, 1)
    assert bounds(source_, diagnosis("ICD10", "C74.9"))[1] == 1
    assert bounds(source_, diagnosis("ICCC3", "I(a)")) == (0, 0)


def test_a_condition_that_is_no_tumour_is_no_case(opened: Opener) -> None:
    made, ids = database()
    made.condition(1, 1, ids.of("SNOMED", "asthma", "S"), ids.of("ICD10", "J45.9"), "J45.9")
    made.condition(2, 1, 0, 0, "C74.9")
    made.condition(3, 1, 0, None, None)
    assert bounds(opened(made)) == (0, 0)


def test_a_tumour_without_a_meaning_is_possible_for_every_diagnosis_and_told(opened: Opener) -> None:
    made, ids = database()
    made.condition(1, 1, ids.tumour("malignant tumour of a place of its own"))
    source = opened(made)
    answer = ask(source, NEUROBLASTOMA, by=("iccc_group",))
    assert answer.total == Count(0, 1)
    assert answer.cells == ((("unknown",), Count(0, 1)),)
    assert any("1 codes of tumours have no ICD-O-3 meaning" in note for note in answer.notes)
    assert bounds(source, Not(NEUROBLASTOMA)) == (0, 1)
    assert bounds(source) == (1, 1)


@pytest.mark.parametrize("inverse", [False, True])
def test_a_disorder_means_all_codes_that_map_to_it(opened: Opener, inverse: bool) -> None:
    made, ids = database()
    made.condition(1, 1, with_disorder(made, ids, ("9500/3-C74.9", "9490/3-C48.0"), inverse))
    source = opened(made)
    assert bounds(source, NEUROBLASTOMA) == (1, 1)
    assert bounds(source, ADRENAL) == (0, 1)
    assert bounds(source, diagnosis("ICDO3", "C71.9")) == (0, 0)


def test_a_disorder_means_what_maps_below_it_too(opened: Opener) -> None:
    made, ids = database()
    wide = ids.tumour("wide")
    made.below(wide, with_disorder(made, ids, ("9500/3-C74.9",)))
    made.relate(ids.of("ICDO3", "9500/3-C80.9"), "Maps to", wide)
    made.condition(1, 1, wide)
    assert bounds(opened(made), ADRENAL) == (0, 1)


def test_a_relation_that_is_no_longer_valid_says_nothing(opened: Opener) -> None:
    made, ids = database()
    disorder = with_disorder(made, ids, ("9500/3-C74.9",))
    made.relate(ids.of("ICDO3", "9510/3-C69.2"), "Maps to", disorder, "D")
    made.condition(1, 1, disorder)
    assert bounds(opened(made), ADRENAL) == (1, 1)


def test_histology_and_topography_relations_define_a_disorder(opened: Opener) -> None:
    made, ids = database(2)
    both, histology_only = ids.tumour("both"), ids.tumour("histology")
    for disorder in (both, histology_only):
        made.relate(disorder, "Has Histology ICDO", ids.of("ICDO3", "9500/3"))
    made.relate(both, "Has Topography ICDO", ids.of("ICDO3", "C74.9"))
    made.condition(1, 1, both)
    made.condition(2, 2, histology_only)
    source = opened(made)
    assert bounds(source, diagnosis("ICDO3", "9500/3-C74.9")) == (1, 2)
    assert bounds(source, diagnosis("ICDO3", "9500/3")) == (2, 2)


@pytest.mark.parametrize(
    ("code", "inside", "possible"),
    [
        ("9500/3-C74.9", (1, 1), (1, 1)),
        ("9500/3-NULL", (1, 1), (0, 1)),
        ("9500/3", (1, 1), (0, 1)),
        ("NULL-C74.9", (0, 1), (1, 1)),
        ("9999/9-C74.9", (0, 1), (0, 1)),
    ],
)
def test_every_shape_of_an_icdo_concept_is_read(
    opened: Opener, code: str, inside: tuple[int, int], possible: tuple[int, int]
) -> None:
    made, ids = database()
    made.condition(1, 1, 0, ids.of("ICDO3", code))
    source = opened(made)
    assert bounds(source, diagnosis("ICDO3", "9500/3")) == inside
    assert bounds(source, ADRENAL) == possible
    assert bounds(source) == (1, 1)


@pytest.mark.parametrize("text", ["9500/3-C74.9", "9500/3-c749", " M-9500/3 C74.9 ", "9500/3 - C74.9"])
def test_a_source_value_is_read_where_the_concept_is_0(opened: Opener, text: str) -> None:
    made, _ = database()
    made.condition(1, 1, 0, 0, text)
    assert bounds(opened(made), ADRENAL) == (1, 1)


def test_a_source_value_says_nothing_against_a_concept(opened: Opener) -> None:
    made, ids = database()
    made.condition(1, 1, with_disorder(made, ids, ("9500/3-C74.9",)), 0, "9861/3-C42.1")
    assert bounds(opened(made), ADRENAL) == (1, 1)


def test_a_source_value_helps_a_tumour_whose_concept_has_no_meaning(opened: Opener) -> None:
    made, ids = database(2)
    unresolved = ids.tumour("unresolved")
    made.condition(1, 1, unresolved, None, "9500/3-C74.9")
    made.condition(2, 2, unresolved, None, "something else / or other")
    source = opened(made)
    assert bounds(source, ADRENAL) == (1, 2)
    assert bounds(source) == (2, 2)


def test_a_source_value_that_icdo_does_not_have_is_named_and_not_counted(opened: Opener) -> None:
    made, _ = database()
    made.condition(1, 1, 0, 0, "9999/3-C74.9")
    answer = ask(opened(made))
    assert answer.total == Count(0, 0)
    assert any("9999/3-C74.9" in note for note in answer.notes)


def test_only_conditions_of_the_types_named_count(opened: Opener) -> None:
    made, ids = database(2)
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    made.condition(1, 1, code, kind=32879)
    made.condition(2, 2, code, kind=32817)
    assert bounds(opened(made, condition_types=[32879])) == (1, 1)


def test_sex_goes_by_the_databases_own_gender_concepts_too(opened: Opener) -> None:
    made, ids = database(0)
    own = made.concept(OWN + 1_000, "Gender", "F", None, "Gender")
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    for number, gender in enumerate((MALE, own, 0), 1):
        made.person(number, gender)
        made.condition(number, number, code)
    source = opened(made)
    assert bounds(source, OneOf("sex", frozenset({"female"}))) == (1, 2)
    assert bounds(source, OneOf("sex", frozenset({"unknown"}))) == (1, 1)
    assert dict(ask(source, by=("sex",)).cells) == {
        ("male",): Count(1, 1),
        ("female",): Count(1, 1),
        ("unknown",): Count(1, 1),
    }


def test_alive_needs_the_end_of_an_observation_period(opened: Opener) -> None:
    made, ids = database(3)
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    for number in (1, 2, 3):
        made.condition(number, number, code)
    made.add("death", 1, dt.date(2015, 1, 1))
    made.add("death", 1, dt.date(2015, 2, 1))
    made.add("observation_period", 1, 1, dt.date(2009, 1, 1), dt.date(2016, 1, 1))
    made.add("observation_period", 2, 2, dt.date(2009, 1, 1), dt.date(2016, 1, 1))
    made.add("observation_period", 3, 2, dt.date(2017, 1, 1), dt.date(2018, 1, 1))
    source = opened(made)
    assert dict(ask(source, by=("vital_status",)).cells) == {
        ("dead",): Count(1, 1),
        ("alive",): Count(1, 1),
        ("unknown",): Count(1, 1),
    }
    page = ask(source, OneOf("vital_status", frozenset({"alive", "dead"})), page=Page(limit=5))
    assert sorted(str(case.last_contact.latest) for case in page.cases) == ["2015-01-01", "2018-01-01"]


def test_a_person_that_is_missing_is_unknown_and_not_dropped(opened: Opener) -> None:
    made, ids = database(0)
    made.condition(1, 77, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made)
    assert bounds(source, And((OneOf("sex", frozenset({"male"})), Between("age", 0, 14)))) == (0, 1)
    assert ask(source, by=("sex", "age_band")).cells == ((("unknown", "unknown"), Count(1, 1)),)


def test_a_birth_that_does_not_exist_counts_as_partial(opened: Opener) -> None:
    made, ids = database(0)
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    for number, birth in enumerate(((2001, 2, 30), (2001, 13, 1), (2001, None, 5)), 1):
        made.person(number, birth=birth)
        made.condition(number, number, code, day=dt.date(2010, 1, 15))
    source = opened(made)
    assert bounds(source, Between("age", 8, 8)) == (1, 3)
    assert bounds(source, Between("age_days", 3243, 3270)) == (1, 3)
    assert {case.birth.precision.value for case in ask(source, page=Page(limit=9)).cases} == {"month", "year"}


V53: Mapping[str, Mapping[str, str]] = {
    **TABLES,
    "location": {"location_id": "integer", "location_source_value": "varchar(50)"},
}


def test_a_database_of_version_5_3_has_the_country_of_its_coverage(opened: Opener) -> None:
    made, ids = database()
    made.tables = V53
    made.condition(1, 1, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made, Coverage(country="NL"))
    assert bounds(source, OneOf("country", frozenset({"NL"}))) == (1, 1)
    assert bounds(source, OneOf("country", frozenset({"DE"}))) == (0, 0)
    assert ask(source, by=("country",)).cells == ((("NL",), Count(1, 1)),)
    assert "country" in source.capabilities().never
    assert ask(source, page=Page()).cases[0].country == "NL"


def test_a_database_without_any_country_does_not_collect_it(opened: Opener) -> None:
    made, ids = database()
    made.condition(1, 1, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made)
    assert bounds(source, OneOf("country", frozenset({"NL"}))) == (0, 1)
    assert ask(source, page=Page()).cases[0].country is Absent.NOT_COLLECTED


def test_the_country_may_be_a_concept(opened: Opener) -> None:
    made, ids = database(0)
    code = ids.of("ICDO3", "9500/3-C74.9", "S")
    own = made.concept(OWN + 1_001, "Own countries", "SE", None, "Geography")
    for number, place in enumerate(((own, "Sverige, 100 % it's"), (None, "de"), (None, "somewhere")), 1):
        made.person(number, location=number)
        made.add("location", number, *place)
        made.condition(number, number, code)
    source = opened(made)
    assert bounds(source, OneOf("country", frozenset({"SE"}))) == (1, 2)
    cells = dict(ask(source, by=("country",), unit=Unit.PATIENTS).cells)
    assert cells == {("SE",): Count(1, 1), ("DE",): Count(1, 1), ("unknown",): Count(1, 1)}


def test_a_database_without_deaths_does_not_collect_vital_status(opened: Opener) -> None:
    made, ids = database()
    made.tables = {name: columns for name, columns in TABLES.items() if name not in ("death", "observation_period")}
    made.condition(1, 1, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made)
    assert bounds(source, OneOf("vital_status", frozenset({"alive"}))) == (0, 1)
    assert ask(source, page=Page()).cases[0].vital_status is Absent.NOT_COLLECTED


def omop(*concepts: int) -> DiagnosisIn:
    return DiagnosisIn("diagnosis", tuple(Term("OMOP", str(concept)) for concept in concepts))


def resolve(source: object, concept: object) -> object:
    found = asyncio.run(source.resolve(Term("OMOP", str(concept)), Deadline.after(20)))  # type: ignore[attr-defined]
    return found and found.certain


def test_a_concept_id_means_the_codes_beneath_it_by_the_databases_own_tables(opened: Opener) -> None:
    made, ids = database()
    wide = ids.tumour("wide")
    made.below(wide, with_disorder(made, ids, ("9500/3-C74.9", "9490/3-C48.0")))
    source = opened(made)
    known = terminology.load()
    both = known.meaning("ICDO3", "9500/3-C74.9").boxes | known.meaning("ICDO3", "9490/3-C48.0").boxes
    assert resolve(source, wide) == both
    assert resolve(source, DISORDER) == both
    assert resolve(source, ids.of("ICDO3", "9500/3-C74.9")) == known.meaning("ICDO3", "9500/3-C74.9").boxes
    assert resolve(source, OWN + 999_999) is None
    assert resolve(source, "C74.9") is None
    assert source.capabilities().resolves == {"OMOP"}


def test_a_concept_without_a_meaning_is_found_by_its_own_ids(opened: Opener) -> None:
    made, ids = database(4)
    above, mine, other = ids.tumour("above"), ids.tumour("mine"), ids.tumour("other")
    made.below(above, mine)
    made.relate(ids.of("Own codes", "n1"), "Maps to", mine)
    made.condition(1, 1, mine)
    made.condition(2, 2, 0, ids.of("Own codes", "n1"))
    made.condition(3, 3, above)
    made.condition(4, 4, ids.of("ICDO3", "9861/3-C42.1", "S"))
    source = opened(made)
    assert bounds(source, omop(mine)) == (2, 3)
    assert bounds(source, omop(above)) == (3, 3)
    assert bounds(source, omop(other)) == (0, 0)
    assert bounds(source, omop(NEOPLASM))[0] == 3


def test_a_concept_id_that_nobody_knows_is_refused_by_name(opened: Opener) -> None:
    made, _ = database()
    with pytest.raises(UnknownTerm, match="OMOP:123456789"):
        ask(opened(made), omop(123456789))


def test_patients_are_counted_once_in_each_cell_they_stand_in(opened: Opener) -> None:
    made, ids = database(0)
    made.person(1, birth=(2005, None, None))
    first, second = ids.of("ICDO3", "9500/3-C74.9", "S"), ids.of("ICDO3", "9490/3-C74.0", "S")
    made.condition(1, 1, first, day=dt.date(2010, 6, 1))
    made.condition(2, 1, second, day=dt.date(2010, 7, 1))
    made.condition(3, 1, ids.of("ICDO3", "9861/3-C42.1", "S"), day=dt.date(2019, 7, 1))
    answer = ask(opened(made), by=("iccc_main", "age_band"), unit=Unit.PATIENTS)
    assert answer.total == Count(1, 1)
    assert dict(answer.cells) == {
        ("IV", "1-4"): Count(0, 1),
        ("IV", "5-9"): Count(0, 1),
        ("I", "10-14"): Count(1, 1),
    }


def test_rows_that_come_later_are_counted_with_codes_not_seen_before(opened: Opener, postgres_url: str) -> None:
    import psycopg

    made, ids = database()
    made.condition(1, 1, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made)
    if "schema" not in source._config.options:
        pytest.skip("a DuckDB file cannot be written while it is read")
    assert bounds(source) == (1, 1)
    schema = source._config.options["schema"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {schema}.condition_occurrence VALUES (2, 1, 0, '2012-01-01', 32879, '9861/3-C42.1', 0)"
        )
    assert bounds(source) == (2, 2)
    assert bounds(source, diagnosis("ICCC3", "I")) == (1, 1)
    reads = source._state.read_at
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {schema}.condition_occurrence SELECT 3, 2, condition_concept_id, '2012-01-01', 32879, '', 0 "
            f"FROM {schema}.condition_occurrence WHERE condition_occurrence_id = 1"
        )
    assert bounds(source) == (3, 3)
    assert source._state.read_at == reads, "codes that are known need not be read again"


def test_codes_are_read_again_after_a_while(opened: Opener) -> None:
    made, ids = database()
    made.condition(1, 1, ids.of("ICDO3", "9500/3-C74.9", "S"))
    source = opened(made, refresh_seconds=0)
    assert bounds(source) == (1, 1)
    first = source._state
    assert bounds(source) == (1, 1)
    assert source._state is not first


def test_an_expired_question_costs_nothing(opened: Opener) -> None:
    source = opened(database()[0])
    with pytest.raises(TimeoutError):
        asyncio.run(source.answer(CaseQuery(), Deadline.after(-1)))
