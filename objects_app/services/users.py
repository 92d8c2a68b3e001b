"""Users as operators name them."""

from django.contrib.auth.models import User
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.names import is_storable


def find_user(username: str) -> User | None:
    """Return the user of that name; None for a name that nobody could have, too."""
    if not is_storable(username):
        return None
    return User.objects.filter(username=username).first()


def user_named(username: str) -> int:
    """Return the user's id. Raises InvalidArgument when there is none of the name."""
    user = find_user(username)
    if user is None:
        raise InvalidArgument(
            gettext_noop("There is no user %(username)s: add one at /ui/users/ first."),
            username=username,
        )
    return int(user.pk)


def owner_named(username: str | None) -> int | None:
    """Return the id of the owner of new buckets, None for nobody.

    Raises InvalidArgument.
    """
    return None if username is None else user_named(username)


def name_of(user_id: int | None) -> str:
    """Return the user's name, "" for nobody."""
    if user_id is None:
        return ""
    return User.objects.get(pk=user_id).get_username()
