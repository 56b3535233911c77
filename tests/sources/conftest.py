"""What brings sources in for real: the sandbox and a worker's loop."""

from tests.ingestion.conftest import acme, ingest, process, register, sandbox

__all__ = ["acme", "ingest", "process", "register", "sandbox"]
