"""Paths of the data plane, matched loosely: names are read from the raw path.

Django's decoded path cannot tell every key apart, so patterns only choose the view.
"""

from django.urls import re_path

from objects_app.rest import (
    archive,
    batch,
    buckets,
    copies,
    grants,
    health,
    jobs,
    keys,
    listing,
    multipart,
    objects,
    presign,
    restore,
    root,
    search,
    tokens,
    tus,
    versions,
)
from objects_app.rest.openapi import view as openapi

urlpatterns = [
    re_path(r"(?s)^buckets/[^/]*/objects(?:/.*)?\Z", objects.stored_object),
    re_path(r"^\Z", root.root),
    re_path(r"^healthz\Z", health.healthz),
    re_path(r"^readyz\Z", health.readyz),
    re_path(r"^openapi\.json\Z", openapi.description),
    re_path(r"^objects\Z", listing.object_list),
    re_path(r"^archive\Z", archive.prefix_archive),
    re_path(r"^versions\Z", versions.version_list),
    re_path(r"^search\Z", search.search),
    re_path(r"^buckets\Z", buckets.bucket_list),
    re_path(r"^buckets/[^/]*/grants\Z", grants.bucket_grants),
    re_path(r"^multipart/?\Z", multipart.multipart_uploads),
    re_path(r"^multipart/[^/]+\Z", multipart.multipart_upload),
    re_path(r"^multipart/[^/]+/complete\Z", multipart.multipart_completion),
    re_path(r"^multipart/[^/]+/[0-9]+\Z", multipart.multipart_part),
    re_path(r"^copy\Z", copies.copy),
    re_path(r"^move\Z", copies.move),
    re_path(r"^delete\Z", copies.delete),
    re_path(r"^batch\Z", batch.batch),
    re_path(r"^jobs\Z", jobs.job_list),
    re_path(r"^jobs/[^/]+\Z", jobs.job),
    re_path(r"^buckets/[^/]*/restore\Z", restore.bucket_restore),
    re_path(r"^presign\Z", presign.presign),
    re_path(r"^auth/me\Z", keys.me),
    re_path(r"^auth/token\Z", tokens.token),
    re_path(r"^auth/keys\Z", keys.access_keys),
    re_path(r"^auth/keys/[^/]+\Z", keys.access_key),
    re_path(r"^tus/\Z", tus.uploads),
    re_path(r"^tus/[^/]+\Z", tus.upload),
    re_path(r"(?s)^buckets/[^/]*\Z", buckets.bucket),
]
