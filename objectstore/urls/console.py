"""Paths of the console: dashboard and Django admin."""

from django.contrib import admin
from django.urls import path

from objects_app.web import (
    browser,
    buckets,
    catalog,
    objects,
    search,
    sign_in,
    single_sign_on,
)

urlpatterns = [
    path("ui/", buckets.home, name="home"),
    path("ui/search/", search.search, name="search"),
    path("ui/buckets/<bucket>/", browser.browser, name="browser"),
    path("ui/buckets/<bucket>/extent", browser.extent, name="extent"),
    path("ui/buckets/<bucket>/archive", browser.download, name="archive"),
    path("ui/buckets/<bucket>/object", objects.stored_object, name="object"),
    path("ui/texts.js", catalog.texts, name="javascript_catalog"),
    path("ui/login/", sign_in.SignIn.as_view(), name="login"),
    path("ui/logout/", sign_in.SignOut.as_view(), name="logout"),
    path("ui/password/", sign_in.Password.as_view(), name="password"),
    path("ui/oidc/", single_sign_on.begin, name="oidc"),
    path("ui/oidc/callback", single_sign_on.callback, name="oidc_callback"),
    # Before the admin's own, whose names lead here too.
    path("admin/login/", sign_in.to_sign_in),
    path("admin/logout/", sign_in.SignOut.as_view()),
    path("admin/password_change/", sign_in.to_password),
    path("admin/", admin.site.urls),
]
