"""Fills the store whose settings are in the environment.

`python -m tests.screenshots.demo` prints, as JSON, what the addresses of screens need.
"""

import json

import django

if __name__ == "__main__":
    django.setup()
    from tests.screenshots.filling import fill

    print(json.dumps(fill()))
