"""Digests and storage keys are two ways to say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.blobs.layout import digest_of, storage_key
from tests.blobs.backend_contract import NOT_DIGESTS

DIGEST = "9a61081e586fae" + "0" * 50
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


def test_a_digest_is_kept_in_two_levels_of_folders() -> None:
    assert storage_key(DIGEST) == f"objects/9a/61/{DIGEST}"


@given(digests)
def test_a_storage_key_leads_back_to_its_digest(sha256: str) -> None:
    assert digest_of(storage_key(sha256)) == sha256


@pytest.mark.parametrize("name", NOT_DIGESTS)
def test_only_a_digest_has_a_storage_key(name: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        storage_key(name)


@pytest.mark.parametrize(
    "key",
    [
        "",
        DIGEST,
        f"/objects/9a/61/{DIGEST}",
        f"objects/9a/61/{DIGEST}/",
        f"objects/9a/61/{DIGEST}.tmp",
        f"objects/9a/62/{DIGEST}",
        f"objects/61/9a/{DIGEST}",
        f"objects/9a/{DIGEST}",
        f"objects/9a/61/{DIGEST.upper()}",
        f"objects/9a/61/{DIGEST}\n",
        f"other/9a/61/{DIGEST}",
    ],
)
def test_what_is_not_our_key_has_no_digest(key: str) -> None:
    assert digest_of(key) is None


@given(st.text())
def test_any_text_is_a_stranger_or_a_key_of_ours(key: str) -> None:
    sha256 = digest_of(key)
    assert sha256 is None or storage_key(sha256) == key
