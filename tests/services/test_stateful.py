"""The services against a simple model: any sequence of calls, versions and time, too.

STATEFUL_EXAMPLES sequences are tried; the few of every run are the same each time, more
are random ones.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis
from hypothesis.stateful import (
    invariant,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from objects_app.errors import (
    NotVersioned,
)
from objects_app.queries import history, reads, sql
from objects_app.services import (
    journal,
    listing,
    objects,
    sweep,
    versions,
)
from tests.services.machine import KEYS, choices, key_names, refused
from tests.services.machine_of_many import ManyKeys

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "12"))
FEW = "STATEFUL_EXAMPLES" not in os.environ
STEPS = 25


class Services(ManyKeys):
    """Changes, looks, and compares with the model."""

    @rule()
    def tidy_up(self) -> None:
        """Sweep without grace, and fold the journal: nobody may notice."""
        sweep.sweep(grace_seconds=0)
        journal.fold()

    @rule()
    def remember_the_time(self) -> None:
        self.moments.append(sql.clock())

    # What must be so

    @rule(choice=choices)
    def look_back(self, choice: int) -> None:
        moment = self.moments[choice % len(self.moments)]
        bucket = self.bucket()
        if not self.model.has_past(moment):
            refused(NotVersioned, lambda: listing.list_bucket(bucket=bucket, at=moment))
            return
        page = listing.list_bucket(bucket=bucket, at=moment)
        then = {key: self.model.visible_at(key, moment) for key in KEYS}
        assert [(one.key, one.version_id, one.etag) for one in page.entries] == [
            (key, version.version_id, version.etag)
            for key, version in then.items()
            if version is not None
        ]
        for key, version in then.items():
            found = history.find_at(self.name, key, moment)
            row = found[1] if found else None
            if row is not None and row.is_delete_marker:
                row = None
            assert (row and row.version_id) == (version and version.version_id)

    @rule(key=key_names)
    def read(self, key: str) -> None:
        for version in self.model.keys.get(key, []):
            assert version.version_id is not None
            found = history.find_version(self.name, key, version.version_id)
            assert found is not None
            row = found[1]
            assert row is not None
            assert row.is_delete_marker == version.is_marker
            assert row.created_at == version.created_at
            if version.is_marker:
                continue
            assert (row.etag, row.content_type, row.metadata, row.tags) == (
                version.etag,
                version.content_type,
                version.metadata,
                version.tags,
            )
            with objects.open_bytes(row=row) as file:
                assert file.read() == version.body

    @invariant()
    def everything_is_listed_as_the_model_has_it(self) -> None:
        page = versions.list_versions(bucket=self.bucket())
        assert [
            (
                one.entry.key,
                one.entry.version_id,
                one.entry.created_at,
                one.entry.etag,
                one.is_latest,
                one.is_delete_marker,
            )
            for one in page.entries
        ] == [
            (
                key,
                one.version_id,
                one.created_at,
                one.etag,
                place == 0,
                one.is_marker,
            )
            for key in sorted(self.model.keys)
            for place, one in enumerate(reversed(self.model.keys[key]))
        ]

    @invariant()
    def objects_are_listed_and_counted_as_the_model_has_them(self) -> None:
        bucket = self.bucket()
        page = listing.list_bucket(bucket=bucket)
        present = [(key, self.model.visible(key)) for key in KEYS]
        assert [(one.key, one.etag, one.size) for one in page.entries] == [
            (key, one.etag, len(one.body or b""))
            for key, one in present
            if one is not None
        ]
        assert reads.bucket_totals(bucket.id) == self.model.totals()


@pytest.mark.django_db
def test_any_sequence_of_calls_does_what_the_model_says(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 0
    run_state_machine_as_test(Services, settings=CALLS)


CALLS = hypothesis(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=FEW,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
