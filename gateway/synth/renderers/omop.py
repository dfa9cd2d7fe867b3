"""OMOP CDM 5.4 as a DuckDB database: person, condition_occurrence, death, location, observation_period, vocabulary.

Nothing of Athena is in it but the ids of the root of neoplasms and of the genders: concepts are our own, with ids
above 2,000,000,000 and the codes and relations that an Athena download would have. ICD-O-3 conditions come in the ways they are met: standard and mapped to themselves;
mapped to a disorder of the same meaning; mapped to a wider disorder and to a modifier of another domain; concept 0
with only a source value; a disorder without its source, told by its Histology and Topography relations.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.database import open_quiet
from gateway.synth.rendering import RENDERED_ROWS, cases_of, mapped, quoted
from gateway.synth.truth import Progress

# CDM 5.4 of the OHDSI Common Data Model: columns and types of its DuckDB DDL, the tables that a registry fills.
TABLES = {
    "person": """person_id integer NOT NULL, gender_concept_id integer NOT NULL, year_of_birth integer NOT NULL,
        month_of_birth integer NULL, day_of_birth integer NULL, birth_datetime TIMESTAMP NULL,
        race_concept_id integer NOT NULL, ethnicity_concept_id integer NOT NULL, location_id integer NULL,
        provider_id integer NULL, care_site_id integer NULL, person_source_value varchar(50) NULL,
        gender_source_value varchar(50) NULL, gender_source_concept_id integer NULL,
        race_source_value varchar(50) NULL, race_source_concept_id integer NULL,
        ethnicity_source_value varchar(50) NULL, ethnicity_source_concept_id integer NULL""",
    "observation_period": """observation_period_id integer NOT NULL, person_id integer NOT NULL,
        observation_period_start_date date NOT NULL, observation_period_end_date date NOT NULL,
        period_type_concept_id integer NOT NULL""",
    "condition_occurrence": """condition_occurrence_id integer NOT NULL, person_id integer NOT NULL,
        condition_concept_id integer NOT NULL, condition_start_date date NOT NULL,
        condition_start_datetime TIMESTAMP NULL, condition_end_date date NULL, condition_end_datetime TIMESTAMP NULL,
        condition_type_concept_id integer NOT NULL, condition_status_concept_id integer NULL,
        stop_reason varchar(20) NULL, provider_id integer NULL, visit_occurrence_id integer NULL,
        visit_detail_id integer NULL, condition_source_value varchar(50) NULL,
        condition_source_concept_id integer NULL, condition_status_source_value varchar(50) NULL""",
    "death": """person_id integer NOT NULL, death_date date NOT NULL, death_datetime TIMESTAMP NULL,
        death_type_concept_id integer NULL, cause_concept_id integer NULL, cause_source_value varchar(50) NULL,
        cause_source_concept_id integer NULL""",
    "location": """location_id integer NOT NULL, address_1 varchar(50) NULL, address_2 varchar(50) NULL,
        city varchar(50) NULL, state varchar(2) NULL, zip varchar(9) NULL, county varchar(20) NULL,
        location_source_value varchar(50) NULL, country_concept_id integer NULL,
        country_source_value varchar(80) NULL, latitude NUMERIC NULL, longitude NUMERIC NULL""",
    "cdm_source": """cdm_source_name varchar(255) NOT NULL, cdm_source_abbreviation varchar(25) NOT NULL,
        cdm_holder varchar(255) NOT NULL, source_description TEXT NULL,
        source_documentation_reference varchar(255) NULL, cdm_etl_reference varchar(255) NULL,
        source_release_date date NOT NULL, cdm_release_date date NOT NULL, cdm_version varchar(10) NULL,
        cdm_version_concept_id integer NOT NULL, vocabulary_version varchar(20) NOT NULL""",
    "concept": """concept_id integer NOT NULL, concept_name varchar(255) NOT NULL, domain_id varchar(20) NOT NULL,
        vocabulary_id varchar(20) NOT NULL, concept_class_id varchar(20) NOT NULL,
        standard_concept varchar(1) NULL, concept_code varchar(50) NOT NULL, valid_start_date date NOT NULL,
        valid_end_date date NOT NULL, invalid_reason varchar(1) NULL""",
    "vocabulary": """vocabulary_id varchar(20) NOT NULL, vocabulary_name varchar(255) NOT NULL,
        vocabulary_reference varchar(255) NULL, vocabulary_version varchar(255) NULL,
        vocabulary_concept_id integer NOT NULL""",
    "concept_relationship": """concept_id_1 integer NOT NULL, concept_id_2 integer NOT NULL,
        relationship_id varchar(20) NOT NULL, valid_start_date date NOT NULL, valid_end_date date NOT NULL,
        invalid_reason varchar(1) NULL""",
    "concept_ancestor": """ancestor_concept_id integer NOT NULL, descendant_concept_id integer NOT NULL,
        min_levels_of_separation integer NOT NULL, max_levels_of_separation integer NOT NULL""",
}
"""Tables and their columns, in the order of the DDL."""

GENDER = {"male": "8507", "female": "8532", "other": "8521", "unknown": "0"}
REGISTRY_TYPE = 32879
"""Type concept: registry."""

CONDITIONS, DISORDERS, WIDER, MODIFIERS = 2_000_000_001, 2_010_000_001, 2_020_000_001, 2_030_000_001
HISTOLOGIES, SITES = 2_040_000_001, 2_050_000_001
"""First ids of our concepts: one range for each class."""

NEOPLASM = 438112
"""The id under which everybody looks for tumours (root of neoplasms in the OHDSI vocabularies)."""

_PAIR = "coalesce(morphology::VARCHAR || '/' || behaviour::VARCHAR, 'NULL') || '-' || topography"
"""The code as in Athena: `9500/3-C74.9`, and `NULL-C74.9` for a tumour known by its site only."""
_FOREVER = "DATE '1970-01-01', DATE '2099-12-31', NULL"

# How a pair is mapped, by its number: 0-2 standard, 3 to a disorder of the same meaning, 4 to a wider one.
_STAGING = f"""
CREATE TEMP TABLE pair AS
SELECT code, histology, topography, (number - 1)::INTEGER AS number,
    if(histology IS NULL, 0, (number - 1) % 5)::INTEGER AS kind FROM (
    SELECT *, row_number() OVER (ORDER BY code) AS number FROM (
        SELECT DISTINCT {_PAIR} AS code, morphology || '/' || behaviour AS histology, topography
        FROM truth WHERE dirt <> 'invalid-code'));
CREATE TEMP TABLE histology AS
SELECT histology, (row_number() OVER (ORDER BY histology) - 1)::INTEGER AS number
FROM (SELECT DISTINCT histology FROM pair WHERE histology IS NOT NULL);
CREATE TEMP TABLE site AS
SELECT topography, (row_number() OVER (ORDER BY topography) - 1)::INTEGER AS number
FROM (SELECT DISTINCT topography FROM pair);
CREATE TEMP TABLE icdo AS
SELECT pair.*, {CONDITIONS} + pair.number AS condition, {DISORDERS} + pair.number AS disorder,
    {WIDER} + histology.number AS wider, {HISTOLOGIES} + histology.number AS histology_concept,
    {SITES} + site.number AS site_concept
FROM pair LEFT JOIN histology USING (histology) JOIN site USING (topography);
"""

_CONCEPTS = f"""
INSERT INTO concept
SELECT condition, 'Condition ' || code, 'Condition', 'ICDO3', 'ICDO Condition', if(kind < 3, 'S', NULL), code, {_FOREVER}
FROM icdo
UNION ALL SELECT disorder, 'Disorder ' || code, 'Condition', 'SNOMED', 'Disorder', 'S', 'D' || number, {_FOREVER}
FROM icdo WHERE kind = 3
UNION ALL SELECT {WIDER} + number, 'Disorder with histology ' || histology, 'Condition', 'SNOMED', 'Disorder', 'S',
    'W' || number, {_FOREVER} FROM histology
UNION ALL SELECT {HISTOLOGIES} + number, 'Histology ' || histology, 'Observation', 'ICDO3', 'ICDO Histology', NULL,
    histology, {_FOREVER} FROM histology
UNION ALL SELECT {SITES} + number, 'Site ' || topography, 'Spec Anatomic Site', 'ICDO3', 'ICDO Topography', NULL,
    topography, {_FOREVER} FROM site
UNION ALL SELECT {MODIFIERS}, 'Modifier of a synthetic tumour', 'Measurement', 'Cancer Modifier', 'Staging/Grading',
    'S', 'M0', {_FOREVER}
UNION ALL SELECT {NEOPLASM}, 'Synthetic neoplastic disease', 'Condition', 'SNOMED', 'Disorder', 'S', 'N0', {_FOREVER}
UNION ALL SELECT 8507, 'male', 'Gender', 'Gender', 'Gender', 'S', 'M', {_FOREVER}
UNION ALL SELECT 8532, 'female', 'Gender', 'Gender', 'Gender', 'S', 'F', {_FOREVER}
UNION ALL SELECT 8521, 'other', 'Gender', 'Gender', 'Gender', NULL, 'O', {_FOREVER}
UNION ALL SELECT 0, 'No matching concept', 'Metadata', 'None', 'Undefined', NULL, 'No matching concept', {_FOREVER}
ORDER BY 1;
INSERT INTO vocabulary VALUES
    ('None', 'synthetic vocabulary', NULL, 'synthetic 1', 0), ('ICDO3', 'synthetic ICD-O-3 concepts', NULL, NULL, 0),
    ('SNOMED', 'synthetic disorders', NULL, NULL, 0), ('Gender', 'gender', NULL, NULL, 0),
    ('Cancer Modifier', 'synthetic modifiers', NULL, NULL, 0);
"""

_RELATIONS = f"""
CREATE TEMP TABLE relation AS
SELECT condition AS one, CASE WHEN kind < 3 THEN condition WHEN kind = 3 THEN disorder ELSE wider END AS two,
    'Maps to' AS name, 'Mapped from' AS inverse FROM icdo
UNION ALL SELECT condition, {MODIFIERS}, 'Maps to', 'Mapped from' FROM icdo WHERE kind = 4
UNION ALL SELECT condition, histology_concept, 'Has Histology ICDO', 'Histology ICDO of' FROM icdo
    WHERE histology IS NOT NULL
UNION ALL SELECT condition, site_concept, 'Has Topography ICDO', 'Topography ICDO of' FROM icdo
UNION ALL SELECT disorder, histology_concept, 'Has Histology ICDO', 'Histology ICDO of' FROM icdo WHERE kind = 3
UNION ALL SELECT disorder, site_concept, 'Has Topography ICDO', 'Topography ICDO of' FROM icdo WHERE kind = 3;
INSERT INTO concept_relationship
SELECT one, two, name, {_FOREVER} FROM relation
UNION ALL SELECT two, one, inverse, {_FOREVER} FROM relation ORDER BY 1, 2, 3;
CREATE TEMP TABLE below AS
SELECT {NEOPLASM} AS top, {WIDER} + number AS bottom, 1 AS levels FROM histology
UNION ALL SELECT wider, if(kind = 3, disorder, condition), 1 FROM icdo WHERE kind < 4 AND histology IS NOT NULL
UNION ALL SELECT {NEOPLASM}, if(kind = 3, disorder, condition), 2 FROM icdo WHERE kind < 4;
INSERT INTO concept_ancestor
SELECT top, bottom, levels, levels FROM below
UNION ALL SELECT concept_id, concept_id, 0, 0 FROM concept WHERE standard_concept = 'S' AND domain_id = 'Condition'
ORDER BY 1, 2;
"""

_PERSONS = f"""
INSERT INTO location
SELECT row_number() OVER (ORDER BY country), NULL, NULL, NULL, NULL, NULL, NULL, country, 0, country, NULL, NULL
FROM (SELECT DISTINCT country FROM truth);
INSERT INTO person
SELECT patient::INTEGER, {mapped("sex", GENDER)}, year(birth),
    if(birth_precision IN ('day', 'month'), month(birth), NULL), if(birth_precision = 'day', day(birth), NULL),
    if(birth_precision = 'day', birth, NULL), 0, 0, location_id, NULL, NULL, patient, sex, 0, NULL, 0, NULL, 0
FROM truth JOIN location ON location_source_value = country WHERE tumour_number = 1 ORDER BY "case";
INSERT INTO observation_period
SELECT patient::INTEGER, patient::INTEGER, min(incidence),
    max(last_contact), {REGISTRY_TYPE}
FROM truth WHERE vital_status <> 'unknown' GROUP BY patient ORDER BY 1;
INSERT INTO death
SELECT patient::INTEGER, last_contact, NULL, {REGISTRY_TYPE}, 0, icd10, 0
FROM truth WHERE vital_status = 'dead' AND tumour_number = 1 ORDER BY "case";
"""

_SOURCE_VALUE = f"if(t.dirt = 'invalid-code', '9999/3-' || t.topography, {_PAIR.replace('topography', 't.topography')})"
_CONDITIONS = f"""
INSERT INTO condition_occurrence
SELECT row_number() OVER (ORDER BY "case", copy), patient::INTEGER,
    CASE WHEN code IS NULL OR only_value THEN 0 WHEN kind < 3 THEN condition WHEN kind = 3 THEN disorder ELSE wider END,
    incidence, NULL, NULL, NULL, {REGISTRY_TYPE}, 0, NULL, NULL, NULL, NULL,
    if(only_disorder, 'local ' || number, source_value),
    if(code IS NULL OR only_value OR only_disorder, 0, condition), NULL
FROM (
    SELECT t."case", copy, patient, incidence, icdo.*, {_SOURCE_VALUE} AS source_value,
        t."case" % 25 = 7 AND t.behaviour IS NOT NULL AS only_value, t."case" % 25 = 13 AND icdo.kind IS NOT DISTINCT FROM 3 AS only_disorder
    FROM {RENDERED_ROWS} t LEFT JOIN icdo ON icdo.code = {_PAIR.replace("topography", "t.topography")}
        AND t.dirt <> 'invalid-code')
ORDER BY "case", copy;
"""

_SOURCE = """
INSERT INTO cdm_source VALUES ('Synthetic childhood-cancer registry', 'SYNTHETIC', 'nobody', 'made up', NULL, NULL,
    DATE '2024-01-02', DATE '2024-01-02', '5.4', 756265, 'synthetic 1');
"""


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one DuckDB database; one that is already there is replaced."""
    path = target.with_name(f"{target.name}.duckdb")
    path.unlink(missing_ok=True)
    with open_quiet(path) as connection:
        connection.execute(f"CREATE TEMP VIEW truth AS FROM read_parquet({quoted(str(truth))})")
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        for step in (_STAGING, _CONCEPTS, _RELATIONS, _PERSONS, _CONDITIONS, _SOURCE):
            connection.execute(step)
        progress(cases_of(connection))
    return [path]
