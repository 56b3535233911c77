"""The web process's entry: `gunicorn fini_admin.wsgi`."""

import gc
import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from fini_admin.lib.redaction import print_unhandled
from fini_admin.web.content_type import Utf8Request

NOT_STARTED = 3  # gunicorn then starts no further process in its place

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fini_admin.settings")
try:
    application = get_wsgi_application()
    application.request_class = Utf8Request
    import_module(settings.ROOT_URLCONF)
except ImproperlyConfigured as error:
    print_unhandled(type(error), error, error.__traceback__)
    sys.exit(NOT_STARTED)
# A thread that waited for the database gets its turn after half a millisecond, not after five: most of what a request
# does is to ask and to be answered, and it would wait again after each statement.
sys.setswitchinterval(0.0005)
# What is loaded stays loaded: a collection that looked through all of it would make a request wait for 30 ms.
gc.collect()
gc.freeze()
