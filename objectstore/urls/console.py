"""Paths of the console: dashboard and Django admin."""

from django.contrib import admin
from django.urls import path

from objects_app.web import home

urlpatterns = [
    path("ui/", home.home, name="home"),
    path("admin/", admin.site.urls),
]
