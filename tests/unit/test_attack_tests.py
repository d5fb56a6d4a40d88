"""The table of attacks names tests that are there."""

import re
from pathlib import Path

from tests.suite.attack_tests import ATTACKS

RUNTIME = Path(__file__).resolve().parents[1] / "runtime"


def test_every_attack_of_the_table_is_a_test_on_the_real_runtime() -> None:
    written = "".join(path.read_text() for path in RUNTIME.rglob("test_*.py"))

    assert [name for name in ATTACKS if not re.search(rf"^def {name}\(", written, re.M)] == []
