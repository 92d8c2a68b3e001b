"""What somebody who is new here has done already."""

from typing import NamedTuple

from objects_app.models import AccessKey, JournalEntry

_LOOKED_AT = 1000


class Done(NamedTuple):
    """Whether a user has ever shared an object by a link, and made an access key."""

    shared: bool
    key: bool


def done_by(*, user_id: int, label: str) -> Done:
    """Return what a user has done; of links the store's newest thousand are looked at,
    however many there are."""
    links = JournalEntry.objects.filter(operation=JournalEntry.Operation.PRESIGN)
    newest = links.order_by("-created_at", "-id").values("actor")[:_LOOKED_AT]
    return Done(
        shared=any(link["actor"] == label for link in newest),
        key=AccessKey.objects.filter(user_id=user_id).exists(),
    )
