"""What an agent's run said, told apart from what was in its conversation before."""

from __future__ import annotations

from collections.abc import Sequence

from ..record.message import Message

Turn = tuple["str | None", Message]  # a message, and the framework's id of it

_SPOKEN = frozenset({"assistant", "tool", "function"})


def said_in_run(made: Sequence[Turn], asked: Sequence[Turn], began_with: Sequence[Turn]) -> tuple[Message, ...]:
    """Return the messages that a run added to its conversation: neither older turns nor the question.

    Args:
        made: The conversation at the end: with a checkpointer, of all runs before it too.
        asked: What the run was given; empty for one that resumes.
        began_with: The conversation with which the run's first node began, where that is known: what is not in it was
            said by this run. It holds the older turns that a checkpointer has added, under the ids that it gave them.
    """
    rest = list(made)
    if began_with:
        ids = {identity for identity, _ in began_with if identity is not None}
        nameless = [message for identity, message in began_with if identity is None]
        rest = [
            (identity, message)
            for identity, message in made
            if (identity not in ids if identity is not None else message not in nameless)
        ]
    elif asked:
        last = asked[-1][1]
        places = [index for index, (_, message) in enumerate(made) if message == last]
        rest = list(made[places[-1] + 1 :] if places else made)
    if not began_with:  # a summary, or a question that the run was resumed with
        users = [index for index, (_, message) in enumerate(rest) if message.role not in _SPOKEN]
        rest = rest[users[-1] + 1 :] if users and users[-1] + 1 < len(rest) else rest
    start = next((index for index, (_, message) in enumerate(rest) if message.role in _SPOKEN), 0)
    return tuple([message for _, message in rest[start:]])
