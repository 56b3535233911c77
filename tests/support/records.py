"""What a record of the sandbox comes to, decided by the API alone, apart from the product."""

from typing import Any

Record = dict[str, Any]
JOB_ENDED = {"COMPLETED", "FAILED"}


def state_of(document: Record) -> str:
    """The state of a source whose record has come to rest; one that has not raises."""
    if document["linkedJobStatus"] is None:
        return "registered"
    if document["linkedJobStatus"] not in JOB_ENDED:
        raise AssertionError(f"{document['id']} has not come to rest")
    if document["linkedJobStatus"] == "FAILED" or document["error"]:
        return "failed"
    return "usable" if document["success"] and document["paragraphCount"] else "empty"


def resources(prefix: str, count: int, start: int = 0) -> list[dict[str, str]]:
    """Invented resources of a provider, as discovery lists them and `register` takes them."""
    return [
        {
            "externalId": f"{prefix}-{number:04d}",
            "title": f"Page {number} of {prefix}",
            "originalUrl": f"https://wiki.example/{prefix}/{number:04d}",
            "mimeType": "text/markdown",
            "object": "page",
        }
        for number in range(start, start + count)
    ]
