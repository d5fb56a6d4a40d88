import os
import signal

import pytest

from quartet.cli.interruption import SIGNALS, interruptible


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_once_and_is_answered_after_that(number: signal.Signals) -> None:
    said: list[str] = []
    before = signal.getsignal(number)

    with interruptible(said.append) as interruption:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        interruption.close()
        os.kill(os.getpid(), number)

    assert said == ["stopping as soon as possible; please wait"]
    assert interruption.came
    assert signal.getsignal(number) is before


def test_a_step_that_must_not_be_cut_in_two_ends_first() -> None:
    said: list[str] = []
    done: list[str] = []

    def step() -> None:
        with interruptible(said.append) as interruption, interruption.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("the step")

    with pytest.raises(KeyboardInterrupt):
        step()

    assert done == ["the step"]


def test_while_it_stops_nothing_interrupts() -> None:
    said: list[str] = []

    with interruptible(said.append) as interruption:
        interruption.close()
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGHUP)

    assert len(said) == 2
