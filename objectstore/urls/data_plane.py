"""Paths of the data plane, matched loosely: names are read from the raw path.

Django's decoded path cannot tell every key apart, so patterns only choose the view.
"""

from django.urls import re_path

from objects_app.rest import (
    buckets,
    grants,
    health,
    keys,
    listing,
    multipart,
    objects,
    presign,
    root,
    tokens,
    tus,
)

urlpatterns = [
    re_path(r"(?s)^buckets/[^/]*/objects(?:/.*)?\Z", objects.stored_object),
    re_path(r"^\Z", root.root),
    re_path(r"^healthz\Z", health.healthz),
    re_path(r"^readyz\Z", health.readyz),
    re_path(r"^objects\Z", listing.object_list),
    re_path(r"^buckets\Z", buckets.bucket_list),
    re_path(r"^buckets/[^/]*/grants\Z", grants.bucket_grants),
    re_path(r"^multipart/?\Z", multipart.multipart_uploads),
    re_path(r"^multipart/[^/]+\Z", multipart.multipart_upload),
    re_path(r"^multipart/[^/]+/complete\Z", multipart.multipart_completion),
    re_path(r"^multipart/[^/]+/[0-9]+\Z", multipart.multipart_part),
    re_path(r"^presign\Z", presign.presign),
    re_path(r"^auth/me\Z", keys.me),
    re_path(r"^auth/token\Z", tokens.token),
    re_path(r"^auth/keys\Z", keys.access_keys),
    re_path(r"^auth/keys/[^/]+\Z", keys.access_key),
    re_path(r"^tus/\Z", tus.uploads),
    re_path(r"^tus/[^/]+\Z", tus.upload),
    re_path(r"(?s)^buckets/[^/]*\Z", buckets.bucket),
]
