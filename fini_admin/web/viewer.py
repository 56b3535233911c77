"""The middleware that gives pages the viewer's time zone and look."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone


class Viewer:
    """Activates the zone that the person chose, else the one that the browser named in a cookie (frame.js), else UTC.

    A view that needs a person has them in `request.viewer`, from where templates take theme and density without
    another look at the database.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _activate(request.COOKIES.get("zone", "UTC"))
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        # A page for everybody, such as a probe, asks for nobody.
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return
        request.viewer = request.user  # type: ignore[attr-defined]  # ours
        if request.user.zone:
            _activate(request.user.zone)


def _activate(zone: str) -> None:
    """Say times in this zone; in UTC if there is no such zone here."""
    try:
        timezone.activate(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        timezone.deactivate()
