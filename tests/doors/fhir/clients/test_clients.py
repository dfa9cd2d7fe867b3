"""FHIR clients of other projects, unchanged: what each finds is what /statistics/counts says of the same question.

Versions are pinned in requirements.txt and package.json. A session uses every feature that the server has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.doors.fhir.clients.conftest import FEATURES, PAGE, Demo

Json = dict[str, Any]

DOCS = Path(__file__).parents[4] / "docs" / "doors" / "fhir-clients.md"
EXAMPLE = re.compile(
    r"^## (?P<client>.+?)\n(?:(?!^## ).)*?```(?P<language>\w+)\n(?P<code>.*?)```", re.MULTILINE | re.DOTALL
)
EXAMPLES = list(EXAMPLE.finditer(DOCS.read_text("utf-8")))
ENDINGS = {"python": ".py", "javascript": ".mjs"}

SESSIONS = {
    "fhirpy": ("fhirpy_session.py", {"include", "revinclude", "sort", "elements", "versions", "observation", "batch"}),
    "fhirclient for Python": ("fhirclient_session.py", {"include", "revinclude", "observation", "summary"}),
    "fhir-pyrate": ("fhir_pyrate_session.py", {"sort-id", "include", "observation"}),
    "fhirpathpy": ("fhirpathpy_session.py", {"observation"}),
    "fhir-kit-client": (
        "fhir_kit_client.mjs",
        {"include", "revinclude", "sort-id", "elements", "versions", "observation", "batch"},
    ),
    "fhirclient.js": ("fhirclient_js.mjs", {"include", "observation"}),
    "fhirpath.js": ("fhirpath_js.mjs", {"observation"}),
}
"""Client -> its session, and the features that it can use."""


@pytest.fixture(scope="module")
def plan(demo: Demo, questions: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every session is given."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    features = sorted(demo.features)
    path.write_text(json.dumps({"base": demo.base, "page": PAGE, "features": features, "questions": questions}))
    return path


@pytest.mark.parametrize("client", SESSIONS)
def test_a_client_finds_what_the_statistics_say_and_each_record_once(
    client: str,
    demo: Demo,
    plan: Path,
    questions: list[Json],
    sessions: Path,
    run_script: Callable[..., str],
) -> None:
    script, abilities = SESSIONS[client]
    found = json.loads(run_script(sessions / script, str(plan)).splitlines()[-1])

    asked = [each for each in questions if each.get("feature") in {None, *demo.features}]
    assert list(found["answers"]) == [each["name"] for each in asked]
    for question in asked:
        low, high = demo.bounds(question["statistics"])
        answer = found["answers"][question["name"]]
        assert answer["total"] == (low if low == high else None), question
        assert len(set(answer["ids"])) == len(answer["ids"]) == low, question

    assert found["checks"], "a session checks something"
    assert [sentence for sentence, holds in found["checks"].items() if not holds] == []
    wanted = {each["feature"] for each in asked if "feature" in each}
    assert set(found["used"]) == (abilities & demo.features) | wanted


def test_the_questions_have_exact_and_bounded_answers_over_several_pages(demo: Demo, questions: list[Json]) -> None:
    bounds = [demo.bounds(each["statistics"]) for each in questions if "feature" not in each]
    assert any(low == high == 0 for low, high in bounds)
    assert any(low == high and low > 3 * PAGE for low, high in bounds)
    assert any(0 < low != high for low, high in bounds)


def test_the_server_has_every_feature_so_that_no_check_is_left_out(demo: Demo) -> None:
    assert demo.features == set(FEATURES)


def test_every_feature_is_used_by_some_client() -> None:
    used = {feature for _, abilities in SESSIONS.values() for feature in abilities}
    assert set(FEATURES) - used == {"has"}, "a question uses _has"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["client"])
def test_an_example_of_the_docs_prints_the_number_of_kidney_tumours(
    example: re.Match[str], demo: Demo, sessions: Path, run_script: Callable[..., str]
) -> None:
    code = example["code"].replace("http://127.0.0.1:8080/fhir", demo.base)
    assert demo.base in code
    script = sessions / f"example{ENDINGS[example['language']]}"
    script.write_text(code, "utf-8")
    low, high = demo.bounds("topography=C64.9")
    assert low == high > 20, "more than a page of an example"
    assert set(run_script(script).split()) == {str(low)}


def test_every_client_has_an_example_and_its_pinned_version_in_the_docs() -> None:
    sections = {example["client"]: example[0] for example in EXAMPLES}
    assert list(sections) == list(SESSIONS)
    here = Path(__file__).parent
    pins = dict(line.split("==") for line in (here / "requirements.txt").read_text("utf-8").split("\n") if "==" in line)
    packages = json.loads((here / "package.json").read_text("utf-8"))["dependencies"]
    names = {"fhirclient for Python": "fhirclient", "fhirclient.js": "fhirclient", "fhirpath.js": "fhirpath"}
    for client, section in sections.items():
        held = pins if "```python" in section else packages
        assert f", {held[names.get(client, client)]}." in section
