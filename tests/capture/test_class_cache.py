"""What is worked out once for each class does not keep the class alive."""

from __future__ import annotations

import gc
import weakref

from spancast.capture.class_cache import MAX_CLASSES, ClassCache


def test_a_value_is_made_once_for_each_class() -> None:
    """The second question costs a look-up, also where the value is None."""
    asked = []

    def make(kind: type) -> None:
        asked.append(kind)

    cache = ClassCache(make)
    assert [None] * 4 == [cache.get(kind) for kind in (int, str, int, str)]
    assert [int, str] == asked


def test_classes_go_with_those_who_made_them() -> None:
    """A class of one request is collected, and another one with its id gets a value of its own."""
    cache = ClassCache(lambda kind: kind.__name__)

    def request(number: int) -> weakref.ref[type]:
        kind = type(f"Request{number}", (), {})
        assert f"Request{number}" == cache.get(kind)
        return weakref.ref(kind)

    gone = [request(number) for number in range(50)]
    gc.collect()
    assert [None] * 50 == [reference() for reference in gone]


def test_the_number_of_classes_is_bounded() -> None:
    """Many thousand living classes are worked out anew instead of kept."""
    asked = []

    def make(kind: type) -> int:
        asked.append(kind)
        return len(asked)

    cache = ClassCache(make)
    kinds = [type("Kind", (), {}) for _ in range(MAX_CLASSES + 1)]
    for kind in (*kinds, kinds[0]):
        cache.get(kind)
    assert MAX_CLASSES + 2 == len(asked)
