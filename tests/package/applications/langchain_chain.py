"""A chain of a prompt, a retriever, a model and a parser. Knows nothing of tracing."""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough

from tests.fakes.langchain import ScriptedChat


class Shelf(BaseRetriever):
    """Finds one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
        return [Document(page_content="Orders can be sent back within 30 days.", metadata={"source": "returns.md"})]


def main() -> None:
    """Ask the chain once."""
    prompt = ChatPromptTemplate.from_messages([("system", "{context}"), ("user", "{question}")])
    asked = {"context": Shelf(), "question": RunnablePassthrough()}
    chain = asked | prompt | ScriptedChat(script=["Within 30 days."]) | StrOutputParser()
    said = chain.with_config(run_name="Ask the shop").invoke("Can I send it back?")
    if said != "Within 30 days.":
        raise AssertionError(said)


if __name__ == "__main__":
    main()
