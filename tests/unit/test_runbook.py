"""The runbook names verbs of the command line: those have to exist."""

import re

from quartet.cli.main import app
from quartet.runtime.layout import repository

TEXT = (repository() / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_quartet_command_of_the_runbook_exists() -> None:
    named = set(re.findall(r"quartet (?:--as \w+ )?([a-z]+) ([a-z]+)", TEXT))
    groups = {
        str(one.name): {
            str(c.name or c.callback.__name__)
            for c in one.typer_instance.registered_commands
            if c.callback
        }
        for one in app.registered_groups
        if one.typer_instance
    }
    alone = {str(c.name) for c in app.registered_commands}

    said = {(group, verb) for group, verb in named if group in groups}
    assert len(said) > 10
    assert {(group, verb) for group, verb in said if verb not in groups[group]} == set()
    assert {"cases", "cost"} <= alone
