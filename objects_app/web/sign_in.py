"""Signing in and out of console and admin, and changing one's password."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from objects_app.access import logins
from objects_app.errors import InvalidCredentials, LoginLocked, TooManyLogins
from objects_app.web import refusals


class SignInForm(AuthenticationForm):
    """A name and a password, checked and counted by `logins`."""

    def clean(self) -> dict[str, Any]:
        """Find the user. LoginLocked passes through to the view."""
        data = self.cleaned_data
        if self.request and {"username", "password"} <= data.keys():
            try:
                self.user_cache = logins.check_password(
                    self.request, data["username"], data["password"]
                )
            except InvalidCredentials as error:
                raise ValidationError(error.translated()) from error
        return data


class PasswordForm(PasswordChangeForm):
    """A new password. The old one is counted as a login's: a stolen session is no way
    to find it."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        """Check it. LoginLocked passes through to the view."""
        old: str = self.cleaned_data["old_password"]
        try:
            logins.check_password(self._request, self.user.get_username(), old)
        except InvalidCredentials as error:
            raise ValidationError(_("This is not your present password.")) from error
        return old

    def clean(self) -> dict[str, Any]:
        """Refuse the old password as the new one: somebody else may know it."""
        super().clean()
        data = self.cleaned_data
        if data.get("old_password", "") == data.get("new_password1"):
            told = _("This is your present password: choose another one.")
            self.add_error("new_password1", told)
        return data


class SignIn(LoginView):
    """The one login page; `next` never leaves this host."""

    template_name = "login.html"
    authentication_form = SignInForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in, or say what is wrong, in the same way for every name."""
        try:
            return super().post(request, *args, **kwargs)
        except (LoginLocked, TooManyLogins) as error:
            return refusals.no_login(request, error)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Begin the session and go where the user wanted to."""
        logins.sign_in_with_password(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether there is single sign-on."""
        return super().get_context_data(
            **kwargs, single_sign_on=bool(settings.OIDC_ISSUER)
        )


class SignOut(LogoutView):
    """POST ends the session."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out and go to the first page."""
        logins.sign_out(request)
        return HttpResponseRedirect(self.get_success_url())


class Password(PasswordChangeView):
    """Ends all other sessions of the user."""

    template_name = "password.html"
    form_class = PasswordForm
    success_url = reverse_lazy("home")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether nothing else may be done before."""
        return super().get_context_data(
            **kwargs, is_first=logins.has_password_to_change(self.request)
        )

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the request, for counting failures."""
        return {**super().get_form_kwargs(), "request": self.request}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Change it, or say what is wrong."""
        try:
            return super().post(request, *args, **kwargs)
        except (LoginLocked, TooManyLogins) as error:
            return refusals.no_login(request, error)

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        """Save it, keep this session and no other, and say so."""
        answer = super().form_valid(form)
        logins.record_password_change(self.request)
        messages.success(self.request, _("Your password is changed."))
        return answer


@require_safe
def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the admin's own login page to ours, with where it was to lead."""
    answer = redirect("login")
    if query := request.META.get("QUERY_STRING"):
        answer["Location"] += f"?{query}"
    return answer


@require_safe
def to_password(request: HttpRequest) -> HttpResponse:
    """Send the admin's page for one's password to ours."""
    return redirect("password")
