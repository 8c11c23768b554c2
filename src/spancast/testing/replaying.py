"""`spancast.testing.replay`: a test's model calls, answered from a recording, or recorded from real models."""

from __future__ import annotations

import os
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from .. import redact
from ..capture.model_calls import Answer, Request
from . import recording_mode
from .loading import load
from .matching import agrees, difference, key_of
from .recording import RecordedCall, RecordingError, Redact, plain, save

_IGNORED: Final = "..."  # what stands for a text that `ignore` finds


class UnrecordedCallError(AssertionError):
    """A model was asked something that is not in the recording; the message has the nearest recorded call."""


class Replay:
    """The model calls of a recording. `lock` is around all that changes; frameworks ask from any thread.

    Attributes:
        path: The file.
        recording: Whether real models are called, and the file is written at the end.
    """

    def __init__(
        self, path: Path, *, recording: bool, ignore: Sequence[str] = (), redacting: Redact = redact.secrets
    ) -> None:
        self.path = path
        self.recording = recording
        self._redact = redact.chain(redacting, redact.patterns(*ignore, replacement=_IGNORED)) if ignore else redacting
        self._calls = [] if recording and not path.is_file() else self._load()
        self._new: list[RecordedCall] = []
        self._left: dict[bytes, deque[int]] = defaultdict(deque)
        self._is_partial = any(call.partial for call in self._calls)
        for place, call in enumerate(self._calls):
            self._left[key_of(call.request, partial=self._is_partial)].append(place)
        self._missed: list[UnrecordedCallError] = []
        self._lock = Lock()

    def _load(self) -> list[RecordedCall]:
        if not self.path.is_file():
            raise RecordingError(f"{self.path} is not there yet: run pytest with --spancast-record to record it.")
        found = load(self.path)
        return [
            RecordedCall(plain(call.request, self._redact, digest=True), call.answers, call.partial) for call in found
        ]

    def __len__(self) -> int:
        """How many calls the recording has."""
        return len(self._new if self.recording else self._calls)

    @property
    def unused(self) -> int:
        """How many recorded calls were not asked for yet."""
        return sum(map(len, self._left.values()))

    def langchain_cache(self) -> Any:
        """Return a cache for LangChain: `set_llm_cache(...)`, or `cache=` of a model. Streams do not ask it."""
        from ..langchain.replay import cache

        return cache(self)

    def langchain_model(self, model: Any = None) -> Any:
        """Return a chat model for LangChain that answers from the recording, streams included.

        Args:
            model: The application's own, of which the result is a copy: it is asked while recording only. Without it the
                result has tools and structured output by tools, and cannot record.
        """
        from ..langchain.replay import chat_model

        self._needs_model(model, "langchain_model", 'ChatOpenAI(model="gpt-4o")')
        return chat_model(self, model)

    def llama_index_model(self, model: Any = None) -> Any:
        """Return a model for LlamaIndex that answers from the recording: chat and completion, streams, tools, async.

        Args:
            model: The application's own, of which the result is a copy: it is asked while recording only. Without it the
                result calls functions, and cannot record.
        """
        from ..llama_index.replay import chat_model

        self._needs_model(model, "llama_index_model", 'OpenAI(model="gpt-4o")')
        return chat_model(self, model)

    def _needs_model(self, model: Any, method: str, example: str) -> None:
        if self.recording and model is None:
            raise RecordingError(f"there is no model to record: pass it, as in `replay.{method}({example})`.")

    def answers(self, request: Request) -> list[Answer]:
        """Return what was recorded for *request*; equal requests get their answers in the recorded order.

        Raises:
            UnrecordedCallError: When there is no such call, or each was replayed already.
        """
        request = plain(request, self._redact, digest=True)
        key = key_of(request, partial=self._is_partial)
        with self._lock:
            waiting = self._left.get(key, deque())
            place = next((each for each in waiting if agrees(self._calls[each].request, request)), None)
            if place is not None:
                waiting.remove(place)
                return list(self._calls[place].answers)
            same = [call for call in self._calls if agrees(call.request, request)]
            times = sum(key_of(call.request, partial=self._is_partial) == key for call in same)
            missed = UnrecordedCallError(self._sentence(request, times))
            self._missed.append(missed)
            raise missed

    def _sentence(self, request: Request, times: int) -> str:
        again = "\nRun pytest with --spancast-record to record it anew."
        if times:
            return f"This model call is in {self.path} {times} times, and it was made once more than that.{again}"
        return f"This model call is not in {self.path}; {difference(request, self._calls)}{again}"

    def keep(self, request: Request, answers: list[Answer]) -> None:
        """Add a call to the recording."""
        call = RecordedCall(
            plain(request, self._redact, digest=True), [plain(each, self._redact, digest=False) for each in answers]
        )
        with self._lock:
            self._new.append(call)

    def finish(self) -> None:
        """Write the recording where one was made; else fail for calls that were not in it, which code may have caught.

        Raises:
            UnrecordedCallError: The first of them.
        """
        if self.recording:
            save(self.path, _in_earlier_order(self._calls, self._new))
        elif self._missed:
            raise self._missed[0]


def _in_earlier_order(earlier: Sequence[RecordedCall], new: Sequence[RecordedCall]) -> list[RecordedCall]:
    """Return *new* in the order that *earlier* has, as far as the calls are the same: threads do not change a file."""
    left: dict[bytes, deque[RecordedCall]] = defaultdict(deque)
    for call in new:
        left[key_of(call.request)].append(call)
    found = [left[key].popleft() for call in earlier if left[key := key_of(call.request)]]
    kept = set(map(id, found))
    return [*found, *(call for call in new if id(call) not in kept)]


@contextmanager
def replay(
    path: str | os.PathLike[str],
    *,
    record: bool | None = None,
    ignore: Sequence[str] = (),
    redact: Redact = redact.secrets,
) -> Iterator[Replay]:
    """Answer the model calls of a block from a recording, without a network; a call that is not in it fails.

    Args:
        path: The recording (JSON lines), or a trace file that `destinations.file` wrote.
        record: Call real models and write the file; else what pytest's `--spancast-record` says.
        ignore: Regular expressions for what differs in each run, such as dates in a prompt.
        redact: What takes secrets out of the recording; as for destinations.

    Raises:
        RecordingError: When the file cannot be used.
        UnrecordedCallError: From the model's call; and at the end of the block, where the application caught that.
    """
    for form in ignore:
        re.compile(form)
    recording = recording_mode.is_on() if record is None else record
    replaying = Replay(Path(path), recording=recording, ignore=ignore, redacting=redact)
    yield replaying
    replaying.finish()
