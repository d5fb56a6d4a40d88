"""Transaction tokens as signed JWTs: written and read; who gets one and what it allows, elsewhere.

A token is for one step of one app-id, for minutes. It is no secret of its app-id's alone: whoever
takes one holds it against the caller that access control has proved.
"""

import secrets
import time

from pydantic import ValidationError

from quartet.contracts.base import Name
from quartet.contracts.token import Behalf, Claims, TokenGiven, Transaction
from quartet.trust.keys import Clock, Keyring, Signer
from quartet.trust.signing import NotGenuine

TYP = "txntoken+jwt"
ISSUER = "coordinator"
AUDIENCE = "quartet"
LIFE_S = 300
SKEW_S = 30.0
"""How far the clocks of two replicas may be apart."""


def write(
    signer: Signer, to: Name, step: Transaction, behalf: Behalf, clock: Clock = time.time
) -> TokenGiven:
    """Return the token of an app-id for a step."""
    now = int(clock())
    claims = Claims(
        iss=ISSUER,
        aud=AUDIENCE,
        iat=now,
        exp=now + LIFE_S,
        jti=secrets.token_hex(8),
        txn=step.task,
        sub=to,
        scope=step.skill,
        tctx=step,
        rctx=behalf,
    )
    token = signer.sign(claims.model_dump(mode="json"), TYP)
    return TokenGiven(token=token, expires_in_s=LIFE_S)


def read(token: str, keyring: Keyring) -> Claims:
    """Return the claims of a token of the coordinator that holds now; raises NotGenuine."""
    statement = keyring.verify(token, ISSUER, TYP)
    try:
        claims = Claims.model_validate(statement)
    except ValidationError as error:
        raise NotGenuine("its claims are not those of a transaction token") from error
    if (claims.iss, claims.aud) != (ISSUER, AUDIENCE):
        raise NotGenuine(f"it is of {claims.iss} for {claims.aud}")
    if claims.txn != claims.tctx.task:
        raise NotGenuine("it names two tasks")
    now = keyring.clock()
    if not claims.iat - SKEW_S <= now < claims.exp:
        raise NotGenuine("it has expired" if now >= claims.exp else "it is of the future")
    return claims
