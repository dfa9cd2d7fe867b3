"""Ask every planned source at once under one deadline; what does not answer becomes an outcome with a reason."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from operator import attrgetter

from gateway.errors import IccdError, SourceFailure, Unsupported
from gateway.federation.breaker import Breaker
from gateway.model.answer import SourceAnswer, SourceOutcome, Status
from gateway.model.capability import Capabilities
from gateway.planner.plan import Plan, Refusal, SourceQuery, is_asked
from gateway.sources.base import Deadline, Source, answer_at_once

log = logging.getLogger(__name__)


async def fan_out(
    plan: Plan,
    sources: Mapping[str, Source],
    capabilities: Mapping[str, Capabilities],
    breakers: Mapping[str, Breaker],
    deadline: Deadline,
) -> tuple[SourceOutcome, ...]:
    """Outcome of every source of the plan, in order of id.

    Cancelling this coroutine cancels every question that is under way.
    """
    asked = {name: step for name, step in plan.items() if is_asked(step)}
    others = [_unasked(name, step, capabilities[name]) for name, step in plan.items() if name not in asked]
    questions = [
        _outcome(name, step, sources[name], capabilities[name], breakers[name], deadline)
        for name, step in asked.items()
    ]
    found = [await questions[0]] if len(questions) == 1 else await asyncio.gather(*questions)
    return tuple(sorted([*found, *others], key=attrgetter("id")))


def _unasked(name: str, step: SourceQuery | Refusal, ability: Capabilities) -> SourceOutcome:
    """Outcome of a source that is not called: refused, or excluded by the question, which is an exact zero."""
    if isinstance(step, Refusal):
        return SourceOutcome(name, step.status, step.reason, None, step.translation, 0, ability.coverage)
    answer = SourceAnswer(snapshot=ability.snapshot)
    reason = "excluded by the question"
    return SourceOutcome(name, Status.OK, reason, answer, step.translation, 0, ability.coverage, excluded=True)


async def _outcome(
    name: str, step: SourceQuery, source: Source, ability: Capabilities, breaker: Breaker, deadline: Deadline
) -> SourceOutcome:
    if not breaker.allows():
        reason = f"not asked: failed repeatedly, next try in {breaker.seconds_left} s"
        return SourceOutcome(name, Status.ERROR, reason, None, step.translation, 0, ability.coverage)
    started = time.monotonic()
    status, reasons, found = await _ask(name, step, source, breaker, deadline)
    elapsed = round((time.monotonic() - started) * 1000)
    return SourceOutcome(name, status, "; ".join(reasons) or None, found, step.translation, elapsed, ability.coverage)


async def _ask(
    name: str, step: SourceQuery, source: Source, breaker: Breaker, deadline: Deadline
) -> tuple[Status, tuple[str, ...], SourceAnswer | None]:
    try:
        answer = answer_at_once(source, step.query)
        if answer is None:
            async with asyncio.timeout(deadline.remaining()):
                answer = await source.answer(step.query, deadline)
    except TimeoutError:
        breaker.failed()
        return Status.TIMEOUT, ("no answer within the deadline",), None
    except asyncio.CancelledError:
        breaker.gave_up()
        raise
    except Unsupported as error:
        breaker.succeeded()
        return Status.UNSUPPORTED, (error.reason,), None
    except SourceFailure as error:
        breaker.failed()
        log.warning("source %s failed: %s", name, error)
        return Status.ERROR, (error.reason,), None
    except IccdError as error:
        breaker.succeeded()
        return Status.ERROR, (error.reason,), None
    except Exception as error:  # noqa: BLE001 - an adapter of a stranger may raise anything; others must go on
        breaker.failed()
        log.error("source %s failed: %s", name, type(error).__name__)  # no trace: it may hold record values
        return Status.ERROR, (f"internal fault of the source ({type(error).__name__})",), None
    breaker.succeeded()
    status = step.status if answer.unusable is None else Status.PARTIAL
    return status, (*step.reasons, *answer.notes), answer
