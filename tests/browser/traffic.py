"""What a tab sends and receives, in bytes on the wire, as the browser counts them."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

REQUEST_LINE = 60


@dataclass
class Traffic:
    """The traffic of a tab since it was made or cleared."""

    page: Page
    received: list[tuple[str, int]] = field(default_factory=list)  # path and bytes, with headers
    sent: list[int] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)  # Cache-Control by path

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send("Network.clearBrowserCache")
        paths: dict[str, str] = {}

        def answered(event: dict[str, Any]) -> None:
            path = paths[event["requestId"]] = event["response"]["url"].partition("//")[2].partition("/")[2]
            self.kept[path] = event["response"]["headers"].get("Cache-Control", "")

        def asked(event: dict[str, Any]) -> None:
            self.sent.append(
                REQUEST_LINE + sum(len(name) + len(value) + 4 for name, value in event["headers"].items())
            )

        session.on("Network.responseReceived", answered)
        session.on("Network.requestWillBeSentExtraInfo", asked)
        session.on(
            "Network.loadingFinished",
            lambda event: self.received.append(
                (paths.get(event["requestId"], ""), event["encodedDataLength"])
            ),
        )

    @property
    def bytes(self) -> int:
        """Everything, both ways."""
        return sum(size for _, size in self.received) + sum(self.sent)
