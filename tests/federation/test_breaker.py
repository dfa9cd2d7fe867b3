"""The circuit breaker: opens after repeated failures, lets one probe through, waits longer while probes fail."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.federation.breaker import FAILURES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_it_opens_after_repeated_failures_only() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    assert breaker.seconds_left == FIRST_PAUSE_SECONDS


def test_one_probe_is_let_through_after_the_pause_and_success_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = FIRST_PAUSE_SECONDS
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert breaker.seconds_left == 0


def test_the_pause_doubles_while_probes_fail_up_to_a_limit() -> None:
    clock = Clock()
    breaker = opened(clock)
    pause = FIRST_PAUSE_SECONDS
    for _ in range(8):
        clock.now += pause
        assert breaker.allows()
        breaker.failed()
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        assert breaker.seconds_left == pause


def test_an_asker_who_goes_away_gives_the_probe_back() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now = FIRST_PAUSE_SECONDS
    assert breaker.allows()
    breaker.gave_up()
    assert breaker.allows()
