import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.blobs.ingest import Expected
from objects_app.errors import DigestMismatch, InvalidArgument
from objects_app.http.digests import expected_digests, repr_digest

RAW = hashlib.sha256(b"Hello").digest()
B64 = base64.b64encode(RAW).decode()
OTHER = base64.b64encode(bytes(32)).decode()
SHA512 = base64.b64encode(bytes(64)).decode()
MD5 = bytes(range(16))


def test_nothing_is_expected_without_digests() -> None:
    assert expected_digests({}) == Expected(sha256=None, md5=None)


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize(
    "value",
    [
        f"sha-256=:{B64}:",
        f"sha-512=:{SHA512}:, sha-256=:{B64}:",
        f"sha-256=:{B64}: \t,\tunixsum=:AQI=:",
        f"sha-256=:{B64.rstrip('=')}:",
        f'sha-256=:{B64}:;a;b=1;c="x,y";d=?0; e=tok/en, crc32c=::',
        f"sha-256=:{OTHER}:, sha-256=:{B64}:",
        f" sha-256=:{B64}: ",
    ],
)
def test_sha_256_is_read_from_a_dictionary(name: str, value: str) -> None:
    assert expected_digests({name: value}) == Expected(sha256=RAW.hex())


@pytest.mark.parametrize("value", ["", " ", f"sha-512=:{SHA512}:", "md5=:AA==:"])
def test_other_algorithms_are_ignored(value: str) -> None:
    assert expected_digests({"Content-Digest": value}) == Expected()


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize(
    "value",
    [
        B64,
        f"sha-256={B64}",
        f"SHA-256=:{B64}:",
        f"sha-256:{B64}:",
        f"sha-256=:{B64}:,",
        f",sha-256=:{B64}:",
        f"sha-256=:{B64}: sha-512=:{SHA512}:",
        f"sha-256 = :{B64}:",
        f"sha-256=:{B64}",
        "sha-256",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:A:",
        "sha-256=:=AAA:",
        f"sha-256=:{SHA512}:",
        f"sha-256=:{B64.replace('=', '-')}:",
        "unixsum=30637",
    ],
)
def test_a_malformed_dictionary_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        expected_digests({name: value})


def test_x_content_sha256_is_hexadecimal() -> None:
    found = expected_digests({"X-Content-SHA256": RAW.hex().upper()})
    assert found == Expected(sha256=RAW.hex())


@pytest.mark.parametrize("value", ["", "00", "g" * 64, RAW.hex() + "00", B64])
def test_x_content_sha256_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="X-Content-SHA256"):
        expected_digests({"X-Content-SHA256": value})


def test_content_md5_is_base64_of_16_bytes() -> None:
    value = base64.b64encode(MD5).decode()
    assert expected_digests({"Content-MD5": value}) == Expected(md5=MD5)


@pytest.mark.parametrize("value", ["", "AA==", MD5.hex(), "?" * 24, "é" * 24, B64])
def test_content_md5_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="Content-MD5"):
        expected_digests({"Content-MD5": value})


def test_digests_that_agree_are_one() -> None:
    headers = {
        "Content-Digest": f"sha-256=:{B64}:",
        "Repr-Digest": f"sha-256=:{B64}:",
        "X-Content-SHA256": RAW.hex(),
        "Content-MD5": base64.b64encode(MD5).decode(),
    }
    assert expected_digests(headers) == Expected(sha256=RAW.hex(), md5=MD5)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Digest": f"sha-256=:{B64}:", "Repr-Digest": f"sha-256=:{OTHER}:"},
        {"Content-Digest": f"sha-256=:{OTHER}:", "X-Content-SHA256": RAW.hex()},
    ],
)
def test_digests_that_contradict_each_other_are_a_mismatch(
    headers: dict[str, str],
) -> None:
    with pytest.raises(DigestMismatch):
        expected_digests(headers)


def test_repr_digest_is_base64_between_colons() -> None:
    assert repr_digest(RAW.hex()) == f"sha-256=:{B64}:"


@given(st.binary(min_size=32, max_size=32))
def test_a_repr_digest_that_was_served_can_be_sent_back(digest: bytes) -> None:
    headers = {"Repr-Digest": repr_digest(digest.hex())}
    assert expected_digests(headers).sha256 == digest.hex()


@given(st.text(alphabet=st.sampled_from('sha-256=:;, "AQ\\?1'), max_size=25))
def test_any_text_is_a_digest_nothing_or_refused(text: str) -> None:
    try:
        found = expected_digests({"Content-Digest": text})
    except InvalidArgument:
        return
    assert found == Expected()
