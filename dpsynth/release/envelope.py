"""DSSE envelopes: bytes with a type and an Ed25519 signature over exactly these bytes.

Source: Dead Simple Signing Envelope, protocol and envelope, version 1 (github.com/secure-systems-lab/dsse).
Read more strictly than the protocol asks: one signature, one spelling, so that no byte of an envelope can
be changed without notice.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpsynth.errors import ReleaseError
from dpsynth.keys import key_id
from dpsynth.release.documents import parse_document, to_document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True)
class Envelope:
    """What an envelope holds: payload and its type, a signature, and the name of the key that is said to be behind it.

    Nothing of it is to be believed before `signed_by` has said yes.
    """

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether `key` signed exactly this payload as exactly this type."""
        from cryptography.exceptions import InvalidSignature

        if self.keyid != key_id(key):
            return False
        try:
            key.verify(self.signature, pre_authentication_encoding(self.payload_type, self.payload))
        except InvalidSignature:
            return False
        return True


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's PAE of a type and a payload.

    >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The envelope of a payload, signed, as the bytes of its JSON file."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return _spelled(Envelope(payload_type, payload, key_id(key.public_key()), signature))


def open_envelope(content: bytes, name: str) -> Envelope:
    """The envelope in the bytes of a JSON file; `name` is that of the file, for messages.

    Raises ReleaseError unless it holds one signature and is spelled as `seal` spells it.
    """
    document = parse_document(content, name)
    try:
        (signature,) = document["signatures"]
        envelope = Envelope(
            payload_type=_text(document["payloadType"]),
            payload=_decoded(document["payload"]),
            keyid=_text(signature["keyid"]),
            signature=_decoded(signature["sig"]),
        )
    except (KeyError, TypeError, ValueError):
        raise ReleaseError(f"{name} must be a DSSE envelope with one signature; got something else") from None
    if _spelled(envelope) != content:
        raise ReleaseError(f"{name} must be spelled as it was written; got changed or added characters")
    return envelope


def _spelled(envelope: Envelope) -> bytes:
    return to_document(
        {
            "payload": _encoded(envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": [{"keyid": envelope.keyid, "sig": _encoded(envelope.signature)}],
        }
    )


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(_text(text), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
