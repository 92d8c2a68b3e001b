"""Values of SECRET_KEY, before and after it was changed."""

from pytest_django import Settings

OLD = "the-former-value-of-the-secret-key-0123456789"
NEW = "the-present-value-of-the-secret-key-9876543210"


def rotate(settings: Settings, *, keep_old: bool = True) -> None:
    """Put NEW in the place of OLD, which stays readable or not."""
    settings.SECRET_KEY = NEW
    settings.SECRET_KEY_FALLBACKS = [OLD] if keep_old else []
