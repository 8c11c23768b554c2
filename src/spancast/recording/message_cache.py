"""Messages that were read or measured before: in a growing conversation each model call repeats all former turns."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import get_ident

from ..capture.snapshot import FEW, weight_of
from ..record.message import Message
from .fields import same

_Entry = tuple[Message, object, int]
MOST_CHARACTERS = (
    2_000_000  # of content; with the JSON text that each convention keeps, about 3 to 4 times as many bytes
)


class MessageCache:
    """Keeps the newest messages by what they were read from; a record is immutable, so all spans may share it.

    Two generations: what was not asked for since the older one was filled is let go with it. Each step is one atomic
    operation on a dict, so lanes share it without a lock.
    """

    __slots__ = ("_is_used", "_most", "_new", "_old", "_size")

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most_characters // 2
        self._new: dict[Hashable, _Entry] = {}
        self._old: dict[Hashable, _Entry] = {}
        self._size = 0
        self._is_used = False

    def find(self, key: Hashable, calls: object = None) -> Message | None:
        """Return the message that was kept under *key* with equal tool *calls*."""
        entry = self._new.get(key)
        if entry is None:
            entry = self._old.get(key)
            if entry is None:
                return None
            self._keep(key, entry)
        self._is_used = True
        message, kept_calls, _ = entry
        return message if calls is kept_calls or same(calls, kept_calls) else None

    def put(self, key: Hashable, message: Message, size: int, calls: object = None) -> None:
        """Keep *message*, read from *size* characters, under *key*; *calls*: a copy that nobody changes."""
        self._keep(key, (message, calls, size))

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        if self._size > self._most:
            self._old = self._new
            self._new, self._size = {}, 0
        self._new[key] = entry
        self._is_used = True
        self._size += entry[2] + 200

    def __bool__(self) -> bool:
        """Return whether anything is kept."""
        return bool(self._new or self._old)

    def forget_unused(self) -> None:
        """Keep nothing, unless it was used since the last call: then others are still at work."""
        if not self._is_used:
            self.clear()
        self._is_used = False

    def clear(self) -> None:
        """Keep nothing: content must not outlive the work it belongs to."""
        self._new, self._old, self._size = {}, {}, 0


MESSAGE_CACHE = MessageCache()


class MeasuredTexts:
    """The texts of the last long conversation of each thread, with their size: adding it up again is half of a copy's steps.

    What is kept says how large texts are, never what a message holds: each message is copied anew in each call. Bounded to
    `_THREADS` conversations of `_MOST_TEXT` characters. Each step is one atomic operation on a dict.
    """

    __slots__ = ("_is_used", "_last")

    _THREADS = 8
    _MOST_TEXT = 500_000

    def __init__(self) -> None:
        self._last: dict[int, tuple[list[str], int]] = {}
        self._is_used = False

    def find(self, contents: list[object]) -> tuple[int, int]:
        """Return how many of *contents*, from the first on, are the texts of this thread's last call, and their size.

        Texts that a conversation repeats are the same objects: they are compared in one call, without looking into them.
        """
        last = self._last.get(get_ident())
        if last is None:
            return 0, 0
        texts, size = last
        count = len(texts)
        try:
            same = (contents if len(contents) == count else contents[:count]) == texts
        except Exception:  # a content whose class compares in its own way
            return 0, 0
        return (count, size) if same else (0, 0)

    def put(self, texts: list[str], size: int) -> None:
        """Keep *texts*, a list that nobody changes, for this thread's next call."""
        if size > self._MOST_TEXT:
            return
        self._is_used = True
        last = self._last
        if len(last) >= self._THREADS and get_ident() not in last:
            last.clear()
        last[get_ident()] = texts, size

    def forget_unused(self) -> None:
        """Keep nothing, unless something was kept since the last call."""
        if not self._is_used:
            self._last.clear()
        self._is_used = False


MEASURED_TEXTS = MeasuredTexts()  # of model calls
MEASURED_STATES = MeasuredTexts()  # of graphs' states


class MeasuredCalls:
    """How many bytes the tool calls of messages keep alive, by the list that they stand in: each state holds it again.

    LlamaIndex's further arguments and blocks of messages as well.

    What is kept says how large calls are, never what a message holds. A list is kept with its size, so that no other gets
    its id; bounded to `_MOST` lists and `_MOST_BYTES`. Each step is one atomic operation on a dict.
    """

    __slots__ = ("_is_used", "_size", "_sizes", "find")

    _MOST = 256
    _MOST_BYTES = 500_000

    def __init__(self) -> None:
        self._sizes: dict[int, tuple[object, int]] = {}
        self.find = self._sizes.get
        """Returns the list and the size of calls that were measured, by the list's id. The table's own method."""
        self._size = 0
        self._is_used = False

    def size_of(self, calls: object) -> int:
        """Return about how many bytes *calls*, of one message, keep alive."""
        found = self._sizes.get(id(calls))
        if found is not None:
            return found[1]
        size = _size_of_calls(calls)
        if size <= self._MOST_BYTES:
            self.put(calls, size)
        return size

    def put(self, calls: object, size: int) -> None:
        """Keep *calls* with the bytes that they keep alive."""
        if len(self._sizes) >= self._MOST or self._size + size > self._MOST_BYTES:
            self._sizes.clear()
            self._size = 0
        self._sizes[id(calls)] = calls, size
        self._size += size
        self._is_used = True

    def forget(self, calls: object) -> None:
        """Let *calls*, which have grown since they were measured, be measured anew."""
        self._sizes.pop(id(calls), None)

    def forget_unused(self) -> None:
        """Keep nothing, unless something was kept since the last call."""
        if not self._is_used:
            self._sizes.clear()
            self._size = 0
        self._is_used = False


_CALL_BYTES = 1_000  # of a call: two mappings with their names


def _size_of_calls(calls: object) -> int:
    """Measure tool calls: most are a few texts and numbers, and need no walk through all of it."""
    if type(calls) is not list or len(calls) > FEW:
        return weight_of(calls)
    size = 0
    for call in calls:
        arguments = call.get("args") if type(call) is dict else None
        if type(arguments) is not dict or len(arguments) > FEW:
            size += weight_of(call)
            continue
        size += _CALL_BYTES
        for value in (call.get("name"), *arguments.values()):
            kind = type(value)
            if kind is str:
                size += len(value)
            elif kind is dict or kind is list or kind is tuple:
                size += weight_of(value)
    return size


MEASURED_CALLS = MeasuredCalls()


class KnownTexts:
    """Texts that were made of objects which nobody changes, as LangChain's own forms of templates, by the objects.

    An object is kept with its text, so that no other gets its id; bounded to `_MOST` of `_MOST_TEXT` characters. Used by the
    encoder's thread; each step is one atomic operation on a dict.
    """

    __slots__ = ("_is_used", "_texts")

    _MOST = 64
    _MOST_TEXT = 20_000

    def __init__(self) -> None:
        self._texts: dict[int, tuple[object, str | None]] = {}
        self._is_used = False

    def text_of(self, source: object, read: Callable[[object], str | None]) -> str | None:
        """Return what *read* makes of *source*; the same text again for the same object."""
        found = self._texts.get(id(source))
        if found is not None:
            return found[1]
        text = read(source)
        if text is None or len(text) <= self._MOST_TEXT:
            if len(self._texts) >= self._MOST:
                self._texts.clear()
            self._texts[id(source)] = source, text
            self._is_used = True
        return text

    def forget_unused(self) -> None:
        """Keep nothing, unless something was kept since the last call."""
        if not self._is_used:
            self._texts.clear()
        self._is_used = False


TEMPLATES = KnownTexts()
