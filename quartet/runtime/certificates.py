"""Certificates as they really are: asking Sentry for one as a sidecar would, looking at one in use.

grpcio cannot shake hands with Dapr's Ed25519 certificates, so the one call is HTTP/2 by hand:
Sentry answers a request that it grants with a message, and one that it refuses with none.
"""

import socket
import ssl
import struct
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from quartet.runtime.layout import HOST, NAMESPACE, SENTRY_PORT

JWKS, INSECURE, UNNAMED = 3, 1, 0
"""The validators a request may name, by their numbers on the wire."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY = 0, 1, 4, 6, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_WITHIN_S = 10.0


class NoAnswer(Exception):
    """The other side could not be reached, or its answer is none that can be read."""


@dataclass(frozen=True)
class Certificate:
    """Whose it is, and from when to when it holds."""

    identities: tuple[str, ...]
    begins: datetime
    ends: datetime

    @classmethod
    def read(cls, der: bytes) -> "Certificate":
        """Read a certificate in DER form."""
        found = x509.load_der_x509_certificate(der)
        names = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        value = names.value
        if not isinstance(value, x509.SubjectAlternativeName):
            raise NoAnswer("the certificate names nobody")
        uris = tuple(value.get_values_for_type(x509.UniformResourceIdentifier))
        return cls(uris, found.not_valid_before_utc, found.not_valid_after_utc)


@dataclass(frozen=True)
class Asked:
    """What a request to Sentry claims."""

    app_id: str
    token: str = ""
    validator: int = JWKS
    trust_domain: str = ""


def shown(port: int, anchors: Path) -> Certificate:
    """Return the certificate that a sidecar shows on a port, checked against our own root.

    Raises:
        NoAnswer: nobody listens, no TLS, or a certificate of somebody else's.

    """
    with _connected(port, anchors) as connection:
        der = connection.getpeercert(binary_form=True)
    if der is None:
        raise NoAnswer("no certificate was shown")
    return Certificate.read(der)


def asked_of_sentry(asked: Asked, anchors: Path) -> Certificate | None:
    """Ask Sentry for a certificate; return it, or None when it was refused.

    Raises:
        NoAnswer: Sentry could not be asked, so nothing is known.

    """
    request = _request(asked)
    with _connected(SENTRY_PORT, anchors) as connection:
        connection.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, 1, _headers())
            + _frame(_DATA, _END_STREAM, 1, struct.pack("!BI", 0, len(request)) + request)
        )
        answer = _answer(connection)
    if not answer:
        return None
    pem = dict(_fields(answer[5:])).get(1, b"")
    leaf = x509.load_pem_x509_certificate(pem)
    return Certificate.read(leaf.public_bytes(serialization.Encoding.DER))


def _connected(port: int, anchors: Path) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the names in it are SPIFFE IDs
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(cafile=str(anchors))
        plain = socket.create_connection((HOST, port), timeout=_WITHIN_S)
        return context.wrap_socket(plain)
    except OSError as error:
        raise NoAnswer(f"port {port}: {error}") from error


def _request(asked: Asked) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    wish = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = wish.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    texts = {1: asked.app_id, 2: asked.token, 3: asked.trust_domain, 4: NAMESPACE}
    fields = {number: text.encode() for number, text in texts.items()} | {5: csr}
    message = b"".join(_field(number, value) for number, value in fields.items() if value)
    return message + bytes([6 << 3, asked.validator])


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """Return the length-delimited fields at the start of a message, in their order."""
    found: list[tuple[int, bytes]] = []
    while message and message[0] & 7 == 2:
        length, at, shift = 0, 1, 0
        while True:
            length |= (message[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not message[at - 1] & 0x80:
                break
        found.append((message[0] >> 3, message[at : at + length]))
        message = message[at + length :]
    return found


def _headers() -> bytes:
    names = {
        ":method": "POST",
        ":scheme": "https",
        ":path": "/dapr.proto.sentry.v1.CA/SignCertificate",
        ":authority": "sentry",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in names.items()
    )


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack("!I", len(body))[1:] + struct.pack("!BBI", kind, flags, stream) + body


def _answer(connection: ssl.SSLSocket) -> bytes:
    """Return the message of the one call, empty when it ended without one."""
    answer = b""
    try:
        while True:
            kind, flags, stream, body = _received(connection)
            if kind == _SETTINGS and not flags & _ACK:
                connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
            if kind == _PING and not flags & _ACK:
                connection.sendall(_frame(_PING, _ACK, 0, body))
            if kind == _DATA and stream == 1:
                answer += body
            if stream == 1 and flags & _END_STREAM and kind in (_DATA, _HEADERS):
                return answer
            if kind == _GOAWAY or (stream == 1 and kind not in (_DATA, _HEADERS)):
                raise NoAnswer("Sentry broke off")
    except OSError as error:
        raise NoAnswer(f"Sentry: {error}") from error


def _received(connection: ssl.SSLSocket) -> tuple[int, int, int, bytes]:
    head = _exactly(connection, 9)
    kind, flags, stream = struct.unpack("!BBI", head[3:])
    return kind, flags, stream, _exactly(connection, int.from_bytes(head[:3], "big"))


def _exactly(connection: ssl.SSLSocket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        if not piece:
            raise NoAnswer("Sentry hung up")
        got += piece
    return got
