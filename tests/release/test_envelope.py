"""DSSE envelopes: the exact bytes are signed, and no byte of an envelope can be changed unseen."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from dpsynth.errors import ReleaseError
from dpsynth.keys import key_id
from dpsynth.release.documents import to_document
from dpsynth.release.envelope import Envelope, open_envelope, pre_authentication_encoding, seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()


def _verified(content: bytes) -> bool:
    try:
        return open_envelope(content, "attestation.json").signed_by(PUBLIC)
    except ReleaseError:
        return False


def test_the_encoding_is_that_of_the_specification() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pre_authentication_encoding("", b"") == b"DSSEv1 0  0 "
    assert pre_authentication_encoding("é", b"\x00 1") == b"DSSEv1 2 \xc3\xa9 3 \x00 1", "lengths are in bytes"


@settings(max_examples=200, deadline=None)
@given(st.tuples(st.text(max_size=8), st.binary(max_size=8)), st.tuples(st.text(max_size=8), st.binary(max_size=8)))
def test_no_two_payloads_are_encoded_alike(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    assert (one == other) == (pre_authentication_encoding(*one) == pre_authentication_encoding(*other))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_was_sealed_opens_as_it_was(payload: bytes, kind: str) -> None:
    envelope = open_envelope(seal(kind, payload, KEY), "attestation.json")
    assert (envelope.payload_type, envelope.payload, envelope.keyid) == (kind, payload, key_id(PUBLIC))
    assert envelope.signed_by(PUBLIC)
    assert not envelope.signed_by(Ed25519PrivateKey.generate().public_key())


def test_anybody_can_verify_it_with_the_standard_alone() -> None:
    document = json.loads(seal("some/type", b'{"a":  1}', KEY))
    payload, signature = (base64.b64decode(text) for text in (document["payload"], document["signatures"][0]["sig"]))
    PUBLIC.verify(signature, b"DSSEv1 9 some/type 9 " + payload)
    with pytest.raises(InvalidSignature):
        PUBLIC.verify(signature, payload)


def test_no_bit_of_an_envelope_can_be_flipped() -> None:
    content = seal("application/vnd.in-toto+json", b'{"subject":[{"name":"synthetic.csv"}]}', KEY)
    assert _verified(content)
    for position in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            assert not _verified(bytes(changed)), (position, bit)


def test_no_byte_can_be_added_or_left_out() -> None:
    content = seal("some/type", b"payload", KEY)
    for position in range(len(content) + 1):
        assert not _verified(content[:position] + content[position + 1 :]) or position == len(content)
        for added in (b" ", b"\n", b"0", b"="):
            assert not _verified(content[:position] + added + content[position:]), (position, added)


def _document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(seal("some/type", b"payload", KEY)), **changes}


def test_one_signature_and_no_more_is_read() -> None:
    (good,) = _document()["signatures"]
    bad = {"keyid": "0" * 64, "sig": base64.b64encode(bytes(64)).decode()}
    for signatures in ([], [good, bad], [bad, good], [good, good], good, None, "x", [None], [{"sig": good["sig"]}]):
        with pytest.raises(ReleaseError, match="one signature"):
            open_envelope(to_document(_document(signatures=signatures)), "attestation.json")
    assert not _verified(to_document(_document(signatures=[bad])))


@pytest.mark.parametrize(
    "changes",
    [
        {"payloadType": "other/type"},
        {"payloadType": 3},
        {"payload": base64.b64encode(b"other").decode()},
        {"payload": _document()["payload"].rstrip("=")},
        {"payload": "pa!yload"},
        {"payload": 7},
        {"extra": 1},
    ],
)
def test_another_payload_or_type_is_not_signed(changes: dict[str, Any]) -> None:
    assert not _verified(to_document(_document(**changes)))


def test_a_key_that_lends_its_name_does_not_verify() -> None:
    thief = Ed25519PrivateKey.generate()
    signature = thief.sign(pre_authentication_encoding("some/type", b"payload"))
    assert not Envelope("some/type", b"payload", key_id(PUBLIC), signature).signed_by(PUBLIC)
    assert not Envelope("some/type", b"payload", key_id(thief.public_key()), signature).signed_by(PUBLIC)


def test_another_implementation_agrees() -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    document = json.loads(seal("application/vnd.in-toto+json", b'{"a": 1}', KEY))
    envelope = dsse.Envelope.from_dict(json.loads(json.dumps(document)))
    key = signer.SSlibKey.from_crypto(PUBLIC, keyid=key_id(PUBLIC))
    assert envelope.pae() == pre_authentication_encoding("application/vnd.in-toto+json", b'{"a": 1}')
    assert envelope.verify([key], 1)
    envelope.payload = b'{"a": 2}'
    with pytest.raises(Exception, match=r"verified|signature|threshold"):
        envelope.verify([key], 1)
