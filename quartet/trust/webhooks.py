"""Signatures of webhooks that leave (Standard Webhooks, HMAC-SHA256); keys are arguments."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from quartet.trust.signing import NotGenuine

WITHIN = timedelta(minutes=5)


def headers_of(key: bytes, message: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that sign a message: its id, its moment, and the signature over all."""
    moment = str(int(now.timestamp()))
    return {
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{_signature(key, message, moment, body)}",
    }


def check(key: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the id of a genuine message, as its receiver does; raises NotGenuine."""
    message, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    wanted = f"v1,{_signature(key, message, moment, body)}"
    given = headers.get("webhook-signature", "").split(" ")
    if not message or not any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given):
        raise NotGenuine("the signature is false")
    if not moment.isdigit() or abs(now.timestamp() - int(moment)) > WITHIN.total_seconds():
        raise NotGenuine("it is not of now")
    return message


def _signature(key: bytes, message: str, moment: str, body: bytes) -> str:
    signed = f"{message}.{moment}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
