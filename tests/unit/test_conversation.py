"""Conversations by reference: a repeated turn starts where it did; a lost one is told."""

import pytest

from quartet.agents.conversation import kept, recalled
from quartet.contracts.chat import Message
from quartet.resilience.failures import RetryChanged
from quartet.testing.ports import Shelf, says, uses

SAID = (Message(role="user", content="Read it."), uses("read_it", '{"n": 1}'), says("{}"))


def test_what_was_kept_is_recalled() -> None:
    shelf = Shelf()

    kept(shelf, "task.read.1", 1, SAID)

    assert recalled(shelf, "task.read.1", 1) == SAID


def test_before_the_first_turn_nothing_was_said() -> None:
    assert recalled(Shelf(), "task.read.1", 0) == ()


def test_each_turn_has_its_own_beginning() -> None:
    shelf = Shelf()
    kept(shelf, "k", 1, SAID[:1])
    kept(shelf, "k", 2, SAID)

    kept(shelf, "k", 1, SAID[:1])

    assert recalled(shelf, "k", 1) == SAID[:1]
    assert recalled(shelf, "k", 2) == SAID


@pytest.mark.parametrize(("key", "number"), [("other", 1), ("k", 2)])
def test_a_lost_conversation_asks_for_another_attempt(key: str, number: int) -> None:
    shelf = Shelf()
    kept(shelf, "k", 1, SAID)

    with pytest.raises(RetryChanged) as lost:
        recalled(shelf, key, number)

    assert lost.value.failure.title == "ConversationLost"
