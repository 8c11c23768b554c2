"""What one generation used, in tokens."""

from __future__ import annotations

from .fast_frozen import frozen


@frozen(kw_only=True)
class Usage:
    """Token counts of one generation.

    Attributes:
        input_tokens: All input tokens, those read from and written to a cache included.
        output_tokens: All output tokens, reasoning included.
        total_tokens: As the provider says, or the sum of both.
        cache_read_tokens: The part of the input that was read from a cache.
        cache_write_tokens: The part of the input that was written to a cache.
        reasoning_tokens: The part of the output that was reasoning.
        input_audio_tokens: The part of the input that was audio.
        output_audio_tokens: The part of the output that was audio.
        input_text_tokens, output_text_tokens: The parts that were text, where the provider counts by modality.
        input_image_tokens, output_image_tokens: The parts that were images.
        input_video_tokens: The part of the input that was video.
        cached_text_tokens, cached_image_tokens, cached_audio_tokens: The parts of what was read from a cache.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_text_tokens: int | None = None
    output_text_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    input_video_tokens: int | None = None
    cached_text_tokens: int | None = None
    cached_image_tokens: int | None = None
    cached_audio_tokens: int | None = None
