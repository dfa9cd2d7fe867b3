"""NAACCR XML (Volume II, data dictionaries 18, 23 and 25): Patient > Tumor > Item@naaccrId.

About 60 items a tumour, so that size and reading speed are those of an incidence file (record type I).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.synth.rendering import LAST_OF_PATIENT, mapped, quoted, truth_connection, write_rendered
from gateway.synth.truth import Progress

SEX = {"male": "1", "female": "2", "other": "3", "unknown": "9"}
VITAL_STATUS = {"alive": "1", "dead": "0"}
LATERALITY = {
    "not-applicable": "0",
    "right": "1",
    "left": "2",
    "unilateral": "3",
    "bilateral": "4",
    "midline": "5",
    "unknown": "9",
}
CONFIRMATION = {"7": "1", "6": "1", "5": "2", "8": "3", "4": "5", "2": "7", "1": "8", "0": "9", "unknown": "9"}
COUNTRY = {"US": "USA", "CA": "CAN", "DE": "DEU", "FR": "FRA", "GB": "GBR", "IT": "ITA", "JP": "JPN"}
INRGSS = {"inrgss:L1": "1", "inrgss:L2": "2", "inrgss:M": "3", "inrgss:MS": "4"}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the standard, and the items that only it has."""

    dictionary: str
    specification: str
    date_flags: bool
    paediatric_stage: bool


VERSIONS = {
    18: Version("180", "1.5", date_flags=True, paediatric_stage=False),
    23: Version("230", "1.6", date_flags=False, paediatric_stage=False),
    25: Version("250", "1.8", date_flags=False, paediatric_stage=True),
}

_FILLERS = (
    {"maritalStatusAtDx": "1", "primaryPayerAtDx": "20", "rxSummSurgPrimSite": "00", "rxSummChemo": "03"},
    {"maritalStatusAtDx": "1", "primaryPayerAtDx": "60", "rxSummSurgPrimSite": "30", "rxSummChemo": "03"},
    {"maritalStatusAtDx": "9", "primaryPayerAtDx": "31", "rxSummSurgPrimSite": "50", "rxSummChemo": "00"},
    {"maritalStatusAtDx": "1", "primaryPayerAtDx": "35", "rxSummSurgPrimSite": "20", "rxSummChemo": "02"},
)
_FILLER = {
    "rxSummSurgicalMargins": "9",
    "rxSummSurgRadSeq": "0",
    "multiplicityCounter": "01",
    "rxSummBrm": "00",
    "rxSummRadiation": "0",
    "multTumRptAsOnePrim": "00",
    "censusTrPovertyIndictr": "2",
    "censusTrCertainty2000": "9",
    "censusTrCertainty2010": "1",
    "rxSummPalliativeProc": "0",
    "rxSummTransplntEndocr": "00",
    "rxSummSurgOthRegDis": "0",
    "rxSummDxStgProc": "02",
    "rxSummTreatmentStatus": "1",
    "rxSummScopeRegLnSur": "0",
    "censusTract2000": "999999",
    "censusTract2010": "010200",
    "rxSummHormone": "00",
    "rxSummRadToCns": "0",
    "reasonForNoSurgery": "1",
    "rxSummSystemicSurSeq": "0",
    "rxSummOther": "0",
    "regionalNodesPositive": "98",
    "regionalNodesExamined": "00",
    "lymphVascularInvasion": "8",
    "csSiteSpecificFactor1": "988",
    "csSiteSpecificFactor2": "988",
    "csSiteSpecificFactor3": "988",
    "csSiteSpecificFactor4": "988",
    "csSiteSpecificFactor5": "988",
    "csSiteSpecificFactor6": "988",
    "csTumorSize": "999",
    "csExtension": "999",
    "csLymphNodes": "999",
    "csMetsAtDx": "99",
    "derivedSs2000": "9",
}
_PATIENT_FILLER = {
    "race1": "01",
    "race2": "88",
    "race3": "88",
    "race4": "88",
    "race5": "88",
    "raceNapiia": "01",
    "spanishHispanicOrigin": "0",
    "nhiaDerivedHispOrigin": "0",
    "icdRevisionNumber": "0",
}


def render(truth: Path, target: Path, progress: Progress, *, version: int = 25, packed: bool = False) -> list[Path]:
    """Write one NAACCR XML file.

    Parameters
    ----------
    truth, target
        Truth table; path of the file without suffix.
    version
        18, 23 or 25.
    packed
        Compress it (.xml.gz).
    """
    form = VERSIONS[version]
    path = target.with_name(f"{target.name}.xml.gz" if packed else f"{target.name}.xml")
    with truth_connection(truth) as connection:
        write_rendered(connection, path, _case(form), progress, head=_head(form), tail="</NaaccrData>\n")
    return [path]


def _head(form: Version) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-{form.dictionary}.xml" '
        f'recordType="I" specificationVersion="{form.specification}" timeGenerated="2024-01-02T00:00:00Z" '
        'xmlns="http://naaccr.org/naaccrxml">\n'
        '    <Item naaccrId="registryId">0000009999</Item>\n'
    )


def _case(form: Version) -> str:
    patient = f"if(tumour_number = 1, concat({', '.join(_patient_items(form))}), '')"
    tumour = f"concat({', '.join(_tumour_items(form))})"
    return f"""concat({patient}, {tumour}, if(dirt = 'duplicate', {tumour}, ''),
        if({LAST_OF_PATIENT}, '    </Patient>\n', ''))"""


def _patient_items(form: Version) -> list[str]:
    items = {
        "patientIdNumber": "patient",
        "sex": mapped("sex", SEX),
        "dateOfBirth": _date("birth"),
        "vitalStatus": mapped("vital_status", VITAL_STATUS),
        "dateOfLastContact": _date("last_contact"),
        "causeOfDeath": "CASE vital_status WHEN 'alive' THEN '0000' WHEN 'dead' THEN replace(topography, '.', '') END",
    }
    if form.date_flags:
        items["dateOfBirthFlag"] = "if(birth_precision = 'unknown', '12', NULL)"
        items["dateOfLastContactFlag"] = "if(last_contact_precision = 'unknown', '12', NULL)"
    constant = "".join(_constant(name, value, 8) for name, value in _PATIENT_FILLER.items())
    return [quoted("    <Patient>\n"), *(_item(name, sql, 8) for name, sql in items.items()), quoted(constant)]


def _tumour_items(form: Version) -> list[str]:
    items = {
        "tumorRecordNumber": "lpad(tumour_number::VARCHAR, 2, '0')",
        "sequenceNumberCentral": "lpad(sequence::VARCHAR, 2, '0')",
        "dateOfDiagnosis": _date("incidence"),
        "ageAtDiagnosis": "if(age_known, lpad(age_years::VARCHAR, 3, '0'), '999')",
        "addrAtDxCountry": mapped("country", COUNTRY),
        "primarySite": """CASE WHEN dirt = 'invalid-code' AND "case" % 2 = 0 THEN 'C999'
            WHEN spelling = 1 THEN lower(replace(topography, '.', '')) ELSE replace(topography, '.', '') END""",
        "laterality": mapped("laterality", LATERALITY),
        "histologicTypeIcdO3": """if(dirt = 'invalid-code' AND "case" % 2 = 1, '9999', morphology::VARCHAR)""",
        "behaviorCodeIcdO3": "behaviour::VARCHAR",
        "grade": "if(grade = 'unknown', '9', grade)",
        "diagnosticConfirmation": mapped("basis", CONFIRMATION),
        "typeOfReportingSource": "if(basis = '0', '7', '1')",
        "dateInitialRxSeer": _date("incidence"),
    }
    if form.paediatric_stage:
        items["inrgss"] = mapped("stage", INRGSS)
    return [
        quoted("        <Tumor>\n"),
        *(_item(name, sql, 12) for name, sql in items.items()),
        _fillers(),
        quoted("        </Tumor>\n"),
    ]


def _fillers() -> str:
    texts = ["".join(_constant(name, value, 12) for name, value in (_FILLER | own).items()) for own in _FILLERS]
    cases = " ".join(f"WHEN {number} THEN {quoted(text)}" for number, text in enumerate(texts))
    return f'CASE "case" % {len(texts)} {cases} END'


def _date(column: str) -> str:
    return (
        f"CASE {column}_precision WHEN 'day' THEN strftime({column}, '%Y%m%d') "
        f"WHEN 'month' THEN strftime({column}, '%Y%m') WHEN 'year' THEN strftime({column}, '%Y') END"
    )


def _item(name: str, sql: str, indent: int) -> str:
    opening = f'{" " * indent}<Item naaccrId="{name}">'
    return f"{quoted(opening)} || ({sql}) || {quoted(_CLOSING)}"


def _constant(name: str, value: str, indent: int) -> str:
    return f'{" " * indent}<Item naaccrId="{name}">{value}{_CLOSING}'


_CLOSING = "</Item>\n"
