"""Mail that leaves behind the answer: how long the post office takes must not tell which address is known."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from django.core.mail import EmailMessage

log = logging.getLogger(__name__)
carriers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")
under_way: set[Future[None]] = set()


def send(message: EmailMessage) -> None:
    """Hand a message over; returns at once."""
    future = carriers.submit(deliver, message)
    under_way.add(future)
    future.add_done_callback(under_way.discard)


def deliver(message: EmailMessage) -> None:
    """Send it; what goes wrong is in the log, without the message."""
    try:
        message.send()
    except Exception:  # whatever the mail server does: nobody waits for this thread, so the log is told
        log.exception("a mail could not be sent")


def wait() -> None:
    """Until everything handed over has left, or failed."""
    wait_for(list(under_way))
