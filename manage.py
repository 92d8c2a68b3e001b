#!/usr/bin/env python3
"""Django's command line."""

import os
import sys


def main() -> None:
    """Run one command; a wrong setting is one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"objectstore: {error}")


if __name__ == "__main__":
    main()
