"""What an error report may hold: no secret, in development as little as anywhere (P5)."""

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.views.debug import SafeExceptionReporterFilter

from fini_admin.fini.secrets import without_keys


class Shown:
    """A value as a report shows it, with what looks like a key replaced."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return without_keys(pprint(self.value))


class ReportFilter(SafeExceptionReporterFilter):
    """Django's filter, also with DEBUG on, for addresses that hold a password, and for keys wherever they stand."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + "|DSN|PROXY|DATABASE|EMAIL_URL", re.IGNORECASE
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always: a development machine holds real keys too."""
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        """A frame's variables, each without keys."""
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: Shown(value) for name, value in variables}.items()

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """What a form sent, without keys."""
        sent = super().get_post_parameters(request)
        return {name: without_keys(str(value)) for name, value in sent.items()}
