"""Whatever a provider or a person calls a thing, it is text on every page (rely on nothing but escaping)."""

from html.parser import HTMLParser

from tests.installation.conftest import HOSTILE, TYPED, Furnished, parts


class Reader(HTMLParser):
    """Finds what a browser would take for markup, and collects the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wrong = [name for name, _ in attrs if name.startswith(("on", "evil")) or '"' in name or "{" in name]
        if tag == "evil" or wrong:
            self.found.append(f"<{tag} {wrong}>")
        self.text += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_reader_sees_what_is_not_escaped():
    assert Reader(f"<p>{HOSTILE}</p>").found
    assert Reader(f'<p title="{HOSTILE}">x</p>').found
    assert Reader("<p title='a' onclick=\"go()\">x</p>").found


def test_hostile_texts_are_text_on_every_page_and_in_every_part_of_it(furnished: Furnished):
    faults, whole = [], []
    client = furnished.seen()
    names = parts()
    for route, address in furnished.addresses().items():
        if route == "accounts/logout/":
            continue
        answers = [client.get(address)]
        if route.startswith("w/"):
            answers += [client.get(address, {"part": name}, headers={"HX-Request": "true"}) for name in names]
        for answer in answers:
            if "html" not in answer.get("Content-Type", ""):
                continue
            page = answer.content.decode()
            read = Reader(page)
            faults += [f"{route}: {found}" for found in read.found]
            text = "".join(read.text)
            if "<evil" in text and TYPED not in text:
                faults.append(f"{route}: a template was run on it")
            whole += [route] if TYPED in text else []
    assert faults == []
    # The walk went where the texts are, or it would have proven nothing.
    expected: tuple[str, ...] = (
        "queue/",
        "sources/",
        "sources/<str:fini_id>/",
        "runs/<int:number>/",
        "audit/<uuid:call>/",
    )
    expected += ("keys/", "members/", "previews/<slug:token>/", "activity/", "")
    assert {f"w/<slug:slug>/{end}" for end in expected} | {"workspaces/", "people/"} <= set(whole)


def test_what_is_no_page_is_never_taken_for_one(furnished: Furnished):
    client = furnished.seen()
    addresses = furnished.addresses()
    body = client.get(addresses["w/<slug:slug>/audit/<uuid:call>/<slug:side>/"])
    rows = client.get(addresses["w/<slug:slug>/sources/"], {"export": "csv"})
    assert body["Content-Type"].startswith("text/plain")
    assert (rows["Content-Type"].split(";")[0], rows["Content-Disposition"].split(";")[0]) == (
        "text/csv",
        "attachment",
    )
    assert {answer["X-Content-Type-Options"] for answer in (body, rows)} == {"nosniff"}
