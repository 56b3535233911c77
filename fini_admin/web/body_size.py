"""How large a form may be that a browser sends: looked at before the body is read, for reading one takes its time."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError

V = TypeVar("V", bound=Callable[..., Any])

# What people type into fields: 200 KB of the characters that are written with three bytes for each of theirs, and more.
MOST = 1024 * 1024
PIECE = 1 << 16


def large_body(view: V) -> V:
    """Declare a view that takes as much as settings.DATA_UPLOAD_MAX_MEMORY_SIZE: files, texts, 100,000 selected IDs."""
    view.__dict__["large_body"] = True
    return view


def stated_size(request: HttpRequest) -> int:
    """How many bytes the body has, as the browser states it; the server reads no more than that."""
    stated = request.META.get("CONTENT_LENGTH") or "0"
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether the body is larger than the view takes."""
    whole = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return stated_size(request) > (whole if getattr(view, "large_body", False) else min(MOST, whole))


def drain(request: HttpRequest, most: int) -> None:
    """Read up to so many bytes and forget them: a browser that is still sending does not hear an answer."""
    try:
        while most > 0 and (piece := request.read(PIECE)):
            most -= len(piece)
    except UnreadablePostError:
        return
