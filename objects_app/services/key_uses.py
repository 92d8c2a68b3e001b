"""When access keys were last used: noted in memory, written in batches.

A request must not wait for such a write, so what a process noted since its last flush
is lost when it is killed.
"""

import time
from datetime import timedelta
from threading import Lock

from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models import AccessKey

_lock = Lock()
_used: dict[str, float] = {}


def note(key_id: str) -> None:
    """Remember that a key was used just now."""
    _used[key_id] = time.monotonic()


def flush() -> None:
    """Write what was noted since the last time, unless another node saw a later use."""
    with _lock:
        noted = dict(_used)
        for key_id, used in noted.items():
            moment = Now() - timedelta(seconds=time.monotonic() - used)
            keys = AccessKey.objects.filter(key_id=key_id)
            keys.filter(
                Q(last_used_at__isnull=True) | Q(last_used_at__lt=moment)
            ).update(last_used_at=moment)
            if _used.get(key_id) == used:
                del _used[key_id]
