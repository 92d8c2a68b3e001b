"""Users as operators name them."""

from django.contrib.auth.models import User

from objects_app.errors import InvalidArgument


def user_named(username: str) -> int:
    """Return the user's id. Raises InvalidArgument when there is none of the name."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise InvalidArgument(
            f"There is no user {username}: add one at /admin/auth/user/ first."
        )
    return int(user.pk)


def owner_named(username: str | None) -> int | None:
    """Return the id of the owner of new buckets, None for nobody.

    Raises InvalidArgument.
    """
    return None if username is None else user_named(username)
