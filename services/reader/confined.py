"""The other side of limited.py: a fork server, and the life of one confined child.

Run as `python -m services.reader.confined` with a control socket as standard input; the service
imports only the framing. It starts with a clean environment, loads the functions once, and forks a
child per call. A child can open nothing (no file, no socket), gains nothing (no capability), and
dies with its parent; the server ends when the service's end of the control socket closes.
"""

import ctypes
import gc
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from quartet.resilience.failures import Failing

HEADER = struct.Struct("!I")
STATUS = struct.Struct("!i")
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_LIBC = ctypes.CDLL(None, use_errno=True)
_REQUEST_FD = 3
_NAME = 60

Function = Callable[..., Any]


def _load(name: str) -> Function:
    module, _, attribute = name.partition(":")
    function: Function = getattr(import_module(module), attribute)
    return function


class Server:
    """Forks children on request and reports how each ended."""

    def __init__(self, control: socket.socket, functions: dict[str, Function]) -> None:
        """`functions` are loaded; nothing may be opened later."""
        self.control = control
        self.functions = functions
        self.children: dict[int, socket.socket] = {}
        self.woken, self.waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Serve until the service's end of the control socket is gone."""
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.woken, selectors.EVENT_READ)
            self.control.send(b"ready")
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self.woken in ready:
                    os.read(self.woken, 4096)
                    self.reap()
                if self.control.fileno() in ready and not self.accept():
                    return

    def accept(self) -> bool:
        """Take one request; False at the end of the control socket."""
        _, descriptors, _, _ = socket.recv_fds(self.control, 16, 2)
        if len(descriptors) != 2:
            return False
        request, status = descriptors
        server = os.getpid()
        child = os.fork()
        if child == 0:
            _live(request, self.functions, server)
        os.close(request)
        told = socket.socket(fileno=status)
        self.children[child] = told
        handle = os.pidfd_open(child)
        try:
            socket.send_fds(told, [b"p"], [handle])
        except (BrokenPipeError, ConnectionResetError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        return True

    def reap(self) -> None:
        """Tell every caller whose child has ended how it ended."""
        while self.children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            with self.children.pop(child) as told:
                try:
                    told.send(STATUS.pack(os.waitstatus_to_exitcode(status)))
                except (BrokenPipeError, ConnectionResetError):
                    continue


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor tells the loop."""


def _live(request: int, functions: dict[str, Function], server: int) -> NoReturn:
    """Live as the child: take the request, confine, run, answer, end without any clean-up."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(1, 2)
        os.dup2(request, _REQUEST_FD, inheritable=False)
        os.closerange(_REQUEST_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        order = json.loads(_read_block())
        content = _read_block()
        confine(order["memory_bytes"], order["cpu_s"], server)
        result = _call(functions[order["function"]], order["arguments"], content)
        _write(json.dumps({"result": result}, allow_nan=False, separators=(",", ":")).encode())
    except MemoryError:
        _write(b'{"died":"memory"}')
    except BaseException as error:  # noqa: BLE001 - the outermost loop of this process
        _write(json.dumps(_told(error)).encode())
    os._exit(0)


def _call(function: Function, arguments: dict[str, Any], content: bytes) -> Any:  # noqa: ANN401
    """Call a tool with its checked arguments, or a plain function with the bytes alone."""
    declared = vars(function).get("__quartet_tool__")
    result = declared.run(declared.check(arguments), content) if declared else function(content)
    return result.model_dump(mode="json")


def _told(error: BaseException) -> dict[str, Any]:
    """Tell an error: a classified failure as it is, any other as a crash, without its text."""
    if isinstance(error, Failing):
        return {"failure": error.failure.model_dump(mode="json")}
    return {"died": "crash", "kind": type(error).__name__[:_NAME]}


def _read_block() -> bytes:
    (size,) = HEADER.unpack(_read_exactly(HEADER.size))
    return _read_exactly(size)


def _read_exactly(size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = os.read(_REQUEST_FD, min(size - len(content), 1 << 20))
        if not piece:
            os._exit(0)
        content += piece
    return bytes(content)


def _write(content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(_REQUEST_FD, view) :]


def confine(memory_bytes: int, cpu_s: int, server: int) -> None:
    """Give up everything a read function does not need; there is no way back for this process."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    for limit in (
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_CORE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_NOFILE,
    ):
        resource.setrlimit(limit, (0, 0))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    if _LIBC.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(0)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def main(names: list[str]) -> None:
    """Load the functions, freeze them for cheap forks, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    functions = {name: _load(name) for name in names}
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as control:
        os.dup2(1, 0)
        Server(control, functions).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
