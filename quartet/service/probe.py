"""The kubelet's probe of an app that listens on loopback only: `python3 -IS probe.py PORT`.

Run for each probe, so it imports next to nothing. Exits 0 when the app says that it is well.
"""

import socket
import sys

WITHIN_S = 4.0


def well(port: int) -> bool:
    """Return whether the app on this port answers its health check with 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S) as sent:
        sent.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        return sent.recv(64).split(b" ")[1:2] == [b"200"]


def main() -> None:
    """Exit with the app's state; a refused connection is told by Python itself, status 1."""
    sys.exit(0 if well(int(sys.argv[1])) else "not well")


if __name__ == "__main__":
    main()
