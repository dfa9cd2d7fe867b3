"""Circuit breaker of one remote source: after repeated failures it is not asked for a while, and the answer says so.

Opens after 5 failures among the last 20 calls; a single probe is let through after 10 s, doubling to at most 5
minutes while probes fail (notes on reliability, section 4).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW = 20
FAILURES = 5
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass
class Breaker:
    """State of one source; one process, one event loop.

    Attributes
    ----------
    clock
        Monotonic seconds; replaced in tests.
    """

    clock: Callable[[], float] = time.monotonic
    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    open_until: float | None = None
    pause_seconds: float = FIRST_PAUSE_SECONDS
    probing: bool = False

    def allows(self) -> bool:
        """Whether the source may be asked now; while open, only one probe after the pause."""
        if self.open_until is None:
            return True
        if self.probing or self.clock() < self.open_until:
            return False
        self.probing = True
        return True

    def succeeded(self) -> None:
        """The source answered."""
        self.outcomes.append(True)
        if self.open_until is not None:
            self.outcomes.clear()
        self.open_until, self.probing, self.pause_seconds = None, False, FIRST_PAUSE_SECONDS

    def failed(self) -> None:
        """The source failed or did not answer in time."""
        self.outcomes.append(False)
        if self.open_until is not None:
            self.pause_seconds = min(self.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        elif self.outcomes.count(False) < FAILURES:
            return
        self.open_until, self.probing = self.clock() + self.pause_seconds, False

    def gave_up(self) -> None:
        """The asker went away; says nothing about the source."""
        self.probing = False

    @property
    def seconds_left(self) -> int:
        """Seconds until the next probe."""
        return 0 if self.open_until is None else max(0, round(self.open_until - self.clock()))
