"""Names of browsers, from the User-Agent header."""

# The first match counts: Edge also calls itself Chrome, and every browser calls itself Mozilla.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def known_name(agent: str) -> str:
    """Browser and system, as `Firefox on Linux`; empty for an unknown browser."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, [browser, system])) if browser else ""


def name(agent: str) -> str:
    """Browser and system; an unknown browser by the beginning of its header."""
    return known_name(agent) or agent[:60] or "an unnamed program"
