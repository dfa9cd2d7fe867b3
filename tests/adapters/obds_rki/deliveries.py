"""Patients of a German registry, rendered as oBDS-RKI XML and as the relational files of the ZfKD."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.obds_rki.fields import zfkd_age

NAMESPACE = "http://www.basisdatensatz.de/oBDS/XML"
HEAD = f'<oBDS_RKI xmlns="{NAMESPACE}" Schema_Version="3.0.0.8a_RKI">'


@dataclass(frozen=True)
class Tumour:
    id: str = "t1"
    date: tuple[str, str] = ("2015-06-15", "T")
    topography: str = "C74.9"
    morphology: str = "9500/3"
    version: str = "32"
    icd10: str = "C74.9"
    basis: str = "7"
    side: str = "L"
    grading: str = "U"
    stages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Patient:
    id: str = "p1"
    sex: str = "W"
    birth: tuple[str, str] = ("2010-03-15", "T")
    dead: str = "N"
    last: tuple[str, str] = ("2020-01-15", "T")
    tumours: tuple[Tumour, ...] = (Tumour(),)


def _dated(name: str, date: tuple[str, str]) -> str:
    return f'<{name} Datumsgenauigkeit="{date[1]}">{date[0]}</{name}>'


def _tumour(tumour: Tumour) -> str:
    stages = "".join(
        f"<Weitere_Klassifikation><Name>{name}</Name><Stadium>{stage}</Stadium></Weitere_Klassifikation>"
        for name, stage in tumour.stages
    )
    more = f"<Menge_Weitere_Klassifikation>{stages}</Menge_Weitere_Klassifikation>" if stages else ""
    return f"""
        <Tumor Tumor_ID="{tumour.id}"><Primaerdiagnose>{_dated("Diagnosedatum", tumour.date)}
        <Inzidenzort>13726</Inzidenzort>
        <Primaertumor_ICD><Code>{tumour.icd10}</Code><Version>10 2021 GM</Version></Primaertumor_ICD>
        <Primaertumor_Topographie_ICD_O><Code>{tumour.topography}</Code><Version>{tumour.version.replace("bb", "33")}</Version></Primaertumor_Topographie_ICD_O>
        <Diagnosesicherung>{tumour.basis}</Diagnosesicherung>
        <Histologie><Morphologie_ICD_O><Code>{tumour.morphology}</Code><Version>{tumour.version}</Version></Morphologie_ICD_O>
        <Grading>{tumour.grading}</Grading></Histologie>{more}
        <Seitenlokalisation>{tumour.side}</Seitenlokalisation><DCN>N</DCN></Primaerdiagnose></Tumor>"""


def _patient(patient: Patient) -> str:
    return f"""
    <Patient Patient_ID="{patient.id}"><Patienten_Stammdaten><Geschlecht>{patient.sex}</Geschlecht>
    {_dated("Geburtsdatum", patient.birth)}<Vitalstatus><Verstorben>{patient.dead}</Verstorben>
    {_dated("Datum_Vitalstatus", patient.last)}</Vitalstatus></Patienten_Stammdaten>
    <Menge_Tumor>{"".join(map(_tumour, patient.tumours))}</Menge_Tumor></Patient>"""


def xml(*patients: Patient, head: str = HEAD) -> str:
    body = f'<Lieferregister Register_ID="13"/>{_dated("Lieferdatum", ("2024-01-02", "E"))}'
    end = head.split()[0].replace("<", "</").rstrip(">") + ">"
    return f"{head}\n{body}<Menge_Patient>{''.join(map(_patient, patients))}</Menge_Patient>\n{end}"


def write_xml(path: Path, *patients: Patient) -> Path:
    path.write_text(xml(*patients), encoding="utf-8")
    return path


def write_relational(folder: Path, *patients: Patient) -> Path:
    """patient.csv, tumor.csv and weitere_klassifikation.csv; Diagnosealter by the rule of the ZfKD."""
    folder.mkdir(exist_ok=True)
    everybody = [
        {
            "PatientId": p.id,
            "Geschlecht": p.sex,
            "Verstorben": p.dead,
            "Datum_Vitalstatus": p.last[0],
            "Datum_Vitalstatus_Genauigkeit": p.last[1],
        }
        for p in patients
    ]
    tumours = [
        {
            "oBDS_RKIPatientTumorId": t.id,
            "oBDS_RKIPatientId": p.id,
            "Diagnosejahr": t.date[0][:4],
            "Diagnosedatum": t.date[0],
            "Diagnosedatum_Genauigkeit": t.date[1],
            "Diagnosealter": zfkd_age(p.birth[0], t.date[0]) or "",
            "Inzidenzort": "13726",
            "Diagnose_ICD10_Code": t.icd10,
            "Diagnose_ICD10_Version": "10 2021 GM",
            "Morphologie_Code": t.morphology,
            "Morphologie_Version": t.version,
            "Topographie_Code": t.topography,
            "Topographie_Version": t.version.replace("bb", "33"),
            "Diagnosesicherung": t.basis,
            "Grading": t.grading,
            "Seitenlokalisation": t.side,
            "UICC_Stadium_c": "",
            "UICC_Stadium_p": "",
            "DCN": "JN_Typ.N",
        }
        for p in patients
        for t in p.tumours
    ]
    stages = [
        {"weitere_klassifikation_id": f"{t.id}{n}", "Name": name, "Stadium": stage, "Tumor_ID": t.id}
        for p in patients
        for t in p.tumours
        for n, (name, stage) in enumerate(t.stages)
    ]
    write_table(folder / "patient.csv", everybody)
    write_table(folder / "tumor.csv", tumours)
    if stages:
        write_table(folder / "weitere_klassifikation.csv", stages)
    return folder


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["nothing"], delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
