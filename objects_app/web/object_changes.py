"""Moving, copying, deleting and restoring one object."""

from typing import Any, Literal

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import (
    CredentialsRequired,
    InvalidKey,
    NoSuchKey,
    PreconditionFailed,
    SourceIsTarget,
    StoreError,
)
from objects_app.http.json_conditions import Conditions
from objects_app.names import KEY_MAX_BYTES, check_key, folder_of
from objects_app.services import objects, operations, versions
from objects_app.web import refusals
from objects_app.web.objects import place
from objects_app.web.pages import address, is_part, page, sent

_GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


class TransferForm(forms.Form):
    """Where to, and what becomes of an object that is there."""

    bucket = forms.CharField(label=gettext_lazy("Bucket"), max_length=63)
    key = forms.CharField(
        label=gettext_lazy("Key"), max_length=KEY_MAX_BYTES, strip=False
    )
    replace = forms.BooleanField(
        label=gettext_lazy("Replace what has that key"), required=False
    )


def show_form(
    request: HttpRequest, form: str, shown: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Return a form about an object: a page, or for a dialog the form alone."""
    if is_part(request):
        return render(request, f"parts/{form}.html", shown, status=status)
    page_of_form = {**shown, "form_template": f"parts/{form}.html"}
    return render(request, "object_form.html", page_of_form, status=status)


@_GET_OR_POST
@page
def move(request: HttpRequest, bucket: str) -> HttpResponse:
    """Ask where to, or move the object there."""
    return _transfer(request, bucket, "move")


@_GET_OR_POST
@page
def copy(request: HttpRequest, bucket: str) -> HttpResponse:
    """Ask where to, or copy the object, or a version of it, there."""
    return _transfer(request, bucket, "copy")


@_GET_OR_POST
@page
def delete(request: HttpRequest, bucket: str) -> HttpResponse:
    """Ask whether to delete an object, or one version for good; or do it."""
    wanted = sent(request)
    key, version = wanted.get("key", ""), wanted.get("version")
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.WRITE, prefix=key)
    if request.method != "POST":
        shown = place(principal, row, key, version)
        return show_form(request, "object_delete", shown)
    if version is None:
        objects.delete_object(bucket=row, key=key, by=actor_of(request))
        messages.success(request, _("%(key)s is deleted.") % {"key": key})
    else:
        objects.delete_version(
            bucket=row, key=key, version_id=version, by=actor_of(request)
        )
        messages.success(request, _("The version is deleted for good."))
        if versions.list_versions_of(bucket=row, key=key, limit=1).entries:
            return redirect(address("object", bucket, key=key))
    return redirect(address("browser", bucket, prefix=folder_of(key)))


@require_POST
@page
def restore(request: HttpRequest, bucket: str) -> HttpResponse:
    """Make a version the latest again: its content becomes a new version."""
    wanted = sent(request)
    key, version = wanted.get("key", ""), wanted.get("version", "")
    row = policy.bucket_for(principal_of(request), bucket, Action.WRITE, prefix=key)
    source = operations.Source(row, key, version)
    operations.perform_one(
        operation=operations.Copy(source, operations.Target(row, key)),
        by=actor_of(request),
    )
    messages.success(request, _("The version is restored: it is the latest again."))
    return redirect(address("object", bucket, key=key))


def _transfer(
    request: HttpRequest, bucket: str, kind: Literal["copy", "move"]
) -> HttpResponse:
    wanted = sent(request)
    key, version = wanted.get("key", ""), wanted.get("version")
    principal = principal_of(request)
    action = Action.READ if version is None else Action.PAST
    if kind == "move":
        action = Action.WRITE
    row = policy.bucket_for(principal, bucket, action, prefix=key)
    form = TransferForm(request.POST or None, initial={"bucket": bucket, "key": key})
    status = 200
    if form.is_valid():
        source = operations.Source(row, key, version if kind == "copy" else None)
        try:
            to = _perform(request, kind, source, form.cleaned_data)
        except CredentialsRequired:
            raise
        except StoreError as error:
            status = refusals.status_of(error)
            form.add_error(*_about(error))
        else:
            return redirect(to)
    shown = {
        **place(principal, row, key, version),
        "form": form,
        "kind": kind,
    }
    return show_form(request, "object_transfer", shown, status=status)


def _perform(
    request: HttpRequest,
    kind: Literal["copy", "move"],
    source: operations.Source,
    chosen: dict[str, Any],
) -> str:
    """Do it, and return the address of what came of it."""
    key = check_key(chosen["key"])
    into = policy.bucket_for(
        principal_of(request), chosen["bucket"], Action.WRITE, prefix=key
    )
    new_only = Conditions(if_none_match=None if chosen["replace"] else "*")
    target = operations.Target(into, key, new_only.preconditions())
    operation = operations.Move if kind == "move" else operations.Copy
    operations.perform_one(operation=operation(source, target), by=actor_of(request))
    done = _("This is where it is now.") if kind == "move" else _("This is the copy.")
    messages.success(request, done)
    return address("object", into.name, key=key)


def _about(error: StoreError) -> tuple[str | None, str]:
    """Return the field that is to blame, None for no one, and what to say."""
    if isinstance(error, PreconditionFailed):
        return "key", _("There is an object of that key already.")
    if isinstance(error, SourceIsTarget):
        return "key", _("That is where it is: choose another key.")
    if isinstance(error, InvalidKey):
        return "key", error.translated()
    if isinstance(error, NoSuchKey):
        return None, error.translated()
    return "bucket", error.translated()
