"""Ids of records: a keyed permutation of the database's own numbers, so that an id can be looked up by its number.

Four Feistel rounds over two halves of 40 bits with keyed BLAKE2b as round function (Luby and Rackoff 1988): without
the gateway's secret an id says nothing of the number, and the secret never reaches the database.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

HALF_BYTES = 5
HALF_BITS = HALF_BYTES * 8
HALF_MASK = (1 << HALF_BITS) - 1
ROUNDS = 4
LARGEST = (1 << 63) - 1
ID = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Ids of one sort of record of one source.

    Attributes
    ----------
    key
        32 bytes, from the gateway's secret.
    """

    key: bytes

    @classmethod
    def of(cls, salt: bytes, source: str, sort: str) -> Pseudonyms:
        """Ids of `case` or `patient` records of a source."""
        return cls(hashlib.blake2b(f"omop/{source}/{sort}".encode(), key=salt[:64], digest_size=32).digest())

    def id_of(self, number: int) -> str:
        """Id of a number of the database, 20 hexadecimal digits."""
        left, right = number >> HALF_BITS & HALF_MASK, number & HALF_MASK
        for turn in range(ROUNDS):
            left, right = right, left ^ self._round(turn, right)
        return f"{left << HALF_BITS | right:0{HALF_BYTES * 4}x}"

    def number_of(self, record: str) -> int | None:
        """Number of an id; None for a text that is no id of this source."""
        if not ID.fullmatch(record):
            return None
        whole = int(record, 16)
        left, right = whole >> HALF_BITS, whole & HALF_MASK
        for turn in reversed(range(ROUNDS)):
            left, right = right ^ self._round(turn, left), left
        number = left << HALF_BITS | right
        return number if number <= LARGEST else None

    def _round(self, turn: int, half: int) -> int:
        message = half.to_bytes(HALF_BYTES, "big")
        digest = hashlib.blake2b(message, key=self.key, digest_size=HALF_BYTES, salt=bytes([turn])).digest()
        return int.from_bytes(digest, "big")
