"""What the Python sessions share: the plan they are given, and the result that they print."""

import json
import sys
from pathlib import Path


class Session:
    """Questions, features and checks of one run.

    A question has `type`, `search` (name -> values), `statistics` and perhaps a `feature` that it needs.
    """

    def __init__(self, plan):
        self.base = plan["base"]
        self.page = plan["page"]
        self.features = frozenset(plan["features"])
        self.questions = [each for each in plan["questions"] if each.get("feature") in {None, *self.features}]
        self.answers = {}
        self.checks = {}
        self.used = set()

    def answer(self, question, total, ids):
        """What the client found: the total or None, and the id of every match."""
        self.answers[question["name"]] = {"total": total, "ids": list(ids)}

    def check(self, sentence, holds):
        """A sentence that must be true."""
        self.checks[sentence] = bool(holds)

    def has(self, feature):
        """Whether the server has it; then the session must use it."""
        if feature in self.features:
            self.used.add(feature)
        return feature in self.features


def run(session):
    """Run a session on the plan that the command line names, print what it found."""
    state = Session(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    session(state)
    used = sorted(state.used | {each["feature"] for each in state.questions if "feature" in each})
    print(json.dumps({"answers": state.answers, "checks": state.checks, "used": used}))
