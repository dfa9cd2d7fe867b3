"""Value sets of several parts: versions, spellings, pairs, imports; an expansion and a verdict say the same."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.doors.fhir.definitions import code_systems
from tests.doors.fhir.client import Client

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SETS = "https://w3id.org/iccd/fhir/ValueSet"
OLDER = [url for system in code_systems() if system.prefix == "ICDO3" for url in system.synonyms]
UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
Json = dict[str, Any]

LETTERS: Json = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/letters",
    "version": "1",
    "status": "active",
    "content": "complete",
    "caseSensitive": False,
    "concept": [{"code": "a", "display": "First"}, {"code": "b", "display": "Second"}],
}
SUPPLEMENT: Json = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/more",
    "status": "active",
    "content": "supplement",
    "supplements": ICCC3,
    "property": [{"code": "colour", "type": "string"}],
    "concept": [
        {
            "code": "IV(a)",
            "designation": [{"language": "de", "value": "Neuroblastom"}],
            "property": [{"code": "colour", "valueString": "violet"}],
        }
    ],
}


def values(body: Json, name: str) -> list[object]:
    return [
        value
        for item in body.get("parameter", [])
        if item["name"] == name
        for key, value in item.items()
        if key.startswith("value")
    ]


def value(body: Json, name: str) -> object:
    return next(iter(values(body, name)), None)


def flat(contains: list[Json]) -> list[Json]:
    return [one for item in contains for one in (item, *flat(item.get("contains", [])))]


def named(expansion: Json) -> list[str]:
    return [item["code"] for item in flat(expansion.get("contains", []))]


def of(system: str, **more: object) -> Json:
    """A part of a value set, by code system."""
    return {"system": system, **more}


def such(name: str, op: str, wanted: str) -> list[Json]:
    return [{"property": name, "op": op, "value": wanted}]


def listed(*codes: str) -> list[Json]:
    return [{"code": code} for code in codes]


def a_set(include: list[Json], exclude: list[Json] | None = None, **more: object) -> Json:
    compose = {"include": include, **({"exclude": exclude} if exclude else {})}
    return {"resourceType": "ValueSet", "status": "active", "compose": compose, **more}


def asked(client: Client, operation: str, *parameters: tuple[str, object], status: int = 200) -> Json:
    """Answer to a POST; the kind of a parameter follows from its value and name."""
    kinds = {"coding": "valueCoding", "url": "valueUri", "system": "valueUri", "code": "valueCode"}

    def written(name: str, given: object) -> Json:
        if isinstance(given, dict) and "resourceType" in given:
            return {"name": name, "resource": given}
        if isinstance(given, bool):
            return {"name": name, "valueBoolean": given}
        return {"name": name, kinds.get(name, "valueString"): given}

    body = {"resourceType": "Parameters", "parameter": [written(*each) for each in parameters]}
    answer = client.request("POST", operation, json=body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def expanded(client: Client, value_set: Json, *more: tuple[str, object]) -> Json:
    found: Json = asked(client, "/ValueSet/$expand", ("valueSet", value_set), *more)["expansion"]
    return found


def is_in(
    client: Client, value_set: Json, code: str, system: str, version: str = "", *more: tuple[str, object]
) -> bool:
    coding = {"system": system, "code": code, **({"version": version} if version else {})}
    said = asked(client, "/ValueSet/$validate-code", ("valueSet", value_set), ("coding", coding), *more)
    return value(said, "result") is True


# --- versions ------------------------------------------------------------------------------------------------------------


def test_editions_do_not_mix_through_imports(client: Client) -> None:
    both = a_set([{"valueSet": [f"{ICCC3}?fhir_vs=isa/VII|{edition}"]} for edition in ("2005", "2017")])
    found = expanded(client, both)
    alone = [
        (item["code"], edition, item["display"])
        for edition in ("2005", "2017")
        for item in flat(
            client.json("/ValueSet/$expand", params={"url": f"{ICCC3}?fhir_vs=isa/VII|{edition}"})["expansion"][
                "contains"
            ]
        )
    ]
    assert sorted((item["code"], item["version"], item["display"]) for item in flat(found["contains"])) == sorted(alone)
    assert found["total"] == len(alone) == 11
    for code, edition, _ in alone:
        assert is_in(client, both, code, ICCC3, edition)
    assert not is_in(client, both, "VII(a).1", ICCC3, "2005")
    assert not is_in(client, both, "VII(a)", ICCC3, "who2008")


def test_what_two_editions_share_is_nothing(client: Client) -> None:
    neither = a_set([{"valueSet": [f"{ICCC3}?fhir_vs|2005", f"{ICCC3}?fhir_vs|2017"]}])
    crossed = a_set(
        [of(ICCC3, version="2017", filter=such("concept", "is-a", "VII"), valueSet=[f"{ICCC3}?fhir_vs|2005"])]
    )
    for value_set in (neither, crossed):
        assert expanded(client, value_set)["total"] == 0
        for edition in ("", "2005", "2017"):
            assert not is_in(client, value_set, "VII(a)", ICCC3, edition)


@pytest.mark.parametrize("edition", ["2005", "2017"])
def test_an_exclude_takes_out_its_own_edition(client: Client, edition: str) -> None:
    include = [of(ICCC3, version=each, filter=such("concept", "is-a", "VII")) for each in ("2005", "2017")]
    for exclude in (of(ICCC3, version=edition), {"valueSet": [f"{ICCC3}?fhir_vs|{edition}"]}):
        value_set = a_set(include, [exclude])
        left = {(item["code"], item["version"]) for item in flat(expanded(client, value_set)["contains"])}
        assert {version for _, version in left} == {"2005", "2017"} - {edition}
        for each in ("2005", "2017"):
            assert is_in(client, value_set, "VII(a)", ICCC3, each) is (("VII(a)", each) in left)


def test_an_exclude_of_an_edition_that_is_not_included_or_of_none_means_every_one(client: Client) -> None:
    include = [of(ICCC3, version="2005")]
    below = such("concept", "is-a", "IV")
    for exclude in (of(ICCC3, filter=below), {"valueSet": [f"{ICCC3}?fhir_vs=isa/IV|2017"]}):
        value_set = a_set(include, [exclude])
        assert "IV(a)" not in named(expanded(client, value_set))
        assert not is_in(client, value_set, "IV(a)", ICCC3, "2005")
        assert is_in(client, value_set, "V", ICCC3, "2005")


CODES = ("IV(a)", "VI", "VI(a)", "VI(a).4", "VI(b)", "VII", "VII(a)", "VII(a).1")


def a_part(dice: random.Random, *, imports: Sequence[str] = (), stated: bool = True) -> Json:
    """A part of a value set of ICCC-3: all of an edition, a filter, a list, imports or several of these."""
    kind = dice.random()
    part: Json = {}
    if kind < 0.6:
        part["system"] = ICCC3
        if stated or dice.random() < 0.7:
            part["version"] = dice.choice(("2005", "2017"))
        operator = dice.choice(("is-a", "is-not-a", "descendent-of", "child-of", "generalizes"))
        part |= dice.choice(
            (
                {},
                {"filter": such("concept", operator, dice.choice(CODES))},
                {"concept": listed(*dice.sample(CODES, 3))},
            )
        )
    if kind > 0.5:
        names = [f"{ICCC3}?fhir_vs", f"{ICCC3}?fhir_vs=isa/VII", f"{SETS}/iccc-3-VI"]
        known = [f"{name}|{edition}" for name in names for edition in ("2005", "2017")]
        part["valueSet"] = dice.sample([*known, *imports], dice.choice((1, 1, 2)))
    return part


@pytest.mark.parametrize("seed", range(40))
def test_a_verdict_is_that_of_the_expansion(client: Client, seed: int) -> None:
    dice = random.Random(seed)

    def parts(number: int, *imports: str, stated: bool = True) -> list[Json]:
        return [a_part(dice, imports=imports, stated=stated) for _ in range(number)]

    url = "http://example.org/inner"
    inner = ("tx-resource", a_set(parts(dice.choice((1, 2))), parts(dice.choice((0, 1)), stated=False), url=url))
    value_set = a_set(parts(dice.choice((1, 2, 3)), url), parts(dice.choice((0, 1, 1)), url, stated=False))
    found = expanded(client, value_set, inner)
    used = {str(said).partition("|")[2] for said in values(found, "used-codesystem")}
    held = {(item["code"], item.get("version")) for item in flat(found.get("contains", []))}
    editions = used if len(used) == 1 else {"2005", "2017"} if all(version for _, version in held) else set()
    for edition in editions:
        for code in CODES:
            expected = bool({(code, edition), (code, None)} & held)
            assert is_in(client, value_set, code, ICCC3, edition, inner) is expected, (code, edition)


def test_a_code_that_an_edition_lacks_is_not_named_in_another(client: Client) -> None:
    said = client.json(
        "/ValueSet/$validate-code", params={"url": f"{SETS}/iccc-3|2005", "system": ICCC3, "code": "VII(a).1"}
    )
    assert value(said, "result") is False
    assert value(said, "version") in (None, "2005")
    assert value(said, "display") is None
    assert "version '2005'" in str(value(said, "message"))


def test_check_valueset_version_holds_for_a_value_set_and_an_import(client: Client) -> None:
    url = "http://example.org/w"
    brought = ("tx-resource", a_set([of(ICCC3)], url=url, version="1"))
    importing = ("valueSet", a_set([{"valueSet": [f"{url}|1"]}]))
    for named_by in (("url", f"{url}|1"), importing, ("valueSet", brought[1])):
        for operation, more in (
            ("$expand", ()),
            ("$validate-code", (("coding", {"system": ICCC3, "code": "V"}),)),
        ):
            rule = ("check-valueset-version", f"{url}|2")
            refused = asked(client, f"/ValueSet/{operation}", named_by, brought, rule, *more, status=422)
            assert "required to be '2'" in refused["issue"][0]["details"]["text"]
            asked(client, f"/ValueSet/{operation}", named_by, brought, ("check-valueset-version", f"{url}|1"), *more)


def test_two_versions_by_one_parameter_are_refused(client: Client) -> None:
    twice = [("url", f"{ICDO3}?fhir_vs"), ("system-version", f"{ICDO3}|3.0"), ("system-version", f"{OLDER[0]}|3.1")]
    assert "system-version" in asked(client, "/ValueSet/$expand", *twice, status=400)["issue"][0]["location"][0]


@pytest.mark.parametrize("given", ["3", "3.x"])
def test_the_number_above_the_editions_is_the_newest(client: Client, given: str) -> None:
    asking = {"system": ICDO3, "code": "9500/3", "version": given}
    assert value(client.json("/CodeSystem/$lookup", params=asking), "version") == "3.2"
    said = client.json(
        "/ValueSet/$validate-code",
        params={"url": f"{ICDO3}?fhir_vs|{given}", "system": ICDO3, "code": "9500/3", "systemVersion": given},
    )
    assert (value(said, "result"), value(said, "version"), value(said, "issues")) == (True, "3.2", None)


# --- codes of an earlier edition -----------------------------------------------------------------------------------------


def test_a_code_without_version_is_looked_for_in_earlier_editions_of_icdo3(client: Client) -> None:
    found = client.json("/CodeSystem/$lookup", params={"system": ICDO3, "code": "92603"})
    assert (value(found, "version"), value(found, "code")) == ("3.1", "9260/3")
    said = client.json("/CodeSystem/$validate-code", params={"url": ICDO3, "code": "9260/3"})
    assert (value(said, "result"), value(said, "version")) == (True, "3.1")
    above = client.json("/CodeSystem/$subsumes", params={"system": ICDO3, "codeA": "9260", "codeB": "9260/3"})
    assert (value(above, "outcome"), value(above, "version")) == ("subsumes", "3.1")


def test_an_edition_that_is_stated_or_ruled_or_an_instance_stays(client: Client) -> None:
    for path, more in (
        ("/CodeSystem", {"system": ICDO3, "version": "3.2"}),
        ("/CodeSystem", {"system": ICDO3, "system-version": f"{ICDO3}|3.2"}),
        ("/CodeSystem/icd-o-3", {}),
    ):
        client.json(f"{path}/$lookup", status=404, params={"code": "9260/3", **more})
    said = client.json(
        "/ValueSet/$validate-code", params={"url": f"{ICDO3}?fhir_vs", "system": ICDO3, "code": "9260/3"}
    )
    assert value(said, "result") is False
    client.json("/CodeSystem/$lookup", status=404, params={"system": ICCC3, "code": "VI(a).4"})


# --- spellings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["9500/3", "95003", "9500-3", "pgx:icdom-95003"])
@pytest.mark.parametrize("written", ["9500/3", "95003", "9500-3"])
def test_a_listed_code_means_every_spelling(client: Client, written: str, code: str) -> None:
    without = a_set([of(ICDO3, filter=such("concept", "is-a", "9500"))], [of(ICDO3, concept=listed(written))])
    assert not is_in(client, without, code, ICDO3)
    assert is_in(client, without, "95001", ICDO3)
    assert not is_in(client, a_set([of(ICDO3)], [of(ICDO3, concept=listed(written))]), code, ICDO3)
    only = a_set([of(ICDO3, concept=listed(written))])
    assert is_in(client, only, code, ICDO3)
    assert not is_in(client, only, "9500/1", ICDO3)


@pytest.mark.parametrize("code", ["IV(a)", "041", "IVa"])
def test_an_exclude_by_filter_means_every_spelling(client: Client, code: str) -> None:
    without = a_set([of(ICCC3)], [of(ICCC3, filter=such("concept", "is-a", "IV"))])
    assert not is_in(client, without, code, ICCC3)


@pytest.mark.parametrize("written", ["b", "B"])
@pytest.mark.parametrize("code", ["b", "B"])
def test_the_case_of_letters_is_a_spelling_where_it_does_not_count(client: Client, written: str, code: str) -> None:
    url, brought = LETTERS["url"], ("tx-resource", LETTERS)
    part = of(url, concept=listed(written))
    assert not is_in(client, a_set([of(url)], [part]), code, url, "", brought)
    assert is_in(client, a_set([part]), code, url, "", brought)
    assert not is_in(client, a_set([part]), "a", url, "", brought)


@pytest.mark.parametrize(
    ("url", "code", "system"),
    [
        (f"{SETS}/iccc-3-IV", "041", ICCC3),
        (f"{SETS}/iccc-3-IV", "IVa", ICCC3),
        (f"{ICDO3}?fhir_vs", "95003", ICDO3),
        (f"{ICDO3}?fhir_vs", "9500/3-C74.9", ICDO3),
    ],
)
def test_a_code_system_is_inferred_from_any_spelling(client: Client, url: str, code: str, system: str) -> None:
    said = client.json("/ValueSet/$validate-code", params={"url": url, "code": code, "inferSystem": "true"})
    assert (value(said, "result"), value(said, "system")) == (True, system)
    unknown = client.json("/ValueSet/$validate-code", params={"url": url, "code": "none", "inferSystem": "true"})
    assert value(unknown, "result") is False


@pytest.mark.parametrize("older", OLDER)
def test_every_url_of_a_code_system_is_one(client: Client, older: str) -> None:
    two = listed("9500/3", "C74.9")
    assert named(expanded(client, a_set([of(ICDO3, concept=two)], [of(older, concept=two[:1])]))) == ["C74.9"]
    assert named(expanded(client, a_set([of(ICDO3, concept=two), of(older, concept=two)]))) == ["9500/3", "C74.9"]
    brought = a_set([of(older, concept=two)], url="http://example.org/two")
    importing = a_set([of(ICDO3, valueSet=[brought["url"]])])
    assert sorted(named(expanded(client, importing, ("tx-resource", brought)))) == ["9500/3", "C74.9"]


# --- pairs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("include", "exclude", "code", "expected"),
    [
        ([("concept", "is-a", "9500")], [("concept", "is-a", "C74")], "9500/3-C74.9", False),
        ([("concept", "is-a", "9500")], [("concept", "is-a", "C74")], "9500/3-C71.9", True),
        ([("concept", "is-not-a", "C74")], [], "9500/3-C71.9", True),
        ([("concept", "is-not-a", "C74")], [], "9500/3-C74.9", False),
        ([("concept", "descendent-of", "9500/3")], [], "9500/3-C74.9", True),
        ([("concept", "descendent-of", "9500/3")], [], "9500/3", False),
        ([("concept", "child-of", "9500/3")], [], "9500/3-C74.9", True),
        ([("concept", "=", "95003-C749")], [], "9500/3-C74.9", True),
        ([("concept", "generalizes", "9500/3-C74.9")], [], "9500/3", True),
        ([("concept", "not-in", "9500/3,C74.9")], [], "9500/3-C74.9", True),
        ([("concept", "descendent-leaf", "C74")], [], "9500/3-C74.9", True),
        ([("concept", "regex", "9500.*")], [], "9500/3-C74.9", True),
        ([("concept", "is-a", "9500"), ("concept", "is-a", "C74")], [], "9500/3-C74.9", True),
        ([("concept", "is-a", "9500"), ("concept", "is-a", "C71")], [], "9500/3-C74.9", False),
        ([("behaviour", "=", "3")], [], "9500/3-C74.9", True),
        ([("behaviour", "=", "1")], [], "9500/3-C74.9", False),
        ([("behaviour", "in", "1,3")], [], "9500/3-C74.9", True),
        ([("behaviour", "not-in", "1,3")], [], "9500/3-C74.9", False),
        ([("behaviour", "exists", "true")], [], "9500/3-C74.9", True),
        ([("behaviour", "regex", "[23]")], [], "9500/3-C74.9", True),
        ([("morphology", "=", "9500")], [], "9500/3-C74.9", True),
        ([("topography", "=", "C74.9")], [], "9500/3-C74.9", True),
        ([("parent", "=", "9500/3")], [], "9500/3-C74.9", True),
        ([("parent", "exists", "true")], [], "9500/3-C74.9", True),
        ([("child", "=", "9500/3")], [], "9500", True),
    ],
)
def test_filters_hold_for_pairs(
    client: Client, include: list[tuple[str, str, str]], exclude: list[tuple[str, str, str]], code: str, expected: bool
) -> None:
    parts = [of(ICDO3, filter=[such(*each)[0] for each in include])]
    without = [of(ICDO3, filter=such(*each)) for each in exclude]
    assert is_in(client, a_set(parts, without), code, ICDO3) is expected


def test_an_exclude_of_all_takes_out_pairs(client: Client) -> None:
    assert not is_in(client, a_set([of(ICDO3)], [of(ICDO3)]), "9500/3-C74.9", ICDO3)


@pytest.mark.parametrize(
    ("part", "is_open"),
    [
        (of(ICDO3, filter=such("concept", "is-a", "9500/3")), True),
        ({"valueSet": [f"{ICDO3}?fhir_vs=isa/9500/3"]}, True),
        (of(ICDO3, filter=such("concept", "in", "9500/3,C74.9")), False),
        (of(ICDO3, concept=listed("9500/3")), False),
        (of(ICDO3, concept=listed("9500/3"), valueSet=[f"{ICDO3}?fhir_vs=isa/9500/3"]), False),
        (of(ICCC3), False),
    ],
)
def test_an_expansion_says_that_pairs_are_not_listed(client: Client, part: Json, is_open: bool) -> None:
    found = expanded(client, a_set([part]))
    assert ({"url": UNCLOSED, "valueBoolean": True} in found.get("extension", [])) is is_open


@pytest.mark.parametrize("name", ["is-a", "descendent-of", "is-not-a", "child-of", "descendent-leaf", "generalizes"])
@pytest.mark.parametrize("root", ["IV", "VII(a)", "I(a).1", "none"])
def test_a_verdict_by_a_filter_is_that_of_its_expansion(client: Client, name: str, root: str) -> None:
    value_set = a_set([of(ICCC3, filter=such("concept", name, root))])
    found = set(named(expanded(client, value_set)))
    for code in ("I", "I(a)", "I(a).1", "IV", "IV(a)", "VII", "VII(a)", "VII(a).1"):
        assert is_in(client, value_set, code, ICCC3) is (code in found)


# --- imports and instances -----------------------------------------------------------------------------------------------


def test_our_value_sets_can_be_imported(client: Client) -> None:
    value_set = a_set([{"valueSet": [f"{SETS}/iccc-3-IVa"]}])
    assert named(expanded(client, value_set)) == ["IV(a)"]
    assert is_in(client, value_set, "041", ICCC3)
    assert not is_in(client, value_set, "IV(b)", ICCC3)
    older = a_set([{"valueSet": [f"{SETS}/iccc-3-VIa|2005"]}])
    assert "VI(a).4" in named(expanded(client, older))


@pytest.mark.parametrize(
    ("path", "parameters", "name"),
    [
        ("/CodeSystem/iccc-3-2005/$lookup", {"code": "041", "system": ICDO3}, "system"),
        ("/CodeSystem/iccc-3/$validate-code", {"code": "041", "url": ICDO3}, "url"),
        ("/CodeSystem/iccc-3/$validate-code", {"code": "041", "system": ICDO3}, "system"),
        ("/CodeSystem/iccc-3/$subsumes", {"codeA": "IV", "codeB": "IV(a)", "system": ICDO3}, "system"),
        ("/ValueSet/iccc-3-IV/$expand", {"url": f"{SETS}/iccc-3-V"}, "url"),
        ("/ValueSet/iccc-3-IV/$expand", {"url": f"{SETS}/iccc-3-IV|2005"}, "url"),
        ("/ValueSet/iccc-3-IV/$validate-code", {"url": f"{SETS}/iccc-3-V", "code": "V", "system": ICCC3}, "url"),
    ],
)
def test_an_instance_refuses_another_one(client: Client, path: str, parameters: dict[str, str], name: str) -> None:
    refused = client.json(path, status=400, params=parameters)
    assert refused["issue"][0]["location"] == [f"http.{name}"]


def test_an_instance_takes_its_own_name(client: Client) -> None:
    client.json("/CodeSystem/iccc-3-2005/$lookup", params={"code": "041", "system": ICCC3})
    client.json("/CodeSystem/icd-o-3/$lookup", params={"code": "9500/3", "system": OLDER[0]})
    client.json("/CodeSystem/iccc-3/$validate-code", params={"code": "041", "url": ICCC3})
    client.json("/ValueSet/iccc-3-IV/$expand", params={"url": f"{SETS}/iccc-3-IV|2017"})


# --- supplements ---------------------------------------------------------------------------------------------------------


def test_a_supplement_reaches_our_own_code_systems(client: Client) -> None:
    brought = (("tx-resource", SUPPLEMENT), ("useSupplement", SUPPLEMENT["url"]), ("displayLanguage", "de"))
    found = asked(client, "/ValueSet/$expand", ("url", f"{SETS}/iccc-3-IV"), *brought, ("property", "colour"))[
        "expansion"
    ]
    assert [item["display"] for item in flat(found["contains"]) if item["code"] == "IV(a)"] == ["Neuroblastom"]
    assert {"name": "used-supplement", "valueUri": SUPPLEMENT["url"]} in found["parameter"]
    assert "violet" in str(found)
    coding = {"system": ICCC3, "code": "041", "display": "Neuroblastom"}
    said = asked(client, "/CodeSystem/$validate-code", ("url", ICCC3), ("coding", coding), *brought)
    assert (value(said, "result"), value(said, "display")) == (True, "Neuroblastom")
    known = asked(client, "/CodeSystem/$lookup", ("system", ICCC3), ("code", "041"), *brought)
    assert value(known, "display") == "Neuroblastom"
    assert "violet" in str(known)
    plain = asked(client, "/CodeSystem/$lookup", ("system", ICCC3), ("code", "041"), ("tx-resource", SUPPLEMENT))
    assert "violet" not in str(plain)


@pytest.mark.parametrize(
    ("system", "code"),
    [(ICDO3, "9500/3"), (ICDO3, "9500/3-C74.9"), (ICD10, "C74.9"), (OLDER[0], "C74.9"), (LETTERS["url"], "b")],
)
def test_lookup_follows_supplements_of_every_code_system(client: Client, system: str, code: str) -> None:
    named_so = {**SUPPLEMENT, "supplements": system, "concept": [{"code": code, "display": "So"}]}
    named_so["concept"][0]["property"] = SUPPLEMENT["concept"][0]["property"]
    given = (("system", system), ("code", code), ("tx-resource", LETTERS), ("tx-resource", named_so))
    known = asked(client, "/CodeSystem/$lookup", *given, ("useSupplement", SUPPLEMENT["url"]))
    assert "So" in str(known)
    assert "violet" in str(known)


def test_a_language_pack_needs_not_be_asked_for(client: Client) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/codesystem-supplement-type"
    pack = {**SUPPLEMENT, "language": "de", "extension": [{"url": url, "valueCode": "lang-pack"}]}
    given = (("system", ICCC3), ("code", "IV(a)"), ("tx-resource", pack), ("displayLanguage", "de"))
    assert value(asked(client, "/CodeSystem/$lookup", *given), "display") == "Neuroblastom"


def test_a_supplement_that_is_not_there_is_missed(client: Client) -> None:
    for operation, more in (
        ("/CodeSystem/$lookup", [("system", ICCC3), ("code", "041")]),
        ("/CodeSystem/$subsumes", [("system", ICCC3), ("codeA", "IV"), ("codeB", "IV(a)")]),
        ("/ValueSet/$expand", [("url", f"{SETS}/iccc-3-IV")]),
    ):
        missed = asked(client, operation, *more, ("useSupplement", "http://example.org/none"), status=404)
        assert missed["issue"][0]["code"] == "not-found"


# --- filters and properties of an expansion ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a b " * 1000, "a b " * 100_000, "-".join(map(str, range(100))), "x" * 1001])
def test_a_huge_filter_is_refused_at_once(client: Client, text: str) -> None:
    began = time.perf_counter()
    refused = asked(client, "/ValueSet/$expand", ("url", f"{ICDO3}?fhir_vs"), ("filter", text), status=400)
    assert refused["issue"][0]["location"] == ["http.filter"]
    assert time.perf_counter() - began < 2


def test_a_word_again_says_nothing_more(client: Client) -> None:
    found = asked(client, "/ValueSet/$expand", ("url", f"{ICDO3}?fhir_vs"), ("filter", "neurobl " * 100))["expansion"]
    assert "9500/3" in named(found)


def test_an_expansion_shows_what_stands_above_and_below(client: Client) -> None:
    given = [("url", f"{SETS}/iccc-3-IV"), ("property", "parent"), ("property", "child"), ("excludeNested", True)]
    found = asked(client, "/ValueSet/$expand", *given)["expansion"]

    def shown(code: str, name: str) -> list[str]:
        item = next(item for item in found["contains"] if item["code"] == code)
        pairs = [[part.get("valueCode") for part in each["extension"]] for each in item["extension"]]
        return [each for key, each in pairs if key == name]

    assert shown("IV", "child") == ["IV(a)", "IV(b)"]
    assert shown("IV(a)", "parent") == ["IV"]
    assert shown("IV", "parent") == []
    assert "concept-properties#parent" in str(found["extension"])


def test_a_parent_can_be_filtered_by(client: Client) -> None:
    assert named(expanded(client, a_set([of(ICCC3, filter=such("parent", "=", "IV"))]))) == ["IV(a)", "IV(b)"]
    assert named(expanded(client, a_set([of(ICCC3, filter=such("child", "=", "041"))]))) == ["IV"]
