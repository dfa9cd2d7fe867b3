"""A least-recently-used cache that threads share, bounded in the size of what it holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Key:
    """A key that is hashed once: a question takes as long to hash as a cache takes to look."""

    __slots__ = ("_hash", "parts")

    def __init__(self, *parts: Hashable) -> None:
        self.parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.parts == other.parts


class Kept(Generic[V]):
    """What was made and may be asked for again.

    Parameters
    ----------
    most
        Largest sum of sizes; what is larger than all of it is not kept.
    size
        Size of one value, 1 if not given.
    """

    def __init__(self, most: int, size: Callable[[V], int] = lambda _: 1) -> None:
        self._most = most
        self._size = size
        self._held = 0
        self._items: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Hashable) -> V | None:
        """What is kept under a key."""
        with self._lock:
            found = self._items.get(key)
            if found is None:
                return None
            self._items.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value and give it back."""
        size = self._size(value)
        with self._lock:
            before = self._items.pop(key, None)
            self._held -= before[1] if before else 0
            if size <= self._most:
                self._items[key] = value, size
                self._held += size
            while self._held > self._most:
                self._held -= self._items.popitem(last=False)[1][1]
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._held = 0
