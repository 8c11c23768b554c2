"""What an answer rests on, and the names of files: in each convention, and not in privacy mode."""

from __future__ import annotations

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

ANSWER = AIMessage(
    [
        {
            "type": "text",
            "text": "It is blue.",
            "annotations": [{"type": "citation", "url": "https://sky", "title": "Sky"}],
        }
    ]
)
ASKED = [HumanMessage([{"type": "file", "file_id": "file-1", "filename": "sky.pdf"}, {"type": "text", "text": "Why?"}])]


def test_citations_and_file_names_are_shown() -> None:
    """The answer as a text stays one; where it has citations, the value is the message with them."""
    openinference, gen_ai, private = (
        destinations.memory(),
        destinations.memory(convention="gen_ai"),
        destinations.memory(privacy_mode=True),
    )
    with spancast.Pipeline(openinference, gen_ai, private):
        GenericFakeChatModel(messages=iter([ANSWER])).invoke(ASKED, {"callbacks": [SpancastCallbackHandler()]})
        spancast.flush()
    (one,), (other,), (hidden,) = openinference.spans, gen_ai.spans, private.spans
    assert "It is blue." == one.attributes["llm.output_messages.0.message.content"]
    assert '"citations":[{"type":"citation","url":"https://sky","title":"Sky"}]' in one.attributes["output.value"]
    contents = "llm.input_messages.0.message.contents.0.message_content"
    assert "sky.pdf" == one.attributes[f"{contents}.document.document.name"]
    assert '"url":"https://sky"' in other.attributes["gen_ai.output.messages"]
    assert '"name":"sky.pdf"' in other.attributes["gen_ai.input.messages"]
    assert not [value for value in hidden.attributes.values() if "sky" in str(value)]
