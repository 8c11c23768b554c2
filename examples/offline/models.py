"""A chat model of LangChain that follows a script. Put your own model in its place: nothing else changes."""

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

USAGE = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150}


class Scripted(GenericFakeChatModel):
    """Says the messages of its script, one a call; it takes tools, as every chat model does."""

    model_name: str = "gpt-4o"

    def bind_tools(self, tools, **kwargs):
        """Tell the model of its tools."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)


def scripted(*messages):
    """Return a model that says *messages*: texts, and calls of tools made by `call`."""
    said = [AIMessage(message) if isinstance(message, str) else message for message in messages]
    return Scripted(messages=iter([message.model_copy(update={"usage_metadata": USAGE}) for message in said]))


def call(tool, **arguments):
    """Return the message with which a model asks for a tool."""
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": f"call_{tool}"}])
