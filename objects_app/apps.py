"""The one app."""

from django.apps import AppConfig

from objects_app import checks


class ObjectsAppConfig(AppConfig):
    """Buckets, objects, blobs, and the doors to them."""

    name = "objects_app"
    verbose_name = "Object store"

    def ready(self) -> None:
        """Hold the settings and the database against what the store needs."""
        checks.register_all()
