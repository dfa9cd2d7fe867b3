"""oBDS-RKI 3.0.0.8a XML, what the German registries deliver: Patient > Tumor > Primaerdiagnose.

Valid against the official schema (oBDS_v3.0.0.8a_RKI_Schema.xsd). The schema has no day in any date of a patient,
no unknown vital status, no basis 8 and no unknown behaviour: docs/synthetic.md lists these losses.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.rendering import LAST_OF_PATIENT, mapped, quoted, truth_connection, write_rendered
from gateway.synth.truth import Progress

SEX = {"male": "M", "female": "W", "other": "D", "unknown": "U"}
LATERALITY = {
    "left": "L",
    "right": "R",
    "bilateral": "B",
    "midline": "M",
    "not-applicable": "T",
    "unilateral": "U",
    "unknown": "U",
}
GRADING = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "T", "6": "T", "unknown": "U"}
BASIS = {"unknown": "9", "8": "7"}
STAGE_NAMES = {"inrgss": "INRGSS", "toronto": "Toronto"}
REGISTER = "13"
ICD_VERSION = "10 2021 GM"
ICDO_VERSION = "32"

MORPHOLOGY = "if(dirt = 'invalid-code', '9999', morphology::VARCHAR) || '/' || behaviour::VARCHAR"
"""NULL where behaviour or morphology is unknown."""

GRADE = mapped("grade", GRADING, "'U'")
PLACE = f"'{REGISTER}' || lpad((patient::INTEGER % 1000)::VARCHAR, 3, '0')"


def rki_date(column: str) -> str:
    """SQL of a date as delivered: the day is always the 15th, the month of a year-only date July."""
    month = f"strftime({column}, '%Y-%m-15')"
    return f"if({column}_precision IN ('day', 'month'), {month}, strftime({column}, '%Y-07-15'))"


def rki_precision(column: str) -> str:
    """SQL of Datumsgenauigkeit: T day, M month, V everything estimated."""
    return f"CASE {column}_precision WHEN 'year' THEN 'M' WHEN 'unknown' THEN 'V' ELSE 'T' END"


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one oBDS-RKI XML file."""
    path = target.with_name(f"{target.name}.xml")
    with truth_connection(truth) as connection:
        write_rendered(connection, path, _case(), progress, head=_HEAD, tail="  </Menge_Patient>\n</oBDS_RKI>\n")
    return [path]


_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<oBDS_RKI xmlns="http://www.basisdatensatz.de/oBDS/XML" Schema_Version="3.0.0.8a_RKI">\n'
    f'  <Lieferregister Register_ID="{REGISTER}"/>\n'
    '  <Lieferdatum Datumsgenauigkeit="E">2024-01-02</Lieferdatum>\n'
    "  <Menge_Patient>\n"
)


def _case() -> str:
    return f"""concat(if(tumour_number = 1, concat({_patient()}), ''), {_tumour()},
        if(dirt = 'duplicate', {_tumour()}, ''),
        if({LAST_OF_PATIENT}, '      </Menge_Tumor>\n    </Patient>\n', ''))"""


def _patient() -> str:
    return _joined(
        '    <Patient Patient_ID="',
        "~patient",
        '">\n      <Patienten_Stammdaten>\n        <Geschlecht>',
        "~" + mapped("sex", SEX),
        "</Geschlecht>\n        <Geburtsdatum",
        "~" + _dated("birth"),
        "</Geburtsdatum>\n        <Vitalstatus>\n          <Verstorben>",
        "~if(vital_status = 'dead', 'J', 'N')",
        "</Verstorben>\n",
        "~" + _cause_of_death(),
        "          <Datum_Vitalstatus",
        "~" + _dated("last_contact"),
        "</Datum_Vitalstatus>\n        </Vitalstatus>\n      </Patienten_Stammdaten>\n      <Menge_Tumor>\n",
    )


def _cause_of_death() -> str:
    grundleiden = (
        "          <Todesursachen>\n            <Grundleiden>\n              <Code>",
        "~icd10",
        f"</Code>\n              <Version>{ICD_VERSION}</Version>\n            </Grundleiden>\n"
        "          </Todesursachen>\n",
    )
    return f"if(vital_status = 'dead', concat({_joined(*grundleiden)}), '')"


def _tumour() -> str:
    pieces = _joined(
        '        <Tumor Tumor_ID="',
        "~tumour",
        '">\n          <Primaerdiagnose>\n            <Diagnosedatum',
        "~" + _dated("incidence"),
        "</Diagnosedatum>\n            <Inzidenzort>",
        "~" + PLACE,
        "</Inzidenzort>\n            <Primaertumor_ICD>\n              <Code>",
        "~icd10",
        f"</Code>\n              <Version>{ICD_VERSION}</Version>\n            </Primaertumor_ICD>\n"
        "            <Primaertumor_Topographie_ICD_O>\n              <Code>",
        "~topography",
        f"</Code>\n              <Version>{ICDO_VERSION}</Version>\n            </Primaertumor_Topographie_ICD_O>\n"
        "            <Diagnosesicherung>",
        "~" + mapped("basis", BASIS, "basis"),
        "</Diagnosesicherung>\n",
        "~" + _histology(),
        "~" + _stage(),
        "            <Seitenlokalisation>",
        "~" + mapped("laterality", LATERALITY),
        "</Seitenlokalisation>\n            <DCN>",
        "~if(basis = '0', 'J', 'N')",
        "</DCN>\n",
        "~" + _survival(),
        "          </Primaerdiagnose>\n",
        "~" + _treatment(),
        "        </Tumor>\n",
    )
    return f"concat({pieces})"


def _histology() -> str:
    pieces = _joined(
        "            <Histologie>\n              <Morphologie_ICD_O>\n                <Code>",
        "~" + MORPHOLOGY,
        f"</Code>\n                <Version>{ICDO_VERSION}</Version>\n              </Morphologie_ICD_O>\n"
        "              <Grading>",
        "~" + GRADE,
        "</Grading>\n            </Histologie>\n",
    )
    return f"if({MORPHOLOGY} IS NULL, '', concat({pieces}))"


def _stage() -> str:
    pieces = _joined(
        "            <Menge_Weitere_Klassifikation>\n              <Weitere_Klassifikation>\n                <Name>",
        "~" + mapped("split_part(stage, ':', 1)", STAGE_NAMES),
        "</Name>\n                <Stadium>",
        "~split_part(stage, ':', 2)",
        "</Stadium>\n              </Weitere_Klassifikation>\n            </Menge_Weitere_Klassifikation>\n",
    )
    return f"if(stage = 'unknown', '', concat({pieces}))"


def _survival() -> str:
    days = "<Anzahl_Tage_Diagnose_Tod>' || (last_contact - incidence) || '</Anzahl_Tage_Diagnose_Tod>\n'"
    return f"if(vital_status = 'dead', '            {days}, '')"


def _treatment() -> str:
    pieces = _joined(
        "          <Menge_SYST>\n            <SYST>\n              <Datum_Beginn_SYST",
        "~" + _dated("incidence"),
        "</Datum_Beginn_SYST>\n              <Intention>K</Intention>\n              <Stellung_OP>O</Stellung_OP>\n"
        "              <Therapieart>CH</Therapieart>\n              <Menge_Substanz>\n                <Substanz>\n"
        "                  <Bezeichnung>Vincristin</Bezeichnung>\n                </Substanz>\n                <Substanz>\n"
        "                  <Bezeichnung>Doxorubicin</Bezeichnung>\n                </Substanz>\n"
        "              </Menge_Substanz>\n              <Anzahl_Tage_Diagnose_SYST>7</Anzahl_Tage_Diagnose_SYST>\n"
        "            </SYST>\n          </Menge_SYST>\n",
    )
    return f"if(basis <> '0' AND behaviour = 3, concat({pieces}), '')"


def _dated(column: str) -> str:
    return f"""' Datumsgenauigkeit="' || {rki_precision(column)} || '">' || {rki_date(column)}"""


def _joined(*pieces: str) -> str:
    """Arguments of concat: SQL where a piece starts with ~, else text."""
    return ", ".join(piece[1:] if piece.startswith("~") else quoted(piece) for piece in pieces)
