"""A source record, the `Document` of the API."""

import hashlib
from dataclasses import dataclass

from fini_admin.sandbox import text
from fini_admin.sandbox.clock import to_iso

SOURCES = ("web", "files", "googledrive", "zendesk", "notion", "confluence")
INGESTIBLE = ("web", "googledrive", "notion", "zendesk", "confluence")
PROVIDERS = ("notion", "zendesk", "confluence")
OPERATIONS = ("ADD_ARTICLE_TO_FOLDER", "UPDATE_ARTICLE", "DO_NOTHING", "CREATE_SUBFOLDER_AND_ARTICLE")
JOB_STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED")


@dataclass(slots=True)
class Document:
    """A record as the sandbox keeps it; its text is generated for each answer."""

    id: str
    workspace: str
    source: str
    external_id: str
    title: str
    original_url: str
    mime_type: str
    type: str
    created_ms: int
    updated_ms: int
    english: bool = True
    baser: bool = False
    success: bool = False
    error: str = ""
    changed: bool = False
    job_id: str | None = None
    job_status: str | None = None
    knowledge_id: str | None = None
    operation: str | None = None
    reason: str | None = None
    job_count: int = 0
    live_job: int = 0
    version: int = 1
    text_version: int = 0
    old_text_version: int = 0
    paragraphs: list[str] | None = None
    old_paragraphs: list[str] | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """What `register` finds an existing record by."""
        return (self.workspace, self.source, self.external_id)

    @property
    def order(self) -> tuple[int, str, str]:
        """The list's sort key, `updatedAt`; the ID makes it unique."""
        return (self.updated_ms, self.external_id, self.id)

    @property
    def names(self) -> tuple[str, str, str]:
        """The names by which a switch may address this record."""
        return (self.id, self.external_id, self.original_url)

    @property
    def ever_ingested(self) -> bool:
        return self.job_status is not None

    def text(self, size: int) -> list[str]:
        return _content(self, self.paragraphs, self.text_version, size)

    def wire(self, size: int) -> dict[str, object]:
        """The record as the API answers it, with about `size` bytes of text."""
        return {
            **self._description(),
            "paragraphs": self.text(size),
            "oldParagraphs": _content(self, self.old_paragraphs, self.old_text_version, size),
            **self._progress(),
        }

    def summary(self, size: int) -> dict[str, object]:
        """The record for the control routes: no text, but its size and the number of jobs."""
        return {
            **self._description(),
            **self._progress(),
            "workspace": self.workspace,
            "paragraphCount": self._text_count(size),
            "jobCount": self.job_count,
            "version": self.version,
        }

    def _text_count(self, size: int) -> int:
        if self.paragraphs is not None:
            return len(self.paragraphs)
        return text.paragraph_count(size) if self.text_version else 0

    def _description(self) -> dict[str, object]:
        return {
            "id": self.id,
            "originalUrl": self.original_url,
            "title": self.title,
            "storageUrl": f"gs://fini-sandbox/{self.workspace}/{self.id}",
            "source": self.source,
            "externalId": self.external_id,
            "english": self.english,
            "baser": self.baser,
        }

    def _progress(self) -> dict[str, object]:
        return {
            "success": self.success,
            "error": self.error,
            "createdAt": to_iso(self.created_ms),
            "updatedAt": to_iso(self.updated_ms),
            "mimeType": self.mime_type,
            "type": self.type,
            "linkedJobId": self.job_id,
            "linkedKnowledgeId": self.knowledge_id,
            "linkedOperation": self.operation,
            "linkedReason": self.reason,
            "linkedJobStatus": self.job_status,
            "changed": self.changed,
        }


def web_id(url: str) -> str:
    """The external ID of a web source. Fini does not state what it is, so it is not the URL."""
    return "web-" + hashlib.sha256(url.encode()).hexdigest()[:24]


def _content(document: Document, own: list[str] | None, version: int, size: int) -> list[str]:
    if own is not None:
        return own
    if not version:
        return []
    return text.paragraphs(document.title, document.external_id, version, size)
