"""ModelAnswer: what one answer of a model says, read once for both frameworks from the table in `spellings`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..record.cost import Cost
from ..record.fast_frozen import frozen, positional
from ..record.json import JSON
from ..record.message import Message
from ..record.operation import NOTHING
from ..record.usage import Usage
from .gateway import MARKS, gateway_facts
from .lookup import fields_of, first_text, text_of, values_at
from .numbers import number_of
from .spellings import COST, ENDED, FINISH_REASON, ID, MADE_UP_IDS, MODEL, SERVICE_TIER, USAGE, first_names
from .usage import read_cost, read_usage

Facts = Mapping[str, Any]  # what a provider says besides the content: any mapping, nested ones inside
CACHED = Cost(total=0.0, input=0.0, output=0.0, source="cache")
UNKNOWN = "unknown"  # the finish reason of a choice that has none, where another choice has one


@frozen(kw_only=True)
class ModelAnswer:
    """One answer of a model.

    Attributes:
        messages: One a choice, each with its finish reason.
        finish_reasons: One a choice, in their order; none where no choice has one.
        usage: Counted once, however many choices repeat it; None for an answer from the framework's own cache.
        cost: What the provider or a gateway billed; 0 from `cache` for an answer from the framework's own cache.
        model: The model that answered.
        id: The provider's id of the response.
        service_tier: The tier that the provider served it in, as the provider spells it.
        cached: It came from the framework's own cache.
        gateway: What OpenRouter says besides the answer, by its Broadcast's names.
    """

    messages: tuple[Message, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    cost: Cost | None = None
    model: str | None = None
    id: str | None = None
    service_tier: str | None = None
    cached: bool = False
    gateway: Mapping[str, JSON] = NOTHING


_model_answer = positional(ModelAnswer)
NO_ANSWER = ModelAnswer()


def read_answer(
    messages: Sequence[Message],
    facts: Sequence[Sequence[Facts]],
    shared: Sequence[Facts],
    usages: Sequence[object] = (),
    identity: object = None,
) -> ModelAnswer:
    """Return what an answer says.

    Args:
        messages: One a choice; none where content is not captured.
        facts: For each choice what the provider says of it, nearest first.
        shared: What the provider says of the whole response.
        usages: Usage objects that the framework itself has read: they come first.
        identity: The framework's own id of the answer, where it may be the provider's.
    """
    reasons = [finish_reason(own) for own in facts]
    if len(reasons) == 1 and reasons[0] is None:
        reasons[0] = finish_reason(shared)
    sources = [source for own in facts for source in own if source]
    sources += [source for source in shared if source]
    further = [source for source in sources if _says_more(source)]
    cached = False
    for usage in usages:
        if type(usage) is dict and "total_cost" in usage and number_of(usage["total_cost"]) == 0:
            cached = True
    return _model_answer(
        _with_reasons(messages, reasons),
        tuple([reason or UNKNOWN for reason in reasons]) if any(reasons) else (),
        None if cached else usage_of(usages, sources, further),
        CACHED if cached else _cost(usages, further),
        _model(sources),
        _identity(sources, identity),
        _first(sources, SERVICE_TIER),
        cached,
        gateway_facts(sources) if further else NOTHING,
    )


def _says_more(source: Facts) -> bool:
    """Return whether *source* may say what was paid, a gateway's words, or counts beside the sums.

    Looked up for all three together: reading each anew took a tenth of the work on an answer (benchmarks/instructions.py).
    """
    if not _MORE.isdisjoint(source):
        return True
    for name in _MAY_HAVE_USAGE:
        usage = source.get(name)
        if usage is not None and not (type(usage) is dict and _SUMS.issuperset(usage)):
            return True
    return False


def finish_reason(sources: Iterable[Facts]) -> str | None:
    """Return why the model stopped, in the provider's own word."""
    for source in sources:
        if source:
            found = source.get("finish_reason")
            if type(found) is str and found:
                return found
            found = first_text(source, FINISH_REASON)
            if found:
                if found in ENDED or found != text_of(source.get("status")):
                    return found
    return None


def _with_reasons(messages: Sequence[Message], reasons: Sequence[str | None]) -> tuple[Message, ...]:
    found = []
    for message, reason in zip(messages, reasons):
        if reason:
            message = Message(
                role=message.role,
                parts=message.parts,
                name=message.name,
                tool_call_id=message.tool_call_id,
                finish_reason=reason,
            )
        if message.parts or reason:
            found.append(message)
    return tuple(found)


def usage_of(usages: Iterable[object], sources: Sequence[Facts], further: Sequence[Facts]) -> Usage | None:
    """Return the usage, wherever the framework or the provider put it. *further*: the sources that may say more than sums.

    At last one level further down than expected, and under names that nobody knows but that say what they are
    (`estimated_token_usage`).
    """
    for usage in usages:
        if (read := read_usage(usage)) is not None:
            return read if not further or _has_details(read) else _with_details(read, further)
    for source in sources:
        for usage in values_at(source, USAGE):
            if (read := read_usage(usage)) is not None:
                return read
    for source in sources:
        for name, value in list(source.items())[:64]:
            inner = fields_of(value)
            for usage in values_at(inner, USAGE) if inner else ():
                if (usage is not inner or _names_usage(name)) and (read := read_usage(usage)) is not None:
                    return read
    return None


def _has_details(usage: Usage) -> bool:
    return (
        usage.cache_read_tokens is not None
        or usage.cache_write_tokens is not None
        or usage.reasoning_tokens is not None
        or usage.input_audio_tokens is not None
    )


def _with_details(usage: Usage, sources: Sequence[Facts]) -> Usage:
    """Return the provider's own counts where they are the same and say more: some integrations read the sums only."""
    for source in sources:
        if not _MAY_HAVE_USAGE.isdisjoint(source):
            for more in (source.get("token_usage"), source.get("usage")):
                if more is None or (type(more) is dict and _SUMS.issuperset(more)):
                    continue  # it says no more: reading it took a third of the work of translating a model call
                read = read_usage(more)
                if read is not None and _has_details(read) and _sums(read) == _sums(usage):
                    return read
    return usage


_MAY_HAVE_USAGE = frozenset({"token_usage", "usage"})
_MORE = MARKS | first_names(COST) | {"response"}
_SUMS = frozenset({"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"})


def _sums(usage: Usage) -> tuple[int | None, int | None]:
    return usage.input_tokens, usage.output_tokens


def _names_usage(name: object) -> bool:
    return type(name) is str and ("usage" in (lower := name[:64].lower()) or "token" in lower)


def _cost(usages: Iterable[object], sources: Sequence[Facts]) -> Cost | None:
    for usage in usages:
        if (cost := read_cost(usage)) is not None:
            return cost
    for source in sources:
        if (cost := read_cost(source)) is not None:
            return cost
        if _MAY_HAVE_COST.isdisjoint(source):
            continue
        for usage in (source.get("token_usage"), source.get("usage"), source.get("response")):
            if usage is not None and (cost := read_cost(usage)) is not None:
                return cost
    return None


_MAY_HAVE_COST = frozenset({"token_usage", "usage", "response"})


def _first(sources: Iterable[Facts], paths: tuple[str, ...]) -> str | None:
    for source in sources:
        found = first_text(source, paths)
        if found:
            return found
    return None


def _model(sources: Iterable[Facts]) -> str | None:
    for source in sources:
        found = source.get("model_name")  # the first spelling, which most answers have
        if type(found) is not str or not found:
            found = first_text(source, MODEL)
        if found:
            return found
    return None


def _identity(sources: Sequence[Facts], own: object) -> str | None:
    found = _first(sources[:1], ID)
    if found is None or found.startswith(MADE_UP_IDS):
        found = own if type(own) is str and own and not own.startswith(MADE_UP_IDS) else _first(sources[1:], ID)
    return None if found is None or found.startswith(MADE_UP_IDS) else found


# ---------------------------------------------------------------- a model around a model
class HasAnswer(Protocol):
    """The snapshot of an answer, of either framework."""

    def read(self) -> ModelAnswer:
        """Return what it says; no content is needed."""
        ...


def is_handed_on(answer: ModelAnswer, inner: Iterable[HasAnswer]) -> bool:
    """Return whether the usage of *answer* is that of the model calls beneath it, which a wrapper handed on.

    Then it stands on theirs already, and whoever adds up a trace must not count it twice. It is theirs when input and
    output tokens are those of one of them, or of all of them together; not when both responses have ids that differ.
    """
    usage = answer.usage
    if usage is None:
        return False
    mine = (usage.input_tokens, usage.output_tokens)
    sums = [0, 0]
    count = 0
    for snapshot in inner:
        beneath = snapshot.read()
        if beneath.usage is None:
            continue
        counts = (beneath.usage.input_tokens, beneath.usage.output_tokens)
        if counts == mine and (not answer.id or not beneath.id or answer.id == beneath.id):
            return True
        count += 1
        sums[0] += counts[0] or 0
        sums[1] += counts[1] or 0
    return count > 1 and mine == (sums[0], sums[1])
