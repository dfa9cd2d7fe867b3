"""What is kept is bounded, and what was used last stays longest."""

from __future__ import annotations

from gateway.sources.kept import Kept, Key


def test_what_was_used_longest_ago_goes_first() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("a", "A")
    kept.put("b", "B")
    assert kept.get("a") == "A"
    kept.put("c", "C")
    assert [kept.get(key) for key in ("a", "b", "c")] == ["A", None, "C"]


def test_sizes_add_up_and_a_value_larger_than_everything_is_not_kept() -> None:
    kept: Kept[str] = Kept(5, len)
    kept.put("a", "12345")
    assert kept.put("b", "123456") == "123456"
    assert (kept.get("a"), kept.get("b")) == ("12345", None)
    kept.put("a", "123")
    kept.put("c", "12")
    assert (kept.get("a"), kept.get("c")) == ("123", "12")
    kept.put("d", "1234")
    assert [kept.get(key) for key in "acd"] == [None, None, "1234"]


def test_keys_of_equal_parts_are_one_key() -> None:
    assert Key("q", 1) == Key("q", 1)
    assert hash(Key("q", 1)) == hash(Key("q", 1))
    assert Key("q", 1) != Key("q", 2)
    assert Key("q") != ("q",)
