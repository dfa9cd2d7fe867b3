"""Matches of an answer of $translate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Match:
    """One match; `origin` does not make two of them different."""

    code: str
    equivalence: str
    source: str
    products: tuple[str, ...]
    depends: tuple[str, ...]
    origin: str = field(default="", compare=False)


def matches_of(body: dict[str, Any]) -> list[Match]:
    assert body["resourceType"] == "Parameters", body
    found = []
    for item in body["parameter"]:
        if item["name"] != "match":
            continue
        plain = {part["name"]: part for part in item["part"]}
        sites = {
            name: tuple(part["part"][1]["valueCoding"]["code"] for part in item["part"] if part["name"] == name)
            for name in ("product", "dependsOn")
        }
        found.append(
            Match(
                plain["concept"]["valueCoding"]["code"],
                plain["equivalence"]["valueCode"],
                plain.get("source", {}).get("valueUri", ""),
                sites["product"],
                sites["dependsOn"],
                plain.get("originMap", {}).get("valueCanonical", ""),
            )
        )
    return found
