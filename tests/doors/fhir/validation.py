"""Outside judges of our output: fhir.resources (R4B models), the official JSON schema and XML schema, profiles.

fhir.resources has no R4 models; for every type used here R4B has the same elements (docs/adr).
"""

from __future__ import annotations

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from lxml import etree

Json = dict[str, Any]


class OfficialSchemas:
    """JSON schema and XML schema of FHIR 4.0.1."""

    def __init__(self, folder: Path) -> None:
        self.schema: Json = json.loads((folder / "fhir.schema.json").read_text("utf-8"))
        self._add_version()
        self._xml = etree.XMLSchema(etree.parse(str(folder / "fhir-single.xsd")))
        self._validators: dict[str, Any] = {}

    def _add_version(self) -> None:
        """The schema is that of 4.0.0 and does not list its technical correction 4.0.1 among the versions."""
        for name in ("CapabilityStatement", "StructureDefinition"):
            self.schema["definitions"][name]["properties"]["fhirVersion"]["enum"].append("4.0.1")
        guide = self.schema["definitions"]["ImplementationGuide"]["properties"]
        guide["fhirVersion"]["items"]["enum"].append("4.0.1")

    def json_faults(self, resource: Json) -> list[str]:
        """Faults of a resource by the JSON schema of its type."""
        name = resource["resourceType"]
        if name not in self._validators:
            schema = {
                "$schema": self.schema["$schema"],
                "$ref": f"#/definitions/{name}",
                "definitions": self.schema["definitions"],
            }
            self._validators[name] = jsonschema_rs.validator_for(schema)
        return [
            f"{list(error.instance_path)}: {error.message}" for error in self._validators[name].iter_errors(resource)
        ]

    def xml_faults(self, document: bytes) -> list[str]:
        """Faults of a document by the XML schema."""
        tree = etree.fromstring(document)
        return [] if self._xml.validate(tree) else [str(error) for error in self._xml.error_log]


@cache
def model_of(name: str) -> Any:
    """R4B model of a resource type."""
    return getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)


def model_faults(resource: Json) -> list[str]:
    """Faults of a resource by the R4B models."""
    from pydantic import ValidationError

    try:
        model_of(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        return [f"{item['loc']}: {item['msg']}" for item in error.errors()]
    return []
