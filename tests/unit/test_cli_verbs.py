import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner, Result

from quartet.cli.main import app
from quartet.runtime.issuer import make_issuer
from quartet.runtime.layout import DataFolder
from tests.unit.console_stand_in import StandIn, serving


@pytest.fixture(scope="module")
def served() -> Iterator[StandIn]:
    with serving(StandIn()) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(served: StandIn) -> StandIn:
    url = served.url
    served.__dict__.update(StandIn(url=url).__dict__)
    return served


@pytest.fixture
def data(tmp_path: Path, stand_in: StandIn) -> Path:
    folder = tmp_path / "data"
    make_issuer(DataFolder(folder))
    stand_in.keys = json.loads(DataFolder(folder).people_keys.read_text())
    key = OKPKey.generate_key("Ed25519", {"kid": "me"}).as_dict(private=True)
    (folder / "keys" / "client.jwk.json").write_text(json.dumps(key))
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name in ("one.xml", "two.xml"):
        (folder / name).write_text(f"<{name}/>")
    return folder


def quartet(stand_in: StandIn, data: Path, *words: str) -> Result:
    env = {"QUARTET_CONSOLE": stand_in.url, "QUARTET_DATA": str(data), "QUARTET_PACK": None}
    return CliRunner().invoke(app, list(words), env=env)


def told(result: Result) -> str:
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_submit_makes_one_signed_task_of_each_document(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    answer = document(quartet(stand_in, data, "submit", str(inbox), "--batch", "b", "--json"))

    assert [s["document"] for s in answer["submitted"]] == ["one.xml", "two.xml"]
    assert set(stand_in.tasks) == {s["task"] for s in answer["submitted"]}
    assert {t.requester for t in stand_in.tasks.values()} == {"local-client"}
    assert stand_in.uploads == ["one.xml", "two.xml"]


def test_submitting_again_is_the_same_tasks_and_says_so(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    quartet(stand_in, data, "submit", str(inbox), "--batch", "b")

    again = quartet(stand_in, data, "submit", str(inbox), "--batch", "b")

    assert again.stdout.count("submitted before: completed") == 2
    assert "The same document in the same batch is the same task" in again.stderr
    assert len(stand_in.tasks) == len(stand_in.events) == len(stand_in.uploads) == 2


def test_one_document_twice_in_one_go_is_one_task(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    path = str(inbox / "one.xml")

    answer = document(quartet(stand_in, data, "submit", path, path, "--json"))

    assert [s["known"] for s in answer["submitted"]] == [None, "submitted"]
    assert len(stand_in.events) == 1


def test_submit_anonymous_needs_no_key(stand_in: StandIn, data: Path, inbox: Path) -> None:
    (data / "keys" / "client.jwk.json").unlink()

    refused = quartet(stand_in, data, "submit", str(inbox))
    taken = quartet(stand_in, data, "submit", str(inbox), "--anonymous")

    assert "or submit with --anonymous" in told(refused)
    assert taken.exit_code == 0
    assert {t.requester for t in stand_in.tasks.values()} == {"anonymous"}


def test_submit_inline_uploads_nothing(stand_in: StandIn, data: Path, inbox: Path) -> None:
    assert quartet(stand_in, data, "submit", str(inbox), "--inline").exit_code == 0

    assert stand_in.uploads == []
    assert len(stand_in.tasks) == 2


def test_submit_and_wait_ends_with_the_batch_table(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    done = quartet(stand_in, data, "submit", str(inbox), "--wait")

    assert done.exit_code == 0
    assert "document  read     checked" in done.stdout
    assert "2 of 2 ended: 2 completed" in done.stdout


def test_what_the_coordinator_refused_is_told_with_its_reason(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    stand_in.buries = True

    done = quartet(stand_in, data, "submit", str(inbox / "one.xml"), "--wait")

    assert done.exit_code == 1
    assert "one.xml was refused: MalformedEvent: It is no task." in done.stderr
    assert "quartet dead show letter-0" in done.stderr


def test_watch_writes_a_json_line_for_each_change(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    quartet(stand_in, data, "submit", str(inbox), "--batch", "b")

    done = quartet(stand_in, data, "watch", "--batch", "b", "--json")

    assert {json.loads(line)["id"] for line in done.stdout.splitlines()} == set(stand_in.tasks)


def test_watch_wants_to_know_what(stand_in: StandIn, data: Path) -> None:
    assert told(quartet(stand_in, data, "watch")).startswith("Nothing to watch")


def test_task_list_show_and_cancel_speak_json(stand_in: StandIn, data: Path, inbox: Path) -> None:
    quartet(stand_in, data, "submit", str(inbox / "one.xml"))
    (name,) = stand_in.tasks

    listed = document(quartet(stand_in, data, "task", "list", "--json"))
    shown = document(quartet(stand_in, data, "task", "show", name, "--json"))
    cancelled = document(quartet(stand_in, data, "task", "cancel", name, "--why", "x", "--json"))

    assert [t["id"] for t in listed["tasks"]] == [name] == [shown["id"]]
    assert cancelled["says"].endswith("is being cancelled: x")


def test_a_task_is_shown_for_people(stand_in: StandIn, data: Path, inbox: Path) -> None:
    quartet(stand_in, data, "submit", str(inbox / "one.xml"))
    (name,) = stand_in.tasks

    shown = quartet(stand_in, data, "task", "show", name).stdout

    assert shown.startswith(f"{name}  one.xml  completed")
    assert "read  read-invoice by specialist-documents, attempt 1: done" in shown


def test_text_of_others_can_not_steer_the_terminal(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    quartet(stand_in, data, "submit", str(inbox / "one.xml"))
    ((name, task),) = stand_in.tasks.items()
    evil = "\x1b[2Jall is well\r\x9b31m\u202e\n[red]"
    stand_in.tasks[name] = task.model_copy(update={"summary": evil, "goal": evil})

    shown = quartet(stand_in, data, "task", "show", name).stdout
    watched = quartet(stand_in, data, "watch", name).stdout

    assert "all is well" in shown
    assert "[red]" in shown
    assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(shown + watched)


def test_a_problem_of_the_console_is_one_line(stand_in: StandIn, data: Path) -> None:
    line = told(quartet(stand_in, data, "task", "show", "t-none"))

    assert line == "UnknownTask: There is no task 't-none'."


def test_no_suite_is_one_line(stand_in: StandIn, data: Path, tmp_path: Path) -> None:
    nobody = StandIn(url="http://127.0.0.1:1")

    assert "Start the suite with `make run`." in told(quartet(nobody, data, "task", "list"))
    assert "No suite was started on" in told(quartet(stand_in, tmp_path / "no", "task", "list"))


def test_payments_are_listed_and_closed(stand_in: StandIn, data: Path) -> None:
    closed = {"run": "RUN-1", "transfers": 2, "totals": {"EUR": "3.00"}, "file": "RUN-1.xml"}
    payment = dict.fromkeys(("kind", "vendor", "amount", "open", "currency", "status"), "x")
    payments = [payment | {"number": "R-1", "runs": ["RUN-1"]}]
    stand_in.operations = {"close_payment_run": closed, "list_payments": {"payments": payments}}

    told_closed = quartet(stand_in, data, "payments", "close").stdout.splitlines()

    assert told_closed[0] == "Payment run RUN-1: 2 transfers, 3.00 EUR"
    assert told_closed[1].endswith(f"{data}/toolbox/payments/RUN-1.xml")
    assert document(quartet(stand_in, data, "payments", "close", "--json")) == closed
    assert "R-1" in quartet(stand_in, data, "payments", "list").stdout


def test_closing_says_what_was_left_out_and_why(stand_in: StandIn, data: Path) -> None:
    one = {"vendor": "V-1", "number": "R-1", "amount": "3.00", "currency": "EUR"}
    left_out = [one | {"effect": "t-1/1", "why": "the vendor is not active"}]
    stand_in.operations = {"close_payment_run": {"run": None, "file": None, "left_out": left_out}}

    told_closed = quartet(stand_in, data, "payments", "close").stdout.splitlines()

    assert told_closed == [
        "Everything scheduled is left out: no payment run was closed.",
        "left out  3.00 EUR to V-1, invoice R-1: the vendor is not active",
    ]


def test_an_export_that_can_not_be_written_is_told(
    stand_in: StandIn, data: Path, tmp_path: Path
) -> None:
    refused = quartet(stand_in, data, "audit", "export", "-o", str(tmp_path))

    assert "Name another with -o." in told(refused)


def test_dead_letters_are_listed_shown_and_replayed(
    stand_in: StandIn, data: Path, inbox: Path
) -> None:
    stand_in.buries = True
    quartet(stand_in, data, "submit", str(inbox / "one.xml"))

    listed = quartet(stand_in, data, "dead", "list").stdout
    shown = quartet(stand_in, data, "dead", "show", "letter-0").stdout
    replayed = document(quartet(stand_in, data, "dead", "replay", "letter-0", "--json"))

    assert "MalformedEvent" in listed
    assert "quartet.task.submitted.v1" in shown
    assert replayed == {"says": "letter-0: taken in again"}
    assert "`quartet dead list`" in told(quartet(stand_in, data, "dead", "show", "no"))
