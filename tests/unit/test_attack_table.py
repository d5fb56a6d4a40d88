"""The rows of attacks: noted by a test file, collected from all, summed and printed."""

from pathlib import Path

from tests.suite.attacks import Attempt, collected, noted, table, together

ONE = Attempt(("ASI01",), "a note", 1, 1, "plan slots")
OTHER = Attempt(("ASI01",), "a note", 2, 1, "plan slots")


def test_rows_of_one_attack_and_layer_are_added_up() -> None:
    (row,) = together((ONE, OTHER))

    assert row == Attempt(("ASI01",), "a note", 3, 2, "plan slots")
    assert not row.held_off
    assert ONE.held_off


def test_an_attack_that_was_never_tried_is_not_held_off() -> None:
    assert not Attempt(("ASI01",), "a note", 0, 0, "plan slots").held_off


def test_what_was_noted_is_collected_and_noted_again_replaces_it(tmp_path: Path) -> None:
    noted("first", (ONE, OTHER), tmp_path)
    noted("first", (ONE,), tmp_path)
    noted("second", (OTHER,), tmp_path)

    assert collected(tmp_path) == together((ONE, OTHER))


def test_the_table_has_a_line_for_each_row() -> None:
    assert table((ONE,)).splitlines() == [
        "| codes | attack | tried | stopped | by |",
        "|---|---|---|---|---|",
        "| ASI01 | a note | 1 | 1 | plan slots |",
    ]
