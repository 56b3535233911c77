"""Reading a Content-Type, which anybody may have written: an error in it would come before any middleware runs."""

from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils.http import parse_header_parameters


class Utf8Request(WSGIRequest):
    """As Django's, but read as UTF-8, whatever charset it names; a Content-Type that cannot be read is none.

    Some of Python's charsets decode to no text, or to half a surrogate pair.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:  # of a charset that is none, in a parameter as RFC 2231 writes it
            found = "", {}
        self.content_type, self.content_params = found
