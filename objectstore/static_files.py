"""How the console's static files are named and kept."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # it has no types
    """Hashed names, also in what ES modules import; gzip beside each file."""

    support_js_module_import_aggregation = True
