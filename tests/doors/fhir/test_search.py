"""Search over three registries: the same numbers as the gateway's own, every page, every id once, honest links."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.requester import ANONYMOUS
from gateway.doors.fhir import create
from gateway.federation.gateway import Gateway
from gateway.model.query import NOTHING, And, Between, CaseQuery, DiagnosisIn, Expr, OneOf, Term
from tests.doors.fhir.client import Client, bounds, issues, link_of, matches
from tests.doors.fhir.registries import gateway_of, make_cases, registry

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
Counted = Callable[[Expr], tuple[int, int | None]]

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="session")
def counted(gateway: Gateway) -> Counted:
    """The gateway's own count of a condition."""

    def count(where: Expr) -> tuple[int, int | None]:
        total = asyncio.run(gateway.ask(CaseQuery(where=where), ANONYMOUS)).total
        return total.low, total.high

    return count


GROUPS = st.sampled_from(["I", "II", "III", "IV", "IV(a)", "VI(a)", "X", "III(b)"])
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "code": GROUPS,
        "age": st.tuples(st.integers(0, 9), st.integers(0, 19)),
        "sex": st.sampled_from(["male", "female"]),
        "source": st.sampled_from(["de-two", "fr-one"]),
    },
)


@settings(max_examples=30, deadline=None)
@given(FILTERS)
def test_a_count_is_the_gateways_own_count(counted: Counted, client: Client, chosen: dict[str, object]) -> None:
    parameters: list[tuple[str, str]] = [("_summary", "count")]
    parts: list[Expr] = []
    if "code" in chosen:
        parameters.append(("code", f"{ICCC}|{chosen['code']}"))
        parts.append(DiagnosisIn("diagnosis", (Term("ICCC3", str(chosen["code"])),)))
    if "age" in chosen:
        low, high = chosen["age"]  # type: ignore[misc]
        parameters += [("age-at-diagnosis", f"ge{low}"), ("age-at-diagnosis", f"le{high}")]
        parts.append(Between("age", low, high) if low <= high else NOTHING)
    if "sex" in chosen:
        parameters.append(("patient.gender", str(chosen["sex"])))
        parts.append(OneOf("sex", frozenset({str(chosen["sex"])})))
    if "source" in chosen:
        parameters.append(("_source", str(chosen["source"])))
        parts.append(OneOf("source", frozenset({str(chosen["source"])})))
    found = client.get("/Condition", params=parameters).json()
    assert bounds(found) == counted(And(tuple(parts)))
    assert not matches(found)


@pytest.mark.parametrize("count", [1, 7, 50, 1000])
@pytest.mark.parametrize("path", ["/Condition?patient.gender=female", "/Patient?gender=female"])
def test_pages_give_each_id_exactly_once_and_as_many_as_are_certain(client: Client, path: str, count: int) -> None:
    if count == 1 and path.startswith("/Condition"):
        path += f"&code={ICCC}|IV(a)"
    pages = list(client.pages(f"{path}&_count={count}&_format=json"))
    names = [resource["id"] for page in pages for resource in matches(page)]
    assert len(set(names)) == len(names) > count // 100
    assert {bounds(page) for page in pages} == {bounds(pages[0])}
    assert len(names) == bounds(pages[0])[0]
    assert all(len(matches(page)) <= count for page in pages)
    assert all("_format=json" in str(link_of(page, "self")) for page in pages)


def test_value_set_below_and_list_give_the_same_ids(client: Client) -> None:
    def ids(query: str) -> list[str]:
        return [resource["id"] for resource in matches(client.json(f"/Condition?{query}&_count=1000"))]

    found = ids(f"code={ICCC}|IV(a)")
    assert found
    own = "https://w3id.org/iccd/fhir/ValueSet/iccc-3-IVa"
    assert ids(f"code:below={ICCC}|IVa") == found
    assert ids(f"code={ICCC}|041") == found
    assert ids(f"code:in={ICCC}?fhir_vs=isa/IV(a)") == found
    assert ids(f"code:in={own}|2017") == found
    assert ids(f"code={ICDO}|9490/3,{ICDO}|9500/3&code={ICCC}|IV") == [
        name for name in found if name in ids(f"code={ICDO}|9490/3,{ICDO}|9500/3")
    ]


def test_every_condition_is_either_in_a_group_or_not_or_possibly(client: Client) -> None:
    everything = bounds(client.json("/Condition?_summary=count"))
    inside = bounds(client.json(f"/Condition?_summary=count&code={ICCC}|IV(a)"))
    outside = bounds(client.json(f"/Condition?_summary=count&code:not={ICCC}|IV(a)"))
    assert everything == (360, 360)
    assert inside[1]
    assert outside == (360 - inside[1], 360 - inside[0])


NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"


@pytest.mark.parametrize("query", [f"code:below={NCIT}|C3270", f"code:in={NCIT}?fhir_vs=isa/C3270"])
def test_concepts_below_one_whose_hierarchy_is_not_held_bound_the_answer(client: Client, query: str) -> None:
    concept = bounds(client.json(f"/Condition?_summary=count&code={NCIT}|C3270"))
    below = bounds(client.json(f"/Condition?_summary=count&{query}"))
    assert below == (concept[0], 360)
    assert 0 < concept[0] < 360
    found = client.json(f"/Condition?{query}&_count=1000")
    assert {each["id"] for each in matches(found)} == {
        each["id"] for each in matches(client.json(f"/Condition?code={NCIT}|C3270&_count=1000"))
    }
    assert {issue["code"] for issue in issues(found)} == {"incomplete"}


@pytest.mark.parametrize(
    "query",
    ["code:in=ValueSet/iccc-3-IVa", "code:in=http://gateway.test/fhir/ValueSet/iccc-3-IVa", f"code:below={ICCC}|IV(a)"],
)
def test_a_group_is_the_same_by_every_name(client: Client, query: str) -> None:
    assert (
        client.json(f"/Condition?_summary=count&{query}")["_total"]
        == (client.json(f"/Condition?_summary=count&code={ICCC}|IV(a)")["_total"])
    )


def test_a_bounded_total_is_never_a_bare_lower_number(client: Client) -> None:
    found = client.json("/Condition?onset-date=2015&_count=5")
    assert "total" not in found
    low, high = bounds(found)
    assert high is not None
    assert low < high
    assert {issue["code"] for issue in issues(found)} == {"incomplete"}
    named = [issue["diagnostics"].split(":")[0] for issue in issues(found)]
    assert named == ["de-two", "fr-one", "us-three"]


def test_post_is_the_same_search_and_body_and_url_are_merged(client: Client) -> None:
    got = client.json(f"/Condition?code={ICCC}|IV(a)&patient.gender=female&_count=3")
    posted = client.request(
        "POST", f"/Condition/_search?code={ICCC}|IV(a)", content="patient.gender=female&_count=3", headers=FORM
    ).json()
    assert matches(posted) == matches(got)
    following = client.follow(str(link_of(posted, "next")))
    assert matches(following) == matches(client.follow(str(link_of(got, "next"))))
    assert "patient.gender=female" in str(link_of(following, "self"))


def test_ids_that_came_by_post_stay_out_of_every_link(client: Client) -> None:
    answer = client.request("POST", "/Condition/_search", content="_id=de-two.c1,fr-one.c2", headers=FORM).json()
    assert [resource["id"] for resource in matches(answer)] == ["de-two.c1", "fr-one.c2"]
    assert all("c1" not in link["url"] for link in answer["link"])
    assert "left out of the links" in issues(answer)[-1]["details"]["text"]
    refused = client.request("POST", "/Condition/_search", content="_count=1&_id=de-two.c1,fr-one.c2", headers=FORM)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["location"] == ["http._id"]


def test_search_by_id_counts_what_there_is(client: Client) -> None:
    some = client.json("/Condition?_id=de-two.c1,fr-one.c2,fr-one.c99999,nowhere.c1")
    assert some["total"] == len(matches(some)) == 2
    assert client.json("/Condition?_id=nonsense")["total"] == 0
    assert client.json("/Condition?_id=de-two.c1,fr-one.c2&_summary=count")["total"] == 2
    pages = list(client.pages("/Condition?_id=de-two.c1,fr-one.c2,us-three.c3&_count=1"))
    assert [matches(page)[0]["id"] for page in pages] == ["de-two.c1", "fr-one.c2", "us-three.c3"]
    assert {page["total"] for page in pages} == {3}


def test_search_by_id_with_a_filter_that_only_may_hold_is_bounded() -> None:
    cases = make_cases("one", "FR", 60, 5)
    unknown = next(case for case in cases if case.incidence.earliest is None)
    client = Client(create(gateway_of(registry("one", "FR", cases))))
    assert bounds(client.json(f"/Condition?_id=one.{unknown.case_id}&onset-date=2015")) == (0, 1)
    assert bounds(client.json(f"/Condition?_id=one.{unknown.case_id}")) == (1, 1)


def test_head_is_get_without_a_body(client: Client) -> None:
    for path in ("/metadata", "/Condition?_summary=count", "/Condition/de-two.c1", "/Condition?foo=1"):
        got, head = client.get(path), client.request("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers["content-length"] == str(len(got.content))


def test_a_read_gives_what_the_search_gives(client: Client) -> None:
    for kind in ("Condition", "Patient"):
        for resource in matches(client.json(f"/{kind}?_count=20")):
            assert client.json(f"/{kind}/{resource['id']}") == resource


def test_references_resolve(client: Client) -> None:
    for resource in matches(client.json("/Condition?_count=10")):
        assert client.json(f"/{resource['subject']['reference']}")["resourceType"] == "Patient"


@pytest.mark.parametrize("kind", ["Condition", "Patient", "Observation"])
def test_pages_in_the_order_of_ids_keep_it_and_give_each_id_once(client: Client, kind: str) -> None:
    plain = [item["id"] for page in client.pages(f"/{kind}?_count=100") for item in matches(page)]
    pages = list(client.pages(f"/{kind}?_count=100&_sort=_id"))
    assert [item["id"] for page in pages for item in matches(page)] == plain
    assert len(set(plain)) == len(plain) > 100
    assert all("_sort=_id" in link["url"] for page in pages for link in page["link"])


def test_the_way_fhirpy_counts_gives_the_total_and_no_other_way_is_guessed(client: Client) -> None:
    counted = client.json("/Condition?_count=0&_totalMethod=count")
    assert counted["total"] == client.json("/Condition?_summary=count")["total"]
    refused = client.json("/Condition?_totalMethod=guess", 400)
    assert refused["issue"][0]["location"] == ["http._totalMethod"]


def test_total_none_leaves_the_total_out(client: Client) -> None:
    found = client.json("/Condition?_total=none&_count=1")
    assert "total" not in found
    assert "_total" not in found


def test_lenient_handling_names_what_it_ignored_and_keeps_it_out_of_the_links(client: Client) -> None:
    path = "/Condition?foo=1&body-site:above=x&patient.gender=female&_count=2"
    assert client.get(path).status_code == 400
    found = client.json(path, headers={"prefer": "return=minimal, handling=lenient"})
    ignored = [issue["location"] for issue in issues(found) if "location" in issue]
    assert ignored == [["http.foo"], ["http.body-site:above"]]
    self_link = str(link_of(found, "self"))
    assert self_link.endswith("/fhir/Condition?patient.gender=female&_count=2")
    assert client.get("/Condition?foo=1", headers={"prefer": "handling=strict"}).status_code == 400


def test_recorded_date_says_what_it_was_answered_by(client: Client) -> None:
    by_onset = client.json("/Condition?onset-date=ge2010&_count=5")
    by_record = client.json("/Condition?recorded-date=ge2010&_count=5")
    assert matches(by_onset) == matches(by_record)
    assert "incidence date" in issues(by_record)[-1]["details"]["text"]


def test_a_changed_or_foreign_page_token_is_refused(client: Client) -> None:
    link = str(link_of(client.json("/Condition?_count=1"), "next"))
    token = link.partition("_cursor=")[2]
    for query in ("_count=1&_cursor=abc", f"_count=1&patient.gender=male&_cursor={token}", f"_cursor={token[:-2]}xx"):
        refused = client.json(f"/Condition?{query}", status=400)
        assert refused["issue"][0]["location"] == ["http._cursor"], query


def test_a_page_of_a_snapshot_that_no_longer_serves_is_gone() -> None:
    source = registry("one", "FR", make_cases("one", "FR", 9, 1))
    client = Client(create(gateway_of(source)))
    link = str(link_of(client.json("/Condition?_count=2"), "next"))
    source.ability = registry("renewed", "FR", source.cases).ability
    gone = client.json(link.removeprefix("http://gateway.test/fhir"), status=410)
    assert gone["issue"][0]["location"] == ["http._cursor"]


@pytest.mark.parametrize("name", ["_source", "organization", "_source:not"])
def test_a_registry_that_is_not_here_is_refused_at_the_parameter_that_names_it(client: Client, name: str) -> None:
    found = client.get("/Patient", params={name: "nowhere"})
    assert found.status_code == 400
    assert issues(found.json())[0]["location"] == [f"http.{name}"]


def test_the_self_link_tells_the_count_that_was_applied(client: Client) -> None:
    assert "_count=1000" in str(link_of(client.json("/Condition?_count=5000"), "self")).split("&")[0]
