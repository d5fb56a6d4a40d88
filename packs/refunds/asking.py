"""The write tool that moves no money: somebody is asked about a request."""

from pydantic import Field

from packs.refunds.ledger import QuestionRow
from packs.refunds.request import Part
from quartet.packs.labelling import Leaving
from quartet.packs.tool import Books, Effect, tool


class AskAboutRefund(Part):
    """What to ask a person."""

    question: str = Field(
        description="The question, in one or two sentences for a person, naming what is missing.",
        min_length=1,
        max_length=400,
    )


class Asked(Part):
    """The question that was opened."""

    question: str


def close_question(arguments: AskAboutRefund, result: Asked, books: Books) -> None:
    """Close the question: its task was undone."""
    del arguments
    books.session.get_one(QuestionRow, result.question).status = "closed"


@tool(
    "write",
    Effect(
        says=lambda a: f"ask about a refund: {a.question}",
        compensate=close_question,
        reversible=True,
        leaving=(Leaving("question", to="people"),),
    ),
)
def ask_about_refund(arguments: AskAboutRefund, books: Books) -> Asked:
    """Ask a person about a refund that cannot be decided from request and order."""
    question = arguments.question
    books.session.add(
        QuestionRow(effect=books.effect, question=question, status="open", at=books.now)
    )
    return Asked(question=books.effect)
