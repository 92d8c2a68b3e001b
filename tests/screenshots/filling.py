"""What a demonstration store is filled with, through the services."""

import io
import random
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone

from objects_app.access import keys
from objects_app.access.keys import Limits
from objects_app.blobs.ingest import Expected
from objects_app.http.media_types import guess
from objects_app.models import (
    AccessKey,
    Bucket,
    Grant,
    Job,
    JournalEntry,
    StoredObject,
    Upload,
)
from objects_app.queries import sql
from objects_app.queries.rows import Actor, BucketRow, Scope
from objects_app.services import buckets, grants, journal, multipart, objects, tus
from objects_app.services.buckets import NewBucket
from objects_app.services.grants import Grantee
from objects_app.services.objects import Description
from objects_app.services.prefixes import Work
from objects_app.services.tus_body import Sent
from tests.screenshots import figures
from tests.screenshots.content import File, files, landscape, table

SPAN = timedelta(days=62)
_MIB = 1024 * 1024
_OWNERS = {
    "photos": "maria",
    "documents": "jonas",
    "datasets": "aiko",
    "music": "maria",
    "website": "build-bot",
    "backups": "build-bot",
}
_chance = random.Random(6)


def fill() -> dict[str, str]:
    """Fill the store; return what the addresses of screens need."""
    began = sql.clock()
    for name in {*_OWNERS.values()}:
        User.objects.create_user(name, f"{name}@example.com")
    rows = {name: _bucket(name) for name in _OWNERS}
    for file in files():
        _put(rows[file.bucket], file)
    then = sql.clock()
    _change(rows)
    _share(rows)
    _keys()
    _uploads(rows)
    journal.fold()
    moment = _stretch(began, then)
    figures.fill(SPAN.days)
    return {"job": _jobs(rows), "at": moment.isoformat()}


def actor(name: str) -> Actor:
    """Return somebody at some address, in a request of their own."""
    return Actor(
        label=name,
        node_id=f"node-{_chance.randint(1, 3)}",
        request_id=f"{_chance.getrandbits(128):032x}",
        address=f"192.0.2.{_chance.randint(10, 40)}",
    )


def _user(name: str) -> int:
    return User.objects.get(username=name).pk


def _bucket(name: str) -> BucketRow:
    owner = _OWNERS[name]
    by = actor(owner)
    new = NewBucket(name=name, owner_id=_user(owner))
    row = buckets.create_bucket(new=new, by=by).row
    changes: dict[str, Any] = {}
    if name in {"photos", "documents", "datasets"}:
        changes["versioning"] = Bucket.Versioning.ENABLED
    if name == "website":
        changes["visibility"] = Bucket.Visibility.PUBLIC_READ
    if name == "backups":
        changes |= {"quota_bytes": 64 * _MIB, "quota_objects": 30}
    return buckets.change_bucket(bucket=row, changes=changes, by=by)


def _put(row: BucketRow, file: File) -> None:
    owner = _OWNERS[row.name]
    pictures = file.key.endswith(".png")
    objects.put_object(
        bucket=row,
        key=file.key,
        stream=io.BytesIO(file.body),
        length=len(file.body),
        expected=Expected(),
        description=Description(
            guess(file.key),
            {},
            {"camera": "X100V"} if pictures else {},
            {"project": "north", "year": "2026"} if pictures else {},
        ),
        readable=Scope.of_owner(_user(owner)),
        by=actor(owner),
    )


def _change(rows: dict[str, BucketRow]) -> None:
    """Do what a restore would undo, and give one object several versions."""
    photos = rows["photos"]
    for number in (3, 4):
        key = f"2025/iceland/IMG_{2000 + (1 + number) * 7}.png"
        objects.delete_object(bucket=photos, key=key, by=actor("jonas"))
    for key, seed in (
        ("2025/iceland/panorama.png", 19),
        ("2025/iceland/panorama.png", 23),
        ("2025/iceland/IMG_2014.png", 31),
        ("2025/iceland/edited/IMG_2014-print.png", 31),
    ):
        _put(photos, File("photos", key, landscape(seed, 960, 540)))
    for rows_of_it in (410, 420):
        _put(rows["datasets"], File("datasets", "stations.csv", table(1, rows_of_it)))


def _share(rows: dict[str, BucketRow]) -> None:
    group = Group.objects.create(name="field-team")
    group.user_set.set(User.objects.filter(username__in=("jonas", "aiko")))
    for bucket, grantee, role, prefix in (
        ("photos", Grantee(None, "field-team"), "reader", ""),
        ("photos", Grantee("jonas", None), "writer", "2026/"),
        ("datasets", Grantee("build-bot", None), "writer", "pipeline/"),
    ):
        grants.put_grant(
            bucket=rows[bucket],
            grantee=grantee,
            role=role,
            prefix=prefix,
            by=actor(_OWNERS[bucket]),
        )


def _keys() -> None:
    chief = _user("chief")
    for label, limits in (
        ("laptop", Limits()),
        ("nightly backup", Limits(only_bucket="backups", only_prefix="nightly/")),
        ("report reader", Limits(seconds=90 * 86400, read_only=True)),
    ):
        keys.create_key(user_id=chief, label=label, limits=limits, by=actor("chief"))


def _uploads(rows: dict[str, BucketRow]) -> None:
    plain = Description("application/octet-stream", {}, {}, {})
    for key, arrived in (("2026/alps/summit.mov", 3), ("2026/alps/drone.mov", 1)):
        length = 8 * _MIB
        made = tus.create_upload(
            bucket=rows["photos"],
            key=key,
            length=length,
            description=plain,
            by=actor("maria"),
        )
        body = _chance.randbytes(arrived * _MIB)
        sent = Sent(stream=io.BytesIO(body), offset=0, declared=len(body))
        tus.append(upload=made, bucket=rows["photos"], sent=sent, by=actor("maria"))
    made = multipart.create_upload(
        bucket=rows["photos"],
        key="archive/2024.tar",
        description=plain,
        by=actor("build-bot"),
    )
    for number in (1, 2, 3):
        body = _chance.randbytes(_MIB)
        multipart.put_part(
            bucket=rows["photos"],
            upload=made,
            number=number,
            stream=io.BytesIO(body),
            length=len(body),
            expected=Expected(),
        )


def _jobs(rows: dict[str, BucketRow]) -> str:
    """Leave jobs in every state; return the id of the one that runs."""
    now = timezone.now()
    photos, backups, datasets = (rows[n] for n in ("photos", "backups", "datasets"))
    at = (now - timedelta(days=9)).isoformat()
    made = [
        _job("copy", Work(photos, "2024/", backups, "photos-2024/"), "maria", "done"),
        _job("delete", Work(backups, "nightly/2025-"), "build-bot", "done"),
        _job(
            "move", Work(datasets, "raw/", datasets, "archive/raw/"), "aiko", "failed"
        ),
        _job("delete", Work(datasets, "scratch/"), "aiko", "cancelled"),
        _job("restore", Work(photos, "2023/", at=at), "maria", "running"),
        _job("copy", Work(datasets, "readings/", backups, "r/"), "jonas", "queued"),
    ]
    for hours, job in zip((170, 90, 30, 6, 0.2, 0.1), made, strict=True):
        begun = now - timedelta(hours=hours)
        ended = job.state not in {"running", "queued"}
        Job.objects.filter(pk=job.pk).update(
            created_at=begun,
            started_at=None if job.state == "queued" else begun,
            finished_at=begun + timedelta(minutes=4) if ended else None,
        )
    return made[-2].job_id


def _job(kind: str, work: Work, name: str, state: str) -> Job:
    total = _chance.randint(12, 90) * 1000 + _chance.randint(0, 999)
    share = {"done": 1.0, "queued": 0.0}.get(state, _chance.uniform(0.2, 0.8))
    failed = state == "failed"
    return Job.objects.create(
        job_id=f"{_chance.getrandbits(128):032x}",
        kind=kind,
        state=state,
        user_id=_user(name),
        bucket_id=work.source.id,
        target_bucket_id=work.target and work.target.id,
        parameters=work.parameters(),
        actor=list(actor(name)),
        keys_total=total,
        keys_done=int(total * share),
        problem="The bucket may hold 30 objects: delete some, or ask for more."
        if failed
        else "",
        error="QuotaExceeded" if failed else "",
    )


def _stretch(began: datetime, then: datetime) -> datetime:
    """Spread what happened within seconds over SPAN, in the same order, more and more
    often; return when `then` was."""
    ended = sql.clock()
    whole = ended - began

    def earlier(moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        if moment > ended:
            return moment
        ago: timedelta = SPAN * ((ended - moment) / whole) ** 1.5
        return ended - timedelta(minutes=3, microseconds=1) - ago

    for model, names in _TIMES.items():
        rows = list(model._default_manager.all())
        for row in rows:
            for name in names:
                setattr(row, name, earlier(getattr(row, name)))
        model._default_manager.bulk_update(rows, names)
    moved = earlier(then)
    assert moved is not None
    return moved


_TIMES: dict[type[Model], tuple[str, ...]] = {
    Bucket: ("created_at", "versioned_since"),
    StoredObject: ("created_at", "superseded_at"),
    JournalEntry: ("created_at",),
    Upload: ("created_at",),
    Grant: ("created_at",),
    AccessKey: ("created_at",),
    User: ("date_joined",),
}
