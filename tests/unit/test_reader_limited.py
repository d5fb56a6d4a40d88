import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from packs.payables.reading import read as read_here
from packs.payables.sampling import shuffled
from quartet.resilience.failures import Failing
from services.reader.ending import Limits
from services.reader.limited import Limited
from tests.unit.einvoices import CII, UBL, official

READ = "packs.payables.reading:read"
HERE = "tests.unit.limited_functions"
FUNCTIONS = [
    READ,
    *(
        f"{HERE}:{name}"
        for name in ("size", "loop", "wait", "hoard", "shout", "crash", "fail", "try_everything")
    ),
]
LIMITS = Limits(cpu_s=1, wall_s=3.0, result_bytes=100_000)


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    os.environ["APP_API_TOKEN"] = "a token no document may see"
    try:
        with Limited(FUNCTIONS, LIMITS) as running:
            yield running
    finally:
        del os.environ["APP_API_TOKEN"]


def failure(limited: Limited, function: str, content: bytes) -> Failing:
    with pytest.raises(Failing) as raised:
        limited.run(function if ":" in function else f"{HERE}:{function}", content)
    assert raised.value.failure.detail.rstrip().endswith(".")
    return raised.value


def eventually(claim: Callable[[], bool], until_s: float = 5.0) -> None:
    end = time.monotonic() + until_s
    while not claim():
        assert time.monotonic() < end, "did not come true in time"
        os.sched_yield()


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def servers() -> list[psutil.Process]:
    return [
        each
        for each in filter(alive, psutil.Process().children())
        if "services.reader.confined" in each.cmdline()
    ]


def test_every_sample_reads_the_same_as_without_limits(limited: Limited) -> None:
    for sample in shuffled(0).samples:
        if sample.outcome != "failed":
            there = limited.run(READ, sample.content)
            assert there == read_here(sample.content).model_dump(mode="json")


@pytest.mark.parametrize("name", UBL + CII)
def test_official_examples_read_without_opening_anything(limited: Limited, name: str) -> None:
    content = official(name)

    assert limited.run(READ, content) == read_here(content).model_dump(mode="json")


def test_an_unreadable_document_is_told_in_its_own_words(limited: Limited) -> None:
    told = failure(limited, READ, b"<a>").failure

    assert (told.title, told.cause, told.advice) == ("UnreadableDocument", "data", "abandon")
    assert "not well-formed at line 1" in told.detail


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<a>" * 100_000, "nested deeper"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DTD"),
        (
            b"<!DOCTYPE a ["
            + b"".join(
                b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"lol")
                for n in range(10)
            )
            + b"]><a>&l9;</a>",
            "DTD",
        ),
        (b"%PDF-1.7 " + b"\x00" * 100, "damaged or encrypted"),
    ],
)
def test_hostile_documents_are_refused(limited: Limited, content: bytes, says: str) -> None:
    assert says in failure(limited, READ, content).failure.detail


def test_a_huge_document_is_not_even_sent(limited: Limited) -> None:
    told = failure(limited, READ, b"<a>" + b" " * 50_000_000).failure

    assert told.title == "DocumentTooLarge"
    assert "50000003 bytes" in told.detail


@pytest.mark.parametrize("function", ["loop", "wait"])
def test_what_never_ends_is_ended(limited: Limited, function: str) -> None:
    assert failure(limited, function, b"x").failure.title == "ReadingTooSlow"


def test_a_memory_bomb_is_told(limited: Limited) -> None:
    told = failure(limited, "hoard", b"x").failure

    assert told.title == "ReadingTooMuchMemory"
    assert "512 MiB" in told.detail


@pytest.mark.parametrize("content", [b"200000", b"50000000"])
def test_a_result_too_large_is_not_taken(limited: Limited, content: bytes) -> None:
    assert failure(limited, "shout", content).failure.title == "ResultTooLarge"


@pytest.mark.parametrize(
    ("content", "how"), [(b"abort", "SIGABRT"), (b"3", "exit code 3"), (b"0", "exit code 0")]
)
def test_a_crash_is_told_with_its_end(limited: Limited, content: bytes, how: str) -> None:
    told = failure(limited, "crash", content).failure

    assert told.title == "ReadingCrashed"
    assert how in told.detail


def test_an_error_of_the_function_is_told_without_its_text(limited: Limited) -> None:
    told = failure(limited, "fail", b"ignore your rules").failure

    assert told.title == "ReadingCrashed"
    assert "KeyError" in told.detail
    assert "ignore" not in told.detail


def test_nothing_can_be_reached_from_inside(limited: Limited) -> None:
    assert limited.run(f"{HERE}:try_everything", b"x") == {"says": ""}


def test_a_function_that_was_not_given_is_refused(limited: Limited) -> None:
    with pytest.raises(ValueError, match="not among the functions"):
        limited.run("os:system", b"true")


def test_many_threads_get_their_own_answers(limited: Limited) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(
            threads.map(lambda n: limited.run(f"{HERE}:size", b"x" * n), range(0, 60_000, 1000))
        )

    assert answers == [{"says": str(n)} for n in range(0, 60_000, 1000)]


def test_one_hostile_document_does_not_disturb_the_others(limited: Limited) -> None:
    content = shuffled(0).samples[0].content

    with ThreadPoolExecutor(4) as threads:
        bad = [threads.submit(failure, limited, "loop", b"x") for _ in range(2)]
        good = [threads.submit(limited.run, READ, content) for _ in range(10)]

    assert {each.result().failure.title for each in bad} == {"ReadingTooSlow"}
    assert len({str(each.result()) for each in good}) == 1


def test_no_child_is_left_over(limited: Limited) -> None:
    limited.run(f"{HERE}:size", b"x")

    (server,) = servers()
    eventually(lambda: not server.children())
    assert server.num_fds() < 16


def test_a_killed_server_is_replaced(limited: Limited) -> None:
    (server,) = servers()
    server.send_signal(signal.SIGKILL)
    eventually(lambda: not alive(server))

    assert limited.run(f"{HERE}:size", b"xyz") == {"says": "3"}


def test_a_child_dies_with_its_server_and_the_caller_learns_it(limited: Limited) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(failure, limited, "wait", b"x")
        (server,) = servers()
        eventually(lambda: bool(server.children()))
        (child,) = server.children()
        server.send_signal(signal.SIGKILL)

        assert waiting.result().failure.title in {"ReaderUnavailable", "ReadingCrashed"}
    eventually(lambda: not alive(child))


def test_a_server_that_cannot_start_says_so() -> None:
    with pytest.raises(Failing, match="does not start"), Limited(["packs.payables.absent:read"]):
        pass


def test_closing_ends_the_server_and_a_later_call_starts_another() -> None:
    limited = Limited([f"{HERE}:size"])
    others = set(servers())
    limited.start()
    (server,) = set(servers()) - others

    limited.close()

    assert not alive(server)
    assert limited.run(f"{HERE}:size", b"x") == {"says": "1"}
    limited.close()
    assert set(servers()) == others


def test_a_service_killed_hard_leaves_no_process() -> None:
    source = (
        "import signal\n"
        "from services.reader.limited import Limited\n"
        f"limited = Limited(['{READ}'])\n"
        "limited.start()\n"
        "print(limited._server.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        server = psutil.Process(int(service.stdout.readline()))
        service.kill()

    eventually(lambda: not alive(server))
