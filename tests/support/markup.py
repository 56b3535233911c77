"""A page as a browser understands it: its forms with what they would send, its buttons, its links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

VOID = {"input", "img", "br", "hr", "meta", "link", "use", "path", "circle", "rect", "area", "col", "source"}
TYPED = {"text", "search", "url", "email", "tel", "textarea", "password", "number", "datetime-local"}
UNSENT = {"button", "reset", "image"}

Data = dict[str, list[str]]


@dataclass
class Control:
    """A field or a button of a form."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    options: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is sent as."""
        return self.attributes.get("name", "")

    @property
    def type(self) -> str:
        """Its type; a select's and a textarea's are their names."""
        if self.tag == "button":
            return self.attributes.get("type", "submit")
        return self.attributes.get("type", "text") if self.tag == "input" else self.tag

    @property
    def is_button(self) -> bool:
        """Whether it sends the form."""
        return self.type in ("submit", "image") and self.tag in ("button", "input")

    @property
    def is_typed(self) -> bool:
        """Whether a person types a text into it."""
        return self.type in TYPED

    @property
    def values(self) -> list[str]:
        """What is sent of it when nothing is touched."""
        if self.tag == "select":
            return self.chosen or self.options[:1]
        if self.type in ("checkbox", "radio"):
            return [self.attributes.get("value", "on")] if "checked" in self.attributes else []
        if self.type in UNSENT or self.is_button or self.type == "file":
            return []
        return [self.text.removeprefix("\n") if self.tag == "textarea" else self.attributes.get("value", "")]

    @property
    def described_by(self) -> list[str]:
        """The IDs of what describes it to a reader who does not see."""
        return self.attributes.get("aria-describedby", "").split()


@dataclass
class Form:
    """A form with its fields and the buttons that send it."""

    attributes: dict[str, str]
    page: str
    controls: list[Control] = field(default_factory=list)

    @property
    def method(self) -> str:
        """GET or POST."""
        return self.attributes.get("method", "get").upper()

    def address(self, button: Control | None = None) -> str:
        """Where a button of it leads."""
        asked = button.attributes.get("hx-post") or button.attributes.get("formaction") if button else None
        action = self.attributes.get("action") or self.attributes.get("hx-post") or ""
        return urljoin(self.page, asked or action or self.page)

    @property
    def buttons(self) -> list[Control]:
        """The buttons that can be pressed."""
        return [one for one in self.controls if one.is_button and "disabled" not in one.attributes]

    @property
    def fields(self) -> list[Control]:
        """What is filled in."""
        named = (one for one in self.controls if one.name and not one.is_button)
        return [one for one in named if one.type not in UNSENT and "disabled" not in one.attributes]

    def data(self, button: Control | None = None, *, ticked: bool = False) -> Data:
        """What is sent when a button is pressed: as the form stands, or with every box ticked."""
        sent: Data = {}
        for one in self.fields:
            ticks = ticked and one.type == "checkbox"
            values = [one.attributes.get("value", "on")] if ticks else one.values
            if values:
                sent.setdefault(one.name, []).extend(values)
        if button and button.name:
            sent.setdefault(button.name, []).append(button.attributes.get("value", ""))
        sent.pop("csrfmiddlewaretoken", None)
        return sent


class Page(HTMLParser):
    """What a page, or a part of one, holds."""

    def __init__(self, text: str, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.forms: list[Form] = []
        self.links: set[str] = set()
        self.parts: set[str] = set()
        self.buttons: list[Control] = []
        self.by_id: dict[str, str] = {}
        self.labels: list[str] = []
        self.heading = ""
        self.loose: list[tuple[str, Control]] = []
        self.within: list[tuple[str, str]] = []
        self.writing: list[Control] = []
        self.form: Form | None = None
        self.feed(text)
        self.close()
        ids = {form.attributes.get("id"): form for form in self.forms}
        for name, control in self.loose:
            if name in ids:
                ids[name].controls.append(control)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if "href" in attributes and tag == "a":
            self.links.add(urljoin(self.address, attributes["href"]))
        if "hx-get" in attributes:
            self.parts.add(urljoin(self.address, attributes["hx-get"]))
        if tag == "form":
            self.form = Form(attributes, self.address)
            self.forms.append(self.form)
        elif tag in ("input", "button", "select", "textarea"):
            self.control(Control(tag, attributes))
        elif tag == "option" and self.writing:
            self.writing[-1].options.append(attributes.get("value", ""))
            if "selected" in attributes:
                self.writing[-1].chosen.append(attributes.get("value", ""))
        if tag not in VOID:
            self.within.append((tag, attributes.get("id", "")))

    def control(self, control: Control) -> None:
        """A field or button, in its form or in the one that it names."""
        if control.tag != "input":
            self.writing.append(control)
        if control.tag == "button":
            self.buttons.append(control)
        if "form" in control.attributes:
            self.loose.append((control.attributes["form"], control))
        elif self.form:
            self.form.controls.append(control)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        if self.writing and self.writing[-1].tag == tag:
            self.writing.pop()
        if any(name == tag for name, _ in self.within):
            while self.within.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        for control in self.writing:
            control.text += data
        for tag, name in self.within:
            if name:
                self.by_id[name] = self.by_id.get(name, "") + data
            if tag == "label":
                self.labels.append(words(data))
            if tag == "h1":
                self.heading = words(f"{self.heading} {data}")

    def said_of(self, control: Control) -> str:
        """What stands beside a field: its help and what is wrong with it."""
        return " ".join(self.by_id.get(name, "") for name in control.described_by)


def words(text: str) -> str:
    """A text with its white space folded."""
    return " ".join(text.split())
