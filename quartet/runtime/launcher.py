"""The parent that the Dapr CLI sees for each app and sidecar; what it launches is told elsewhere.

The CLI ends its children with SIGKILL, also on Ctrl-C. So the process it knows is only a stub; the
stub's child keeps the program running, learns of the stub's death from the kernel, and then stops
the program in order. Standard library only.
"""

import os
import re
import signal
import sys
from typing import NoReturn

from quartet.runtime.children import Bell, Keeper, Program, die_with_parent

NOT_SET_UP = (
    "{what} needs Quartet's local runtime: run `make run`, or "
    '`eval "$(quartet runtime up)"` and then `dapr run -f .`'
)
PROVIDER_KEY = re.compile(r"QUARTET_[A-Z0-9_]+_KEY")
"""What the operator sets as the key of a model provider; only the sidecar of models gets it."""
_LOOK_EVERY_S = 0.5


def refuse(text: str) -> NoReturn:
    """Print one line and end with status 1."""
    sys.stderr.write(text + "\n")
    raise SystemExit(1)


def environment_value(name: str, what: str) -> str:
    """Return a variable of the runtime's environment, or end with one line that says how."""
    value = os.environ.get(name)
    if not value:
        refuse(NOT_SET_UP.format(what=what))
    return value


def keep(program: Program) -> NoReturn:
    """Run `program` again and again until SIGTERM, SIGINT or the end of the parent."""
    grandparent = os.getppid()
    while True:
        keeper = _fork_keeper(program)
        bell = Bell()
        ended, status = 0, 0
        while not ended:
            if bell.asked_to_stop or os.getppid() != grandparent:
                _signal_once(keeper)
            bell.wait(_LOOK_EVERY_S)
            ended, status = os.waitpid(keeper, os.WNOHANG)
        if not os.WIFSIGNALED(status) or bell.asked_to_stop or os.getppid() != grandparent:
            raise SystemExit(os.waitstatus_to_exitcode(status) & 0xFF)


def _signal_once(keeper: int) -> None:
    os.kill(keeper, signal.SIGTERM)


def _fork_keeper(program: Program) -> int:
    stub = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    die_with_parent(stub, signal.SIGTERM)
    Keeper([program]).run()
    os._exit(0)
