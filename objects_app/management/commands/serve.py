"""What `make run` runs once there is an environment."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from objects_app.ops import startup


class Command(BaseCommand):
    """Prepare the store and become the process that runs its servers."""

    help = "Prepare the store and start the Procfile's processes."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, or leave with one sentence that says why not."""
        try:
            startup.check_surroundings()
            startup.prepare()
            password = startup.create_administrator()
        except startup.CannotStart as reason:
            sys.exit(f"objectstore: {reason}")
        self._greet(password)
        startup.run_processes()

    def _greet(self, password: str | None) -> None:
        command = f"{os.path.relpath(sys.executable)} manage.py changepassword"
        user = startup.ADMINISTRATOR
        lines = ["", f"  Object store   {settings.URL}   (Ctrl-C stops it)"]
        lines += [f"  Node           {settings.NODE_ID}, data in {settings.DATA_DIR}"]
        if password:
            lines += [f"  Administrator  {user}, password {password} (shown only now)"]
            lines += [f"  To change it   {command} {user}"]
        else:
            lines += [f"  Administrator  lost the password? {command} {user}"]
        self.stdout.write("\n".join([*lines, ""]))
