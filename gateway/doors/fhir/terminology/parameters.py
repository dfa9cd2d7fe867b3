"""Parameters of the terminology operations, as OperationDefinition.parameter (R4 operationdefinition.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.doors.fhir.definitions import Resource

MOST = "*"
VERSIONS = (
    "system-version:canonical* check-system-version:canonical* force-system-version:canonical* "
    "default-valueset-version:canonical* check-valueset-version:canonical* force-valueset-version:canonical*"
)
EVERY = f"tx-resource:Resource* useSupplement:canonical* displayLanguage:code {VERSIONS}"
CODED = "coding:Coding codeableConcept:CodeableConcept display:string"
JUDGED = "abstract:boolean activeOnly:boolean lenient-display-validation:boolean valueset-membership-only:boolean"
VERDICT = (
    "result:boolean! message:string code:code system:uri version:string display:string normalized-code:code "
    "inactive:boolean status:code codeableConcept:CodeableConcept issues:OperationOutcome"
)

WORDS: Mapping[str, tuple[str, str]] = {
    "CodeSystem-lookup": (
        f"code:code system:uri version:string coding:Coding property:code* {EVERY}",
        "name:string! version:string display:string! code:code! system:uri! normalized-code:code designation:Element* "
        "property:Element*",
    ),
    "CodeSystem-validate-code": (
        f"url:uri system:uri codeSystem:CodeSystem code:code version:string {CODED} {JUDGED} {EVERY}",
        VERDICT,
    ),
    "CodeSystem-subsumes": (
        f"codeA:code codeB:code system:uri version:string codingA:Coding codingB:Coding {EVERY}",
        "outcome:code! system:uri! version:string normalized-codeA:code normalized-codeB:code",
    ),
    "ValueSet-expand": (
        f"url:uri valueSet:ValueSet valueSetVersion:string filter:string offset:integer count:integer activeOnly:boolean "
        "excludeNested:boolean excludeNotForUI:boolean includeDesignations:boolean includeDefinition:boolean "
        f"designation:string* property:code* exclude-system:canonical* versionsMatch:boolean {EVERY}",
        "return:ValueSet!",
    ),
    "ValueSet-validate-code": (
        f"url:uri valueSet:ValueSet valueSetVersion:string code:code system:uri systemVersion:string {CODED} "
        f"inferSystem:boolean {JUDGED} {EVERY}",
        VERDICT,
    ),
    "ConceptMap-translate": (
        "url:uri conceptMap:ConceptMap conceptMapVersion:string code:code system:uri version:string coding:Coding "
        "codeableConcept:CodeableConcept source:uri target:uri targetsystem:uri targetVersion:string "
        f"dependency:Element* reverse:boolean {EVERY}",
        "result:boolean! message:string system:uri version:string normalized-code:code match:Element*",
    ),
}
"""By id of the operation: parameters in and out, as name:type with `!` for one at least and `*` for any number."""


def _parameters(use: str, words: str) -> Iterator[Resource]:
    for word in words.split():
        name, _, kind = word.partition(":")
        found: Resource = {
            "name": name,
            "use": use,
            "min": int(kind.endswith("!")),
            "max": MOST if kind.endswith(MOST) else "1",
        }
        yield {**found, "type": kind.rstrip(f"!{MOST}")}


PARAMETERS: Mapping[str, tuple[Resource, ...]] = {
    operation: (*_parameters("in", asked), *_parameters("out", answered))
    for operation, (asked, answered) in WORDS.items()
}
