"""What an entry of the journal says, as a person would."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from objects_app.models import JournalEntry

# By models.JournalEntry.Operation: the icon, what it is called, and who did what.
KINDS = {
    "create_bucket": ("database", _("Bucket made"), _("{who} made bucket {what}")),
    "delete_bucket": ("trash-2", _("Bucket deleted"), _("{who} deleted bucket {what}")),
    "change_bucket": (
        "settings",
        _("Bucket changed"),
        _("{who} changed bucket {what}"),
    ),
    "put": ("upload", _("Upload"), _("{who} uploaded {what}")),
    "delete": ("trash-2", _("Deletion"), _("{who} deleted {what}")),
    "copy": ("copy", _("Copy"), _("{who} copied to {what}")),
    "move": ("folder-input", _("Move"), _("{who} moved {what}")),
    "restore": ("history", _("Restore"), _("{who} restored {what}")),
    "change_object": (
        "pencil",
        _("Description changed"),
        _("{who} described {what} anew"),
    ),
    "delete_version": (
        "trash-2",
        _("Version deleted"),
        _("{who} deleted a version of {what}"),
    ),
    "change_allowance": (
        "gauge",
        _("Allowance changed"),
        _("{who} changed an allowance"),
    ),
    "grant": ("user-plus", _("Grant"), _("{who} let somebody into {what}")),
    "revoke_grant": (
        "user-x",
        _("Grant taken back"),
        _("{who} took back a grant in {what}"),
    ),
    "create_key": ("key-round", _("Access key made"), _("{who} made an access key")),
    "revoke_key": (
        "key-round",
        _("Access key revoked"),
        _("{who} revoked an access key"),
    ),
    "create_token": ("fingerprint", _("Token"), _("{who} got a token")),
    "presign": ("link", _("Link made"), _("{who} made a link to {what}")),
    "login": ("log-in", _("Sign-in"), _("{who} signed in")),
    "login_failed": (
        "circle-alert",
        _("Failed sign-in"),
        _("Somebody failed to sign in"),
    ),
    "logout": ("log-out", _("Sign-out"), _("{who} signed out")),
    "change_password": ("lock", _("Password set"), _("{who} set a password")),
    "rotate_secrets": (
        "refresh-cw",
        _("Secrets sealed anew"),
        _("{who} sealed the secrets anew"),
    ),
    "end_session": ("log-out", _("Sessions ended"), _("{who} ended sessions")),
    "release_lock": ("lock-open", _("Lock released"), _("{who} released a lock")),
    "create_user": ("user-plus", _("User made"), _("{who} made a user")),
    "change_user": ("user-check", _("User changed"), _("{who} changed a user")),
    "create_group": ("users", _("Group made"), _("{who} made a group")),
    "change_group": ("users", _("Group changed"), _("{who} changed a group")),
    "delete_group": ("users", _("Group deleted"), _("{who} deleted a group")),
    "cancel_job": ("circle-x", _("Job cancelled"), _("{who} cancelled a job")),
    "abort_upload": (
        "circle-x",
        _("Upload aborted"),
        _("{who} aborted an upload to {what}"),
    ),
    "verify": ("shield-check", _("Verification"), _("{who} verified blobs")),
    "sweep": ("refresh-cw", _("Sweep"), _("{who} asked for a sweep")),
}
_REMOVED = frozenset({"delete", "delete_bucket"})


def sentence(entry: "JournalEntry") -> SafeString:
    """Return who did what to what, as HTML."""
    who = format_html("<strong>{}</strong>", entry.actor)
    text = str(KINDS[entry.operation][2])
    return format_html(text, who=who, what=_place(entry))


def _place(entry: "JournalEntry") -> SafeString:
    name = f"{entry.bucket_name}/{entry.key}" if entry.key else entry.bucket_name
    if entry.operation in _REMOVED or not entry.bucket_name:
        return format_html("<span>{}</span>", name)
    if entry.key:
        query = urlencode({"key": entry.key})
        url = f"{reverse('object', args=[entry.bucket_name])}?{query}"
    else:
        url = reverse("browser", args=[entry.bucket_name])
    return format_html('<a href="{}">{}</a>', url, name)
