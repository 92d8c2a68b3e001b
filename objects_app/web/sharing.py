"""Links that let anybody download one object for a while."""

from typing import Any

import segno
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from segno.encoder import DataOverflowError

from objects_app.access import issuing, own, policy, presigned
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.paths import url_path
from objects_app.web.object_changes import show_form
from objects_app.web.objects import place
from objects_app.web.pages import base_url, page, sent

_HOUR = 3600
_MOST_HOURS = presigned.MAX_SECONDS // _HOUR
_OTHER = "other"


class ShareForm(forms.Form):
    """How long the link works, and what the download is called."""

    ends = forms.ChoiceField(
        label=gettext_lazy("The link works for"),
        choices=[
            (str(_HOUR), gettext_lazy("1 hour")),
            (str(24 * _HOUR), gettext_lazy("1 day")),
            (str(7 * 24 * _HOUR), gettext_lazy("7 days")),
            (_OTHER, gettext_lazy("Another time")),
        ],
        initial=str(24 * _HOUR),
    )
    hours = forms.IntegerField(
        label=gettext_lazy("Hours"),
        min_value=1,
        max_value=_MOST_HOURS,
        initial=12,
        required=False,
    )
    filename = forms.CharField(
        label=gettext_lazy("File name of the download"), required=False
    )

    def clean(self) -> dict[str, Any]:
        """Add `seconds`."""
        data = self.cleaned_data
        if data.get("ends") != _OTHER:
            data["seconds"] = int(data.get("ends") or 0)
        elif data.get("hours"):
            data["seconds"] = data["hours"] * _HOUR
        elif "hours" not in self.errors:
            self.add_error("hours", _("Say how many hours."))
        return data


@require_http_methods(["GET", "HEAD", "POST"])
@page
def share(request: HttpRequest, bucket: str) -> HttpResponse:
    """Ask how long, or make a link to the object, or to a version of it."""
    wanted = sent(request)
    key, version = wanted.get("key", ""), wanted.get("version")
    principal = principal_of(request)
    issuer = own.issuer(principal)
    row, stored = policy.object_for(principal, bucket, key, version=version)
    form = ShareForm(request.POST or None)
    shown = {**place(principal, row, key, version), "form": form}
    if row.visibility != "private" and version is None:
        shown["public_link"] = f"{base_url(request)}{url_path(bucket, key)}"
    if form.is_valid():
        try:
            issued = issuing.presigned_url(
                request,
                issuer=issuer,
                bucket=row,
                key=stored.key,
                target=url_path(bucket, key),
                method="GET",
                seconds=form.cleaned_data["seconds"],
                filename=form.cleaned_data["filename"] or None,
                version=version,
            )
        except InvalidArgument as error:
            form.add_error("filename", error.translated())
        else:
            shown |= {"issued": issued, "qr": qr_code(issued.url)}
    return show_form(request, "object_share", shown)


def qr_code(url: str) -> SafeString:
    """Return a picture of the URL that cameras read; empty for one too long for it."""
    try:
        code = segno.make(url, error="l", micro=False)
    except DataOverflowError:
        return SafeString("")
    # It is made of numbers alone.
    return SafeString(code.svg_inline(omitsize=True, svgclass="qr", lineclass=None))
