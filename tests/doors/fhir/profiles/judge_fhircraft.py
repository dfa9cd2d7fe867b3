"""Reads {definitions, tasks} from a file and prints the findings of fhircraft for each task.

fhircraft takes minutes over large definitions. So an extension keeps its url and value alone, slices of extensions that
are not given are left out of a profile, and so are FHIRPath constraints, which medplum evaluates.
"""

import json
import re
import sys
import warnings
from pathlib import Path

from fhircraft.fhir.resources.factory import FHIRModelFactory
from pydantic import ValidationError

MISSED = re.compile(r"choice element (\w+)\[x\] must have one value set. Got 0")
CORE = "http://hl7.org/fhir/StructureDefinition"


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    wanted = {task["profile"] for task in asked["tasks"]}
    extensions = {item["url"] for item in asked["definitions"] if item["type"] == "Extension"}
    factory = FHIRModelFactory(fhir_release="R4")
    for definition in asked["definitions"]:
        if definition["url"] in wanted | extensions:
            factory.register(reduced(definition, extensions))
    print(json.dumps([findings(factory, task) for task in asked["tasks"]]))


def reduced(definition: dict, extensions: set[str]) -> dict:
    """A definition over the resource itself, for a model is built from its snapshot alone."""
    elements = definition["snapshot"]["element"]
    if definition["type"] == "Extension":
        kept = [item for item in elements if ":" not in item["id"] and item["id"].count(".") < 2]
    else:
        unknown = tuple(item["id"] for item in elements if is_unknown(item, extensions))
        inside = tuple(f"{item['id']}." for item in elements if ".extension:" in item["id"])
        kept = [item for item in elements if item["id"] not in unknown and not item["id"].startswith(inside)]
    head = {name: value for name, value in definition.items() if name != "differential"}
    return {
        **head,
        "baseDefinition": f"{CORE}/{definition['type']}",
        "snapshot": {"element": [without_rules(item) for item in kept]},
    }


def without_rules(element: dict) -> dict:
    return {name: value for name, value in element.items() if name != "constraint"}


def is_unknown(element: dict, extensions: set[str]) -> bool:
    profiles = [
        url for kind in element.get("type", ()) if kind["code"] == "Extension" for url in kind.get("profile", ())
    ]
    return any(url not in extensions for url in profiles)


def findings(factory: FHIRModelFactory, task: dict) -> list[str]:
    model = factory.build(canonical_url=task["profile"])
    try:
        model.model_validate(task["resource"])
    except ValidationError as error:
        said = [item["msg"] for item in error.errors()]
        return [message for message in said if not is_there(task["resource"], message)]
    return []


def is_there(resource: dict, message: str) -> bool:
    """Whether a choice that fhircraft misses has an extension in the place of a value, which counts as being there."""
    missed = MISSED.search(message)
    return missed is not None and any(name.startswith(f"_{missed[1]}") for name in resource)


main()
