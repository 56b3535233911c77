"""Every static file a template names is in the manifest, and the log-in page comes with the real storage.

The tests run on plain storage, where a typo in `{% static %}` goes unseen until production.
"""

import os
import re
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
STATIC = re.compile(r"""\{% static ["']([^"']+)["']""")

sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fini_admin.settings")
django.setup()


def unknown_names() -> list[str]:
    """Names in templates that the manifest does not hold, each with the template that says it."""
    from django.contrib.staticfiles.storage import staticfiles_storage  # noqa: PLC0415 - needs django.setup()

    wrong = []
    for template in sorted((ROOT / "templates").rglob("*.html")):
        for name in STATIC.findall(template.read_text()):
            try:
                staticfiles_storage.url(name)
            except ValueError:
                wrong.append(f"{template.relative_to(ROOT)}: no static file {name}")
    return wrong


def login_status() -> int:
    """The log-in page's status, asked over TLS under the first allowed host."""
    from django.conf import settings  # noqa: PLC0415 - needs django.setup()
    from django.test import Client  # noqa: PLC0415 - needs django.setup()

    return (
        Client().get("/accounts/login/", secure=True, headers={"host": settings.ALLOWED_HOSTS[0]}).status_code
    )


if __name__ == "__main__":
    problems = unknown_names()
    if not problems and (status := login_status()) != 200:
        problems = [f"the log-in page answers {status}"]
    sys.exit("\n".join(problems) or None)
