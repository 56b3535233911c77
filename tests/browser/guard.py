"""What no page may do, and no person would see."""

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request


def watch(page: Page, url: str, faults: list[str] | None = None) -> list[str]:
    """A list, yours or a new one, that fills with console errors, scripts' errors, CSP violations and foreign hosts."""
    faults = [] if faults is None else faults
    own = urlsplit(url).netloc

    def on_console(message: ConsoleMessage) -> None:
        # A form with errors is answered 422 which the browser reports though it is meant; and a document that is no
        # page of ours names no icon, so that the browser asks for one where it always did.
        place = str(message.location.get("url"))
        if (
            message.type == "error"
            and "status of 422" not in message.text
            and not place.endswith("/favicon.ico")
        ):
            faults.append(f"console: {message.text} ({place})")

    def on_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != own:
            faults.append(f"foreign host: {request.url}")

    # Chromium reports a CSP violation as a console error, so the first listener sees those too.
    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", on_request)
    return faults
