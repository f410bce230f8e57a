"""OpenID Connect parts: the signing key, the id token and the user who connects.

Intuit: id tokens are RS256, `aud` is a list and `realmid` a claim (discovery document, qbo.md section 1.1).
"""

from __future__ import annotations

import base64
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulators.intuit.store import Store

USER = {
    "sub": "a4f1c0de-0000-4000-8000-000000000001",
    "email": "books@northgate.example",
    "emailVerified": True,
    "givenName": "Dana",
    "familyName": "Whitfield",
}
KEY_ID = "emulator-key-1"


def id_token(store: Store, issuer: str, client: str, realm: str) -> str:
    now = int(store.now())
    claims: dict[str, Any] = {
        "sub": USER["sub"],
        "aud": [client],
        "realmid": realm,
        "iss": issuer,
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
    }
    return jwt.encode(claims, _key(store), algorithm="RS256", headers={"kid": KEY_ID})


def key_set(store: Store) -> dict[str, Any]:
    """The public key, as the jwks_uri serves it."""
    numbers = _key(store).public_key().public_numbers()
    key = {
        "kty": "RSA",
        "e": _encoded(numbers.e),
        "n": _encoded(numbers.n),
        "kid": KEY_ID,
        "use": "sig",
        "alg": "RS256",
    }
    return {"keys": [key]}


def _key(store: Store) -> rsa.RSAPrivateKey:
    """Made once and kept, so that tokens stay valid over a restart."""
    with store.ledger.writing():
        kept = store.ledger.setting("signing_key", "")
        if kept:
            loaded = serialization.load_pem_private_key(kept.encode(), password=None)
            if isinstance(loaded, rsa.RSAPrivateKey):
                return loaded
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        text = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        store.ledger.set_setting("signing_key", text.decode())
        return made


def _encoded(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
