#!/usr/bin/env python3
"""Django's command line."""

import os
import sys


def main() -> None:
    """Run one command. What an operator can mend is one sentence: a wrong setting, a
    database or a storage that does not answer. `--traceback` shows the rest.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    from objects_app.errors import StoreError, first_line

    try:
        execute_from_command_line(sys.argv)
    except (
        ImproperlyConfigured,
        OperationalError,
        ProgrammingError,
        StoreError,
    ) as error:
        if "--traceback" in sys.argv:
            raise
        sentence = str(error)
        if isinstance(error, OperationalError | ProgrammingError):
            sentence = (
                f"The database cannot be used ({first_line(error)}): see that it runs, "
                "that DATABASE_URL is right, and that `migrate` was run."
            )
        sys.exit(f"objectstore: {sentence}")
    except KeyboardInterrupt:
        sys.stderr.write("objectstore: stopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
