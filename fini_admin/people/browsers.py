"""Which browser it was, in words."""

# The first that is in the text counts: Edge says that it is Chrome too, and every one that it is Mozilla.
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


def known(agent: str) -> str:
    """Browser and system, empty for what is in no list."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, [browser, system])) if browser else ""


def in_words(agent: str) -> str:
    """The same; what is in neither list is shown as it calls itself."""
    return known(agent) or agent[:60] or "an unnamed program"
