"""Sends mail in the background: how long it takes must not tell which address is known."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for

from django.conf import settings
from django.core.mail import EmailMessage

log = logging.getLogger(__name__)
senders = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")
under_way: set[Future[None]] = set()
# Mail backends that send nothing: with them a link would stand in a log or a file.
NO_POST_OFFICE = {"console", "dummy", "filebased"}


def is_set_up() -> bool:
    """Whether mails leave this machine."""
    backend = settings.EMAIL_BACKEND.rpartition(".backends.")[2].partition(".")[0]
    return backend not in NO_POST_OFFICE


def send(message: EmailMessage) -> None:
    """Send a message in the background."""
    future = senders.submit(_deliver, message)
    under_way.add(future)
    future.add_done_callback(under_way.discard)


def _deliver(message: EmailMessage) -> None:
    """Send a message. An error is logged, without the message."""
    try:
        message.send()
    except Exception:  # nobody waits for this thread
        log.exception("a mail could not be sent")


def wait() -> None:
    """Wait until all messages were sent, or failed."""
    wait_for(list(under_way))
