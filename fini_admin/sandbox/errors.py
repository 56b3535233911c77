"""Error answers in Fini's envelope."""

from http import HTTPStatus


class ApiError(Exception):
    """An answer other than success: status, `message` and `error`."""

    def __init__(self, status: int, *messages: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, *messages)
        self.status = status
        self.messages = list(messages)
        self.headers = headers or {}

    def envelope(self, *, as_array: bool) -> dict[str, object]:
        """The body. `message` is a list, as NestJS writes it, or one text, as in the API's example."""
        message: object = self.messages if as_array else "; ".join(self.messages)
        return {"statusCode": self.status, "message": message, "error": phrase(self.status)}


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def bad_request(*messages: str) -> ApiError:
    return ApiError(400, *messages)


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def unauthorized() -> ApiError:
    """401: the key is missing, malformed, revoked or unknown."""
    return ApiError(401, "Unauthorized")


def missing_scope() -> ApiError:
    """403: the key lacks the route's scope."""
    return ApiError(403, "API key does not have the required scope for this operation")


def other_workspace() -> ApiError:
    """403: the record belongs to another workspace."""
    return ApiError(403, "The record belongs to another workspace")
