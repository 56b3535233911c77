"""Limits on request bodies, checked by Content-Length before the body is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError

V = TypeVar("V", bound=Callable[..., Any])

# Enough for typed fields: 200,000 characters, percent-encoded at three bytes per byte, fit.
MOST = 1024 * 1024
PIECE = 1 << 16


def large_body(view: V) -> V:
    """Let a view take DATA_UPLOAD_MAX_MEMORY_SIZE bytes: for files, pasted text, 100,000 selected IDs."""
    view.__dict__["large_body"] = True
    return view


def stated_size(request: HttpRequest) -> int:
    """Content-Length in bytes, 0 without one; the server reads no more than that."""
    stated = request.META.get("CONTENT_LENGTH") or "0"
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    whole = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return stated_size(request) > (whole if getattr(view, "large_body", False) else min(MOST, whole))


def discard_body(request: HttpRequest, most: int) -> None:
    """Read and drop up to `most` bytes: a browser that is still sending reads no response."""
    try:
        while most > 0 and (piece := request.read(PIECE)):
            most -= len(piece)
    except UnreadablePostError:
        return
