"""A bucket as S3's rules have it, in a few lists, to hold the services against."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from objects_app.queries.rows import Preconditions


@dataclass
class Version:
    """A version; `body` is None of a delete marker. `version_id` and `created_at` are
    None until the store has told them."""

    body: bytes | None
    etag: str = ""
    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    version_id: str | None = None
    created_at: datetime | None = None

    @property
    def is_marker(self) -> bool:
        """Whether it hides the key."""
        return self.body is None

    def looks_like(self, other: "Version") -> bool:
        """Whether a client could not tell the two apart but by id and time."""
        return (self.etag, self.content_type, self.metadata, self.tags) == (
            other.etag,
            other.content_type,
            other.metadata,
            other.tags,
        )

    def copied(self, metadata: dict[str, str] | None = None) -> "Version":
        """Return a new version of the same content, described anew if so asked."""
        new = replace(self, version_id=None, created_at=None)
        return deepcopy(new if metadata is None else replace(new, metadata=metadata))


class Model:
    """One bucket: each key's versions, oldest first."""

    def __init__(self) -> None:
        self.versioning = "off"
        self.since: datetime | None = None
        self.keys: dict[str, list[Version]] = {}

    def snapshot(self) -> Self:
        """Return a copy to work on."""
        return deepcopy(self)

    def latest(self, key: str) -> Version | None:
        """Return the version that counts, which may be a delete marker."""
        versions = self.keys.get(key)
        return versions[-1] if versions else None

    def visible(self, key: str) -> Version | None:
        """Return the object that a GET finds."""
        latest = self.latest(key)
        return None if latest is None or latest.is_marker else latest

    def visible_at(self, key: str, moment: datetime) -> Version | None:
        """Return the object that a GET found then."""
        began = [
            version
            for version in self.keys.get(key, [])
            if version.created_at is not None and version.created_at <= moment
        ]
        return began[-1] if began and not began[-1].is_marker else None

    def find(self, key: str, version_id: str) -> Version | None:
        """Return a version by its id."""
        found = (v for v in self.keys.get(key, []) if v.version_id == version_id)
        return next(found, None)

    def allows(self, key: str, conditions: Preconditions) -> bool:
        """Whether the conditions hold for what a GET finds."""
        present = self.visible(key)
        return conditions.hold(
            etag=present.etag if present else None,
            modified=present.created_at if present else None,
        )

    def has_past(self, moment: datetime) -> bool:
        """Whether there were versions then."""
        return self.since is not None and self.since <= moment

    def add(self, key: str, new: Version, *, keeps_null: bool = False) -> None:
        """Make a version, or a delete marker, the latest."""
        versions = self.keys.setdefault(key, [])
        if self.versioning == "off":
            versions.clear()
        elif self.versioning == "suspended" and not keeps_null:
            versions[:] = [one for one in versions if one.version_id != "null"]
        if self.versioning != "enabled" and not keeps_null:
            new.version_id = "null"
        versions.append(new)

    def delete(self, key: str) -> None:
        """Do what a DELETE of a key does that has an object."""
        if self.versioning == "off":
            del self.keys[key]
        else:
            self.add(key, Version(None))

    def remove(self, key: str, version_id: str) -> None:
        """Remove one version for good."""
        kept = [one for one in self.keys[key] if one.version_id != version_id]
        if kept:
            self.keys[key] = kept
        else:
            del self.keys[key]

    def restore(self, prefix: str, moment: datetime) -> int:
        """Make a prefix what it was; return how many keys changed."""
        changed = 0
        for key in [key for key in self.keys if key.startswith(prefix)]:
            now, then = self.visible(key), self.visible_at(key, moment)
            if then is not None and (now is None or not then.looks_like(now)):
                self.add(key, then.copied(), keeps_null=True)
                changed += 1
            elif then is None and now is not None:
                self.add(key, Version(None), keeps_null=True)
                changed += 1
        return changed

    def totals(self) -> tuple[int, int]:
        """Return how many versions are objects, and how many bytes they have."""
        bodies = [one.body for versions in self.keys.values() for one in versions]
        sizes = [len(body) for body in bodies if body is not None]
        return len(sizes), sum(sizes)
