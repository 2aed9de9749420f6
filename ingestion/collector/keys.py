"""Write keys: who may send.

``PLG_COLLECT_WRITE_KEYS`` (comma-separated). Where none is set, one is made at the first start and
kept in ``HOME/collect/write_key``, so that an installation is never open and never asks first.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from warehouse.settings import Settings


class WriteKeys:
    """The keys that may send. Comparing takes the same time whatever is sent."""

    def __init__(self, keys: Iterable[str]) -> None:
        # digests: of one length, whatever the keys' are
        self._digests = [_digest(key) for key in keys]

    def __contains__(self, key: object) -> bool:
        sent = _digest(key if isinstance(key, str) else "")
        known = False
        for digest in self._digests:  # all of them, found or not
            known |= hmac.compare_digest(sent, digest)
        return known


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def key_of_header(header: str | None) -> str | None:
    """The key in an Authorization header: user name of Basic, or a Bearer token."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        user, _, _ = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user or None


def configured_keys(settings: Settings) -> list[str]:
    """The installation's keys, at least one; makes one where none is configured."""
    keys = [key.strip() for key in settings.collect_write_keys.split(",") if key.strip()]
    return keys or [_own_key(own_key_path(settings))]


def own_key_path(settings: Settings) -> Path:
    return settings.home / "collect" / "write_key"


def _own_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if key := path.read_text().strip():
            return key
        path.unlink()
        return _own_key(path)
    key = secrets.token_urlsafe(24)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    return key
