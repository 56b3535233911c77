"""The product's settings with what tests need different: own secrets and folder, fast passwords, plain static files."""

import base64
import os
import tempfile

FOLDER = tempfile.TemporaryDirectory(prefix="fini-admin-test-")
os.environ["VAR_DIR"] = FOLDER.name
os.environ["DATABASE_URL"] = (
    os.environ.get("TEST_POSTGRES_URL") or f"sqlite:///{FOLDER.name}/fini_admin.sqlite3"
)
os.environ["DEBUG"] = "no"
os.environ["PLAIN_HTTP_ON_LOOPBACK"] = "yes"
os.environ["EMAIL_URL"] = "memorymail://"
os.environ["SECRET_KEY"] = "only for tests, and long enough that no check complains about it"
os.environ["ENCRYPTION_KEYS"] = base64.urlsafe_b64encode(bytes(range(32))).decode()

from fini_admin.settings import *  # noqa: E402, F403 - the product's, read after the environment above

# One database may carry the wake-ups of every process of the suite (PostgreSQL): each has a queue of its own.
HUEY["name"] += os.environ.get("PYTEST_XDIST_WORKER", "")  # noqa: F405 - of the product's settings
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
