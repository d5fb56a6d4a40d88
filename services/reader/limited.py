"""Runs a pack's read function on untrusted bytes in a limited process. What it may do: confined.py.

A fork server with the functions already loaded makes a child per call; a call costs a fork, some
milliseconds. Every way a child can end is a value or a failure (ending.py). Safe with threads.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from services.reader.confined import HEADER, STATUS
from services.reader.ending import Ended, Limits, result_of, too_large, unavailable

_START_TIMEOUT_S = 30.0


class Limited:
    """The limited process of a service: `with Limited([...]) as limited: limited.run(...)`.

    `functions` are "module:name": untrusted-read tools, or functions of the bytes alone; each
    returns a pydantic model.
    """

    def __init__(self, functions: Sequence[str], limits: Limits | None = None) -> None:
        """Start nothing yet: the server starts at `start` or at the first call."""
        self.functions = tuple(functions)
        self.limits = limits or Limits()
        self._places = threading.BoundedSemaphore(self.limits.at_once)
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End the server and every call under way."""
        self.close()

    def start(self) -> None:
        """Start the server if it does not run, and wait until the functions are loaded."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the server; its children end with it."""
        with self._lock:
            self._end()

    def run(
        self,
        function: str,
        content: bytes,
        arguments: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Call the function on the bytes and give its result as JSON, or raise a failure."""
        if function not in self.functions:
            raise ValueError(f"{function} is not among the functions this process was started with")
        if len(content) > self.limits.input_bytes:
            raise too_large(len(content), self.limits)
        order = {
            "function": function,
            "arguments": dict(arguments or {}),
            "memory_bytes": self.limits.memory_bytes,
            "cpu_s": self.limits.cpu_s,
        }
        head = json.dumps(order).encode()
        with self._places:
            call = self._forked()
            try:
                answer = call.talk(
                    HEADER.pack(len(head)) + head + HEADER.pack(len(content)), content
                )
                return result_of(answer, call.ended(), self.limits)
            finally:
                call.close()

    def _forked(self) -> "_Call":
        data, data_child = socket.socketpair()
        status, status_child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with data_child, status_child, self._lock:
                ends = [data_child.fileno(), status_child.fileno()]
                try:
                    socket.send_fds(self._running(), [b"fork"], ends)
                except (BrokenPipeError, ConnectionResetError):
                    self._end()
                    socket.send_fds(self._running(), [b"fork"], ends)
            return _Call(data, status, self.limits)
        except BaseException:
            data.close()
            status.close()
            raise

    def _running(self) -> socket.socket:
        """Give the control socket of a running server; the lock is held."""
        if self._control is not None and self._server is not None and self._server.poll() is None:
            return self._control
        self._end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "services.reader.confined", *self.functions],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        self._control = ours
        ours.settimeout(_START_TIMEOUT_S)
        try:
            ready = ours.recv(16)
        except TimeoutError:
            ready = b""
        if ready != b"ready":
            self._end()
            raise unavailable("does not start. Look for its traceback in the reader's log.")
        return ours

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._server is not None:
            try:
                self._server.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._control = self._server = None


class _Call:
    """One child, as seen from the service."""

    def __init__(self, data: socket.socket, status: socket.socket, limits: Limits) -> None:
        self.data = data
        self.status = status
        self.limits = limits
        self.until = time.monotonic() + limits.wall_s
        self.handle: int | None = None
        self.late = False

    def talk(self, head: bytes, content: bytes) -> bytes:
        """Send the request and take the answer, at most one byte more than the limit."""
        answer = bytearray()
        try:
            self._wait(self.status)
            _, handles, _, _ = socket.recv_fds(self.status, 16, 1)
            self.handle = handles[0] if handles else None
            for piece in (head, content):
                self._wait(self.data)
                self.data.sendall(piece)
            while len(answer) <= self.limits.result_bytes:
                self._wait(self.data)
                piece = self.data.recv(1 << 16)
                if not piece:
                    break
                answer += piece
        except TimeoutError:
            self.late = True
        except (BrokenPipeError, ConnectionResetError):
            pass  # the child is gone; how it ended says why
        if self.late or len(answer) > self.limits.result_bytes:
            self._kill()
        return bytes(answer)

    def ended(self) -> Ended:
        """Give the child's exit code (negative: the signal), "late", or "lost" with its server."""
        if self.late:
            return "late"
        self.status.settimeout(max(self.until - time.monotonic(), 0.001) + 1)
        try:
            told = self.status.recv(STATUS.size)
        except (TimeoutError, ConnectionResetError):
            return "lost"
        return int(STATUS.unpack(told)[0]) if len(told) == STATUS.size else "lost"

    def close(self) -> None:
        """Make sure that the child ends, and let go of it."""
        self._kill()
        if self.handle is not None:
            os.close(self.handle)
        self.data.close()
        self.status.close()

    def _wait(self, end: socket.socket) -> None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        end.settimeout(left)

    def _kill(self) -> None:
        if self.handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
