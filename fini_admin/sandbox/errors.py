"""Refusals, in Fini's error envelope."""

from http import HTTPStatus


class ApiError(Exception):
    """An answer other than success (contract section 1, "Error envelope")."""

    def __init__(self, status: int, *messages: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, *messages)
        self.status = status
        self.messages = list(messages)
        self.headers = headers or {}

    def envelope(self, *, as_array: bool) -> dict[str, object]:
        """Give the body; NestJS writes `message` as an array, the contract's example as one string."""
        message: object = self.messages if as_array else "; ".join(self.messages)
        return {"statusCode": self.status, "message": message, "error": phrase(self.status)}


def phrase(status: int) -> str:
    """Name a status as the `error` member does."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def bad_request(*messages: str) -> ApiError:
    """Refuse a request for what it says."""
    return ApiError(400, *messages)


def not_found() -> ApiError:
    """Say that there is no such source."""
    return ApiError(404, "Not Found")


def unauthorized() -> ApiError:
    """Refuse a key that is missing, malformed, revoked or unknown."""
    return ApiError(401, "Unauthorized")


def missing_scope() -> ApiError:
    """Refuse a key that lacks the route's scope."""
    return ApiError(403, "API key does not have the required scope for this operation")


def other_workspace() -> ApiError:
    """Refuse a record that belongs to another workspace."""
    return ApiError(403, "The record belongs to another workspace")
