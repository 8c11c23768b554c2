"""Token counts in every provider's shape mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spancast.capture.usage import read_usage
from spancast.record.usage import Usage

COUNT = st.integers(0, 200_000)
few = settings(deadline=None, max_examples=60)


@few
@given(fresh=COUNT, read=COUNT, output=COUNT, reasoning=COUNT)
def test_openai_counts_the_cache_inside_the_input(fresh: int, read: int, output: int, reasoning: int) -> None:
    """In OpenAI's shape the prompt already includes cached tokens and the completion reasoning: nothing is added."""
    prompt, completion = fresh + read, output + reasoning
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }

    read_back = read_usage(usage)

    assert (
        Usage(
            input_tokens=prompt,
            output_tokens=completion,
            total_tokens=prompt + completion,
            cache_read_tokens=read,
            reasoning_tokens=reasoning,
        )
        == read_back
    )


@few
@given(fresh=COUNT, read=COUNT, write=COUNT, output=COUNT)
def test_anthropic_counts_the_cache_apart(fresh: int, read: int, write: int, output: int) -> None:
    """In Anthropic's own shape cached tokens stand beside the input; they are added to it."""
    usage = {
        "input_tokens": fresh,
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write,
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }

    whole = fresh + read + write
    assert Usage(
        input_tokens=whole,
        output_tokens=output,
        total_tokens=whole + output,
        cache_read_tokens=read,
        cache_write_tokens=write,
    ) == read_usage(usage)


@few
@given(fresh=COUNT, read=COUNT, write=COUNT, output=COUNT)
def test_bedrock_counts_the_cache_apart(fresh: int, read: int, write: int, output: int) -> None:
    """In Bedrock's Converse shape cached tokens stand beside the input, and only the total includes them."""
    usage = {
        "inputTokens": fresh,
        "outputTokens": output,
        "totalTokens": fresh + read + write + output,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": write,
    }

    assert Usage(
        input_tokens=fresh + read + write,
        output_tokens=output,
        total_tokens=fresh + read + write + output,
        cache_read_tokens=read,
        cache_write_tokens=write,
    ) == read_usage(usage)


@few
@given(fresh=COUNT, read=COUNT, output=COUNT, thoughts=st.integers(1, 100_000), camel=st.booleans())
def test_gemini_counts_thoughts_apart(fresh: int, read: int, output: int, thoughts: int, camel: bool) -> None:
    """Gemini's thoughts stand beside the candidates; they are output, and its cached part is inside the prompt."""
    names = (
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "totalTokenCount",
    )
    if not camel:
        names = (
            "prompt_token_count",
            "candidates_token_count",
            "thoughts_token_count",
            "cached_content_token_count",
            "total_token_count",
        )
    prompt = fresh + read
    usage = dict(zip(names, (prompt, output, thoughts, read, prompt + output + thoughts)))

    read_back = read_usage(usage)

    assert read_back is not None
    assert prompt == read_back.input_tokens
    assert output + thoughts == read_back.output_tokens
    assert prompt + output + thoughts == read_back.total_tokens
    assert (read, thoughts) == (read_back.cache_read_tokens, read_back.reasoning_tokens)


def test_gemini_thoughts_that_the_total_has_inside_are_not_added() -> None:
    """Where the total says that the candidates include the thoughts, they are not counted twice."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 30, "thoughtsTokenCount": 20, "totalTokenCount": 40}

    read_back = read_usage(usage)

    assert Usage(input_tokens=10, output_tokens=30, total_tokens=40, reasoning_tokens=20) == read_back


@few
@given(fresh=COUNT, read=COUNT, write=COUNT, output=COUNT, reasoning=COUNT)
def test_langchain_counts_everything_inside(fresh: int, read: int, write: int, output: int, reasoning: int) -> None:
    """In LangChain's `usage_metadata` the input includes the cache already."""
    whole, said = fresh + read + write, output + reasoning
    usage = {
        "input_tokens": whole,
        "output_tokens": said,
        "total_tokens": whole + said,
        "input_token_details": {"cache_read": read, "cache_creation": write, "audio": 1},
        "output_token_details": {"reasoning": reasoning, "audio": 2},
    }

    expected = Usage(
        input_tokens=whole,
        output_tokens=said,
        total_tokens=whole + said,
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=reasoning,
        input_audio_tokens=1,
        output_audio_tokens=2,
    )
    assert expected == read_usage(usage)


def test_langchain_cache_writes_by_lifetime_are_added_up() -> None:
    """LangChain sets `cache_creation` to 0 where it gives each cache lifetime: the write is their sum."""
    usage = {
        "input_tokens": 1000,
        "output_tokens": 10,
        "total_tokens": 1010,
        "input_token_details": {
            "cache_read": 100,
            "cache_creation": 0,
            "ephemeral_5m_input_tokens": 300,
            "ephemeral_1h_input_tokens": 400,
        },
    }

    read_back = read_usage(usage)

    assert read_back is not None
    assert (1000, 1010, 100, 700) == (
        read_back.input_tokens,
        read_back.total_tokens,
        read_back.cache_read_tokens,
        read_back.cache_write_tokens,
    )


def test_a_langchain_integration_that_leaves_the_cache_out_of_the_input_is_corrected() -> None:
    """More cached tokens than input tokens can only mean that the cache is not in the input yet."""
    usage = {
        "input_tokens": 3,
        "output_tokens": 5,
        "total_tokens": 8,
        "input_token_details": {"cache_read": 2000, "cache_creation": 0},
    }

    assert Usage(
        input_tokens=2003, output_tokens=5, total_tokens=2008, cache_read_tokens=2000, cache_write_tokens=0
    ) == read_usage(usage)


def test_a_proxy_that_repeats_anthropics_counts_is_not_counted_twice() -> None:
    """A proxy that answers in OpenAI's shape and repeats Anthropic's cache counts has already added them."""
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 7,
        "total_tokens": 127,
        "prompt_tokens_details": {"cached_tokens": 100},
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 10,
    }

    assert Usage(
        input_tokens=120, output_tokens=7, total_tokens=127, cache_read_tokens=100, cache_write_tokens=10
    ) == read_usage(usage)


@few
@given(prompt=COUNT, answer=COUNT)
def test_ollama_has_only_the_two_counts(prompt: int, answer: int) -> None:
    """Ollama's counts of evaluated tokens are input and output, and their sum the total."""
    usage = {"prompt_eval_count": prompt, "eval_count": answer, "total_duration": 5_000_000, "eval_duration": 4}

    assert Usage(input_tokens=prompt, output_tokens=answer, total_tokens=prompt + answer) == read_usage(usage)


def test_the_responses_api_is_read() -> None:
    """OpenAI's Responses API names its details after input and output."""
    usage = {
        "input_tokens": 50,
        "output_tokens": 20,
        "total_tokens": 70,
        "input_tokens_details": {"cached_tokens": 30},
        "output_tokens_details": {"reasoning_tokens": 15},
    }

    assert Usage(
        input_tokens=50, output_tokens=20, total_tokens=70, cache_read_tokens=30, reasoning_tokens=15
    ) == read_usage(usage)


def test_openrouter_cache_writes_are_read() -> None:
    """OpenRouter's cache writes stand in the prompt's details, inside the prompt."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30},
    }

    assert Usage(
        input_tokens=100, output_tokens=5, total_tokens=105, cache_read_tokens=40, cache_write_tokens=30
    ) == read_usage(usage)


@pytest.mark.parametrize("usage", [None, {}, [], "12", 7, {"prompt_tokens": None}, {"cost": 1}, {"input_tokens": True}])
def test_what_holds_no_count_is_no_usage(usage: Any) -> None:
    """An object without a count is no usage, rather than one of zeros."""
    assert None is read_usage(usage)


@pytest.mark.parametrize("names", [("input_tokens", "output_tokens"), ("prompt_tokens", "completion_tokens")])
def test_three_sums_are_read_as_they_are(names: tuple[str, str]) -> None:
    given, made = names
    assert read_usage({given: 3, made: 4, "total_tokens": 8}) == Usage(input_tokens=3, output_tokens=4, total_tokens=8)
    assert read_usage({given: 3, made: -4, "total_tokens": 8}) == Usage(input_tokens=3, total_tokens=8)


def test_a_total_alone_is_kept() -> None:
    """A usage that holds only a total keeps it, also beside a count of cached tokens."""
    assert Usage(total_tokens=9) == read_usage({"total_tokens": 9})
    assert Usage(total_tokens=9, cache_read_tokens=4) == read_usage({"total_tokens": 9, "cache_read_input_tokens": 4})


def test_counts_that_are_no_counts_are_passed_over() -> None:
    """Negative, infinite, textual and boolean counts are passed over, and the next spelling is looked at."""
    usage = {
        "input_tokens": -1,
        "prompt_tokens": float("nan"),
        "inputTokens": 4.0,
        "output_tokens": "5",
        "eval_count": 6,
    }

    assert Usage(input_tokens=4, output_tokens=6, total_tokens=10) == read_usage(usage)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.dictionaries(
        st.sampled_from(["cache_read", "cached_tokens", "cache_creation", "reasoning", "audio", "x"]), inner, max_size=3
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    [
        "input_tokens",
        "prompt_tokens",
        "inputTokens",
        "promptTokenCount",
        "output_tokens",
        "completion_tokens",
        "total_tokens",
        "totalTokens",
        "input_token_details",
        "prompt_tokens_details",
        "output_token_details",
        "cache_read_input_tokens",
        "cacheWriteInputTokens",
        "thoughtsTokenCount",
        "prompt_eval_count",
    ]
)


@given(st.dictionaries(NAMES, JUNK, max_size=8))
def test_any_mixture_of_shapes_is_read_without_raising(usage: dict[str, Any]) -> None:
    """Whatever stands in a usage object, every count read from it is a whole number of at least 0, and a total is there."""
    read_back = read_usage(usage)

    if read_back is not None:
        counts = [getattr(read_back, name) for name in Usage.__dataclass_fields__]
        assert [] == [count for count in counts if count is not None and (type(count) is not int or count < 0)]
        assert read_back.total_tokens is not None
