"""Addresses of the admin's pages."""

from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label_lower.replace(".", "_") for model in MODELS]


def changelist(name: str, query: str = "", **parameters: str) -> str:
    """Return a list's address; `query` is what is searched for."""
    label = name if "_" in name else f"objects_app_{name}"
    if query:
        parameters["q"] = query
    return f"{reverse(f'admin:{label}_changelist')}?{urlencode(parameters)}"


def change(row: Model) -> str:
    """Return the address of a row's page."""
    label = row._meta.label_lower.replace(".", "_")
    return reverse(f"admin:{label}_change", args=[row.pk])
