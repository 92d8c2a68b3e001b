"""The parties of uploads in parts: begun, parts put, completed, aborted."""

from collections.abc import Iterator, Sequence

from objects_app.errors import InvalidPart, NoSuchUpload, UploadCompleted
from objects_app.models import Upload
from objects_app.queries import sql
from objects_app.queries.changes import Changed, Mark, Refused
from objects_app.queries.rows import ANYTHING
from objects_app.services import multipart, parts, uploads
from objects_app.services.objects import Description
from tests.races.actors import START, Actor, Local, Put, Step
from tests.races.histories import etag_of
from tests.races.laboratory import BY, Laboratory
from tests.races.states import (
    CONTENTS,
    DIGESTS,
    KEYS,
    Effect,
    Files,
    Rows,
)
from tests.races.tables import UPLOAD
from tests.races.transactions import Transaction, bucket

KEY = 0  # that the upload is for


def upload(*, current: bool) -> Upload:
    """Return the upload as somebody remembers it, who may remember one that is gone."""
    return Upload(
        pk=UPLOAD if current else UPLOAD + 1000,
        upload_id="upload",
        bucket_id=1,
        key=KEYS[KEY],
        content_type="text/plain",
    )


class Begin(Actor):
    """Begins an upload when there is none."""

    name = "BEGIN"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if rows.parts is not None:
            return
        outcome = lab.on_rows(
            rows,
            lambda: uploads.create_upload(
                bucket=bucket(rows.versioning),
                key=KEYS[KEY],
                protocol=Upload.Protocol.MULTIPART,
                description=Description("text/plain", {}, {}),
                by=BY,
            ),
        )
        yield Step("begin", outcome.rows, files, START, outcome.effect)


class Abort(Actor):
    """Forgets the upload and its parts."""

    name = "ABORT"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if rows.parts is None:
            return
        outcome = lab.on_rows(
            rows, lambda: uploads.abort_upload(upload=upload(current=True))
        )
        yield Step("abort", outcome.rows, files, START, outcome.effect)


class PutPart(Put):
    """Puts a part: claim, stat, write, and the commit of a part's row."""

    def __init__(self, content: int, number: int) -> None:
        super().__init__(content, KEY)
        self.name = f"PART {number}={CONTENTS[content].decode()!r}"
        self.number = number

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start" and rows.parts is None:
            return
        for step in super().steps(lab, rows, files, local):
            current = local.current if local != START else True
            kept = step.local._replace(current=current)
            yield step._replace(local=kept if step.local != START else START)

    def remember(self, local: Local, effect: Effect) -> Local:
        local = super().remember(local, effect)
        return local._replace(current=False) if effect.ended else local

    def commit(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run services.parts' commit; when its claim is void, begin again."""
        part = parts.StoredPart(
            self.number, len(CONTENTS[self.content]), DIGESTS[self.content]
        )

        def run() -> bool:
            try:
                return parts._commit(
                    upload=upload(current=local.current),
                    part=part,
                    claim=self.claimed(local),
                    wrote=local.wrote,
                    offset=None,
                )
            except (NoSuchUpload, UploadCompleted):
                return False

        outcome = lab.on_rows(rows, run)
        label = "commit" if outcome.answer else "commit in vain"
        return Step(label, outcome.rows, files, START, outcome.effect)


class Complete(Transaction):
    """Makes the parts that are there an object."""

    name = "COMPLETE"
    keys = (KEY,)

    def remember(self, local: Local, effect: Effect) -> Local:
        local = super().remember(local, effect)
        return local._replace(current=False) if effect.ended else local

    def prepare(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if rows.parts is None:
            yield Step("no upload", rows, files, START)
            return
        outcome = lab.on_rows(rows, lambda: multipart._present(upload(current=True)))
        listed = sorted(outcome.answer.values())
        if not listed:
            yield Step("no parts", rows, files, START)
            return
        after = local._replace(
            at="apply",
            contents=tuple(DIGESTS.index(part.sha256) for part in listed),
            numbers=tuple(part.number for part in listed),
            current=True,
            versioning=rows.versioning,
        )
        yield Step("list", rows, files, after)

    def send(
        self, local: Local, marks: Sequence[Mark]
    ) -> list[Changed] | Refused | None:
        of = upload(current=local.current)
        known = bucket(local.versioning)
        change = uploads.completion(
            bucket=known,
            upload=of,
            etag=etag_of(local.contents),
            size=sum(len(CONTENTS[content]) for content in local.contents),
        )._replace(versioning=local.versioning)
        listed = [
            multipart.Listed(number, DIGESTS[content])
            for number, content in zip(local.numbers, local.contents, strict=True)
        ]
        completion = multipart._Completion(known, of, listed, ANYTHING)
        try:
            return sql.apply(
                changes=[change], marks=marks, by=BY, first=completion.check
            )
        except (NoSuchUpload, UploadCompleted, InvalidPart):
            return None
