"""The fields that are read of an oBDS-RKI delivery: name in the relational form, place in the XML, what it may hold.

After oBDS_v3.0.0.8a_RKI_Schema.xsd and the header lines of the CSV form. Both forms give columns of the same names.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import BadSettings
from gateway.sources.profile import Profile, column_key
from gateway.sources.reading import Record

PATIENT, TUMOUR, DELIVERY = "patient", "tumour", "delivery"

_DATE = r"\d{4}-\d{2}-\d{2}"
_PRECISION = "[TMV]"
_ID = r"(?s:.{1,50})"
_ICD_VERSION = "10 20[0-2][0-9] (GM|WHO)|Sonstige"
_UICC = "okk|0|0a|0is|IS|(I|II|III|IV)[A-D]?[1-3]?"


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes
    ----------
    name
        Column of the relational form (or named like one, where only the XML has it).
    level
        What it belongs to; in the relational form patient.csv holds the patient's.
    path
        Steps from the element of its level, `@` before an attribute; empty where the XML has no such field.
    form
        What the schema allows.
    required
        Whether the schema demands it.
    relational
        Whether the relational form has it.
    """

    name: str
    level: str
    path: str
    form: re.Pattern[str]
    required: bool = True
    relational: bool = True


def _field(name: str, level: str, path: str, form: str, *, required: bool = True, relational: bool = True) -> Field:
    return Field(name, level, path, re.compile(form, re.ASCII), required, relational)


_BASE = "Patienten_Stammdaten"
_VITAL = f"{_BASE}/Vitalstatus"
_DX = "Primaerdiagnose"
FIELDS: tuple[Field, ...] = (
    _field("Register_ID", DELIVERY, "Lieferregister/@Register_ID", "0[1-9]|1[0-7]", relational=False),
    _field("PatientId", PATIENT, "@Patient_ID", _ID),
    _field("Geschlecht", PATIENT, f"{_BASE}/Geschlecht", "[MWDXU]"),
    _field("Geburtsdatum", PATIENT, f"{_BASE}/Geburtsdatum", _DATE, relational=False),
    _field(
        "Geburtsdatum_Genauigkeit", PATIENT, f"{_BASE}/Geburtsdatum/@Datumsgenauigkeit", _PRECISION, relational=False
    ),
    _field("Verstorben", PATIENT, f"{_VITAL}/Verstorben", "[JN]"),
    _field("Datum_Vitalstatus", PATIENT, f"{_VITAL}/Datum_Vitalstatus", _DATE),
    _field("Datum_Vitalstatus_Genauigkeit", PATIENT, f"{_VITAL}/Datum_Vitalstatus/@Datumsgenauigkeit", _PRECISION),
    _field("oBDS_RKIPatientTumorId", TUMOUR, "@Tumor_ID", _ID),
    _field("Diagnosedatum", TUMOUR, f"{_DX}/Diagnosedatum", _DATE),
    _field("Diagnosedatum_Genauigkeit", TUMOUR, f"{_DX}/Diagnosedatum/@Datumsgenauigkeit", _PRECISION),
    _field("Diagnosealter", TUMOUR, "", r"\d{1,3}", required=False),
    _field("Inzidenzort", TUMOUR, f"{_DX}/Inzidenzort", r"\d{5}"),
    _field("Diagnose_ICD10_Code", TUMOUR, f"{_DX}/Primaertumor_ICD/Code", r"[CD]\d\d(\.\d\d?)?|M72\.4"),
    _field("Diagnose_ICD10_Version", TUMOUR, f"{_DX}/Primaertumor_ICD/Version", _ICD_VERSION, required=False),
    _field("Topographie_Code", TUMOUR, f"{_DX}/Primaertumor_Topographie_ICD_O/Code", r"C\d\d\.\d\d?", required=False),
    _field("Topographie_Version", TUMOUR, f"{_DX}/Primaertumor_Topographie_ICD_O/Version", "3[123]", required=False),
    _field("Morphologie_Code", TUMOUR, f"{_DX}/Histologie/Morphologie_ICD_O/Code", r"\d{4}/\d", required=False),
    _field("Morphologie_Version", TUMOUR, f"{_DX}/Histologie/Morphologie_ICD_O/Version", "3[123]|bb", required=False),
    _field("Grading", TUMOUR, f"{_DX}/Histologie/Grading", "[01234XLMHBUT]", required=False),
    _field("Diagnosesicherung", TUMOUR, f"{_DX}/Diagnosesicherung", "[01245679]"),
    _field("Seitenlokalisation", TUMOUR, f"{_DX}/Seitenlokalisation", "[LRBMUT]"),
    _field("DCN", TUMOUR, f"{_DX}/DCN", r"(JN_Typ\.)?[JN]"),
    _field("UICC_Stadium_c", TUMOUR, f"{_DX}/cTNM/UICC_Stadium", _UICC, required=False),
    _field("UICC_Stadium_p", TUMOUR, f"{_DX}/pTNM/UICC_Stadium", _UICC, required=False),
)
AGE_OF_ZFKD = "Diagnosealter_ZfKD"
"""Age as the ZfKD computes it: in both forms, whatever the precision of the dates."""
CLASSIFICATION = "Weitere_Klassifikation:"
"""Columns of this beginning hold the stage of the classification whose name follows."""
CLASSIFICATION_PATH = f"{_DX}/Menge_Weitere_Klassifikation/Weitere_Klassifikation"
PRECISION_SUFFIX = "_Genauigkeit"
UNSTATED = "V"
"""Precision of a date that states none: nothing can be relied on."""

REPEATED = "stands twice with the same value"
CONTRADICTED = "stands twice with different values; neither is used"
NOT_OF_SCHEMA = "is not of the form that the schema 3.0.0.8a allows"
MISSING = "is missing, the schema demands it"
NO_PRECISION = "is missing; the date counts as wholly estimated"
NO_TUMOUR = "patient without tumour: nothing to count"


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a profile ask for.

    Attributes
    ----------
    names
        Each column as a name of `FIELDS`, `AGE_OF_ZFKD`, or `CLASSIFICATION` with the folded name of the system.
    fields
        The fields among them, and those that others are computed from.
    """

    names: tuple[str, ...]
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, profile: Profile) -> Columns:
        """Columns of a profile.

        Raises
        ------
        BadSettings
            The profile names a column that neither form has, or has a [format] section.
        """
        if profile.format:
            raise BadSettings(
                "format is not used by kind obds_rki", where=profile.at("format"), expected="no [format] section"
            )
        names = tuple(_resolved(column, profile) for column in profile.columns)
        wanted = {*names, "PatientId", "oBDS_RKIPatientTumorId"}
        wanted |= {f"{name}{PRECISION_SUFFIX}" for name in names}
        if AGE_OF_ZFKD in names:
            wanted |= {"Geburtsdatum", "Diagnosedatum", "Diagnosealter"}
        return cls(names, tuple(known for known in FIELDS if known.name in wanted))

    def row(self, values: Mapping[str, str | None]) -> list[str | None]:
        """Texts in the order of the profile's columns."""
        return [values.get(name) for name in self.names]


def checked(record: Record, known: Field, text: str | None, values: Mapping[str, str | None]) -> str | None:
    """Text of a field held against the schema; `values` are the fields before it in the table."""
    if text is not None:
        if known.form.fullmatch(text) is None:
            record.tell(known.name, NOT_OF_SCHEMA)
        return text
    if known.name.endswith(PRECISION_SUFFIX):
        if values.get(known.name.removesuffix(PRECISION_SUFFIX)) is None:
            return None
        record.tell(known.name, NO_PRECISION)
        return UNSTATED
    if known.required:
        record.tell(known.name, MISSING)
    return None


_BY_KEY = {column_key(known.name): known.name for known in FIELDS} | {
    column_key(AGE_OF_ZFKD): AGE_OF_ZFKD,
    column_key("oBDS_RKIPatientId"): "PatientId",
    column_key("Patient_ID"): "PatientId",
    column_key("Tumor_ID"): "oBDS_RKIPatientTumorId",
}


def _resolved(column: str, profile: Profile) -> str:
    prefix, colon, system = column.partition(":")
    if colon and column_key(prefix) == column_key(CLASSIFICATION[:-1]):
        return classification_column(system)
    name = _BY_KEY.get(column_key(column))
    if name is None:
        raise BadSettings(
            f"oBDS-RKI has no column {column!r} that is read here",
            where=profile.where,
            expected=f"one of {', '.join((*_BY_KEY.values(), CLASSIFICATION + 'NAME'))}",
        )
    return name


def classification_column(system: str) -> str:
    """Column that holds the stage of a classification, whatever the spelling of its name."""
    return CLASSIFICATION + column_key(system)


def one_of(texts: Sequence[str]) -> tuple[str | None, str | None]:
    """The value of a field that should stand once, and what is odd about it."""
    if not texts:
        return None, None
    if len(set(texts)) > 1:
        return None, CONTRADICTED
    return texts[0], REPEATED if len(texts) > 1 else None


def zfkd_age(birth: str | None, incidence: str | None) -> str | None:
    """Completed years between two delivered dates, days and estimated parts taken as delivered.

    The rule of the column Diagnosealter of the relational form, checked against all 75 tumours of the published
    sample.
    """
    try:
        born, diagnosed = dt.date.fromisoformat(birth or ""), dt.date.fromisoformat(incidence or "")
    except ValueError:
        return None
    years = diagnosed.year - born.year - ((diagnosed.month, diagnosed.day) < (born.month, born.day))
    return str(years) if years >= 0 else None
