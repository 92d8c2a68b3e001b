import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from objects_app.access.sealing import (
    SecretUnreadable,
    derive,
    is_current,
    seal,
    unseal,
)
from tests.access.keys import NEW, OLD, rotate

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(autouse=True)
def _before_the_change(settings: Settings) -> None:
    settings.SECRET_KEY = OLD
    settings.SECRET_KEY_FALLBACKS = []


@given(secret=texts, about=texts)
def test_every_secret_comes_back(secret: str, about: str) -> None:
    assert unseal(seal(secret, about=about), about=about) == secret


def test_the_text_names_version_and_key_and_is_url_safe() -> None:
    version, kid, locked = seal(SECRET, about="alice").split(".")

    assert version == "v1"
    assert kid == derive("access key")[0].kid
    assert locked.replace("-", "").replace("_", "").isalnum()


def test_the_same_secret_is_never_sealed_alike() -> None:
    assert seal(SECRET, about="alice") != seal(SECRET, about="alice")


def test_a_seal_does_not_open_for_another_row() -> None:
    sealed = seal(SECRET, about="alice")

    with pytest.raises(SecretUnreadable):
        unseal(sealed, about="bob")


@pytest.mark.parametrize("at", range(0, 98, 7))
def test_a_changed_character_opens_nothing(at: int) -> None:
    sealed = seal(SECRET, about="alice")
    changed = sealed[:at] + ("B" if sealed[at] == "A" else "A") + sealed[at + 1 :]

    with pytest.raises(SecretUnreadable):
        unseal(changed, about="alice")


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        SECRET,
        "v1",
        "v1..",
        "v1.000000000000.AAAA",
        "v2.{kid}.AAAA",
        "v1.{kid}.",
        "v1.{kid}.A",
        "v1.{kid}.AAAA",
        "v1.{kid}.AA==",
    ],
)
def test_what_is_no_seal_opens_nothing(sealed: str) -> None:
    with pytest.raises(SecretUnreadable):
        unseal(sealed.format(kid=derive("access key")[0].kid), about="alice")


def test_a_cut_seal_opens_nothing() -> None:
    sealed = seal(SECRET, about="alice")

    for length in range(len(sealed)):
        with pytest.raises(SecretUnreadable):
            unseal(sealed[:length], about="alice")


def test_a_seal_under_the_former_key_still_opens(settings: Settings) -> None:
    sealed = seal(SECRET, about="alice")

    rotate(settings)

    assert unseal(sealed, about="alice") == SECRET


def test_only_a_seal_under_the_present_key_is_current(settings: Settings) -> None:
    sealed = seal(SECRET, about="alice")
    assert is_current(sealed)

    rotate(settings)

    assert not is_current(sealed)
    assert is_current(seal(unseal(sealed, about="alice"), about="alice"))
    assert not is_current("no seal")


def test_a_seal_outlives_a_forgotten_key_as_unreadable(settings: Settings) -> None:
    sealed = seal(SECRET, about="alice")

    rotate(settings, keep_old=False)

    with pytest.raises(SecretUnreadable, match="SECRET_KEY_FALLBACKS"):
        unseal(sealed, about="alice")


def test_a_new_seal_survives_the_end_of_the_former_key(settings: Settings) -> None:
    rotate(settings)
    sealed = seal(SECRET, about="alice")

    rotate(settings, keep_old=False)

    assert unseal(sealed, about="alice") == SECRET


def test_each_purpose_has_keys_of_its_own() -> None:
    made = [derive(purpose)[0] for purpose in ("access key", "token", "presign")]

    assert len({key.key for key in made}) == 3
    assert len({key.kid for key in made}) == 3
    assert all(len(key.key) == 32 for key in made)


def test_all_nodes_and_versions_derive_the_same_keys() -> None:
    """A change here would make every kept secret unreadable."""
    made = derive("access key")[0]

    assert made.kid == "ee2cc37c68c2"
    assert made.key.hex() == (
        "4c540165da3150af795080a9e4f02849953996ba4468fff233ebbcbdb1e83de8"
    )


def test_the_present_key_comes_first(settings: Settings) -> None:
    [old] = derive("token")

    rotate(settings)

    first, second = derive("token")
    assert second == old
    assert first != old


def test_a_fallback_that_repeats_the_present_key_counts_once(
    settings: Settings,
) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD, NEW, NEW]

    assert len(derive("token")) == 2


def test_a_secret_key_in_bytes_is_the_same_as_in_text(settings: Settings) -> None:
    in_text = derive("token")

    settings.SECRET_KEY = OLD.encode()

    assert derive("token") == in_text


def test_no_secret_shows_in_texts_errors_or_logs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    key = derive("access key")[0]
    sealed = seal(SECRET, about="alice")
    unseal(sealed, about="alice")
    with pytest.raises(SecretUnreadable) as refused:
        unseal(sealed, about="bob")

    shown = [repr(key), str(key), sealed, caplog.text]
    shown += traceback.format_exception(refused.value)
    for secret in (SECRET, OLD, key.key.hex(), repr(key.key)):
        assert not any(secret in text for text in shown)
