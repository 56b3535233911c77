"""The forms of the register page: the provider, rows of resources, and the import of a text or a file."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from fini_admin.fini import external_ids
from fini_admin.fini.addresses import hint_of
from fini_admin.fini.external_ids import AmbiguousId, comparison_key
from fini_admin.fini.providers import PROVIDERS
from fini_admin.fini.routes import Resource
from fini_admin.ingestion.resource_rules import fault, tidied, typed_fault
from fini_admin.ingestion.uploads.reading import Known, Reading, read_bytes, read_text
from fini_admin.ingestion.uploads.rows import Unreadable
from fini_admin.lib.key_text import REPLACEMENT
from fini_admin.web.forms.base import Choice, KeylessForm

MOST_BYTES = 12 * 1024 * 1024
MOST_LINES = 10_000
MOST_ROWS = 50
TOO_MANY_ROWS = (
    f"More than {MOST_ROWS} resources were sent one by one: those after resource {MOST_ROWS} were left out. Paste or"
    " upload them below."
)
SHOWN = 20


class ProviderSelect(forms.Select):
    """A select whose options carry the MIME type that the workspace offers for the provider (T9)."""

    mime_types: Mapping[str, str] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value in self.mime_types:
            option["attrs"]["data-mime"] = self.mime_types[value]
        return option


class ProviderForm(KeylessForm):
    """The provider of the resources."""

    provider = Choice(
        choices=[("", "Choose one"), *((name, provider.label) for name, provider in PROVIDERS.items())],
        widget=ProviderSelect,
        help_text="Where the content is kept. It must be connected in Fini.",
        error_messages={
            "required": "Choose the provider.",
            "invalid_choice": "This is no provider that resources can be registered of: choose one of these.",
        },
    )
    use_required_attribute = False

    def __init__(self, *args: Any, mime_types: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = self.fields["provider"].widget
        if isinstance(widget, ProviderSelect):
            widget.mime_types = mime_types


class ResourceField(forms.CharField):
    """A resource's field, checked by the rules for files and commands (ingestion/resource_rules.py)."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.checked = name

    def clean(self, value: Any) -> str:
        """The text without invisible characters at its ends; an ID in its canonical form."""
        cleaned = tidied(self.checked, str(value or ""))
        said = typed_fault(self.checked, cleaned)
        if said:
            raise ValidationError(f"{self.label} {said}.")
        return cleaned


class ResourceForm(KeylessForm):
    """One resource."""

    original_url = ResourceField("original_url", label="URL")
    title = ResourceField("title", label="Title")
    external_id = ResourceField("external_id", label="External ID")
    mime_type = ResourceField("mime_type", label="MIME type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for bound in self:
            # htmx swaps leave the field itself alone, so that no response overwrites what is being typed.
            bound.field.widget.attrs |= {
                "aria-describedby": f"{bound.auto_id}_said",
                "hx-morph-skip": True,
            }

    def clean(self) -> dict[str, Any]:
        """Read the external ID; the URL decides where the ID alone is ambiguous."""
        data: dict[str, Any] = self.cleaned_data
        if data.get("external_id"):
            try:
                held = hint_of(data.get("original_url", "")).external_id
                data["external_id"] = external_ids.read(data["external_id"], held)
                if wrong := fault("external_id", data["external_id"]):
                    self.add_error("external_id", f"External ID {wrong}.")
            except AmbiguousId as error:
                self.add_error("external_id", f"External ID {error}.")
        return data

    @property
    def is_blank(self) -> bool:
        return not any(
            str(self[name].value() or "").strip() for name in ("original_url", "title", "external_id")
        )


class RegisterForm:
    """The provider, and rows of resources by name. A row keeps its name while others are added and removed.

    `mime_types` are those that the workspace offers, by provider.
    """

    def __init__(
        self, data: QueryDict | None = None, *, mime_types: Mapping[str, str], provider: str = ""
    ) -> None:
        self.mime_types = mime_types
        self.too_many = data is not None and len(set(data.getlist("row"))) > MOST_ROWS
        if data is None:
            self.provider = ProviderForm(initial={"provider": provider}, mime_types=mime_types)
            self.rows = {"1": _empty_row("1", mime_types.get(provider, ""))}
            return
        self.provider = ProviderForm(data, mime_types=mime_types)
        sent = _with_mime_types(data, mime_types)
        self.rows = {name: ResourceForm(sent, prefix=name) for name in _row_names(data)}

    @property
    def provider_name(self) -> str:
        """The chosen provider, empty without one."""
        value = self.provider["provider"].value()
        return value if value in PROVIDERS else ""

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= MOST_ROWS

    def add(self) -> None:
        """Add an empty row, unless the form is full."""
        if not self.is_full:
            name = str(max(map(int, self.rows), default=0) + 1)
            self.rows[name] = _empty_row(name, self.mime_types.get(self.provider_name, ""))

    def remove(self, name: str) -> None:
        """Remove a row; the last one is replaced by an empty one."""
        self.rows.pop(name, None)
        if not self.rows:
            self.rows["1"] = _empty_row("1", self.mime_types.get(self.provider_name, ""))

    def is_valid(self) -> bool:
        """Whether everything can be sent. Blank rows are ignored, unless all are blank."""
        seen: dict[str, int] = {}
        provider = self.provider_name
        good = self.provider.is_valid() and not self.too_many
        if self.too_many:
            self.provider.add_error("provider", TOO_MANY_ROWS)
        for number, form in enumerate(self.rows.values(), 1):
            if form.is_blank and self.filled:
                clear_blank_errors(form)
                continue
            good &= form.is_valid()
            external_id = form.cleaned_data.get("external_id")
            key = comparison_key(provider, external_id or "")
            if external_id and seen.setdefault(key, number) != number:
                form.add_error("external_id", f"The same as in resource {seen[key]}.")
                good = False
        return good

    def hush_rows(self) -> None:
        """Clear the errors of empty fields in every row."""
        for form in self.rows.values():
            clear_blank_errors(form)

    @property
    def filled(self) -> Sequence[ResourceForm]:
        return [form for form in self.rows.values() if not form.is_blank]

    def resources(self) -> list[Resource]:
        """The resources of a valid form."""
        return [Resource(**form.cleaned_data) for form in self.filled]


def clear_blank_errors(form: forms.Form) -> None:
    """Remove the errors of empty fields: the form was not submitted yet."""
    for name in list(form.errors):
        if not str(form[name].value() or "").strip():
            del form.errors[name]


def _empty_row(name: str, mime_type: str) -> ResourceForm:
    return ResourceForm(prefix=name, initial={"mime_type": mime_type})


def _row_names(data: QueryDict) -> list[str]:
    """The names of the posted rows, in order: at least one, at most MOST_ROWS."""
    sent = dict.fromkeys(data.getlist("row"))
    names = [name for name in sent if len(name) < 7 and name.isascii() and name.isdigit()]
    return names[:MOST_ROWS] or ["1"]


def _with_mime_types(data: QueryDict, mime_types: Mapping[str, str]) -> QueryDict:
    """The posted data with the provider's MIME type in each row whose own is empty or was offered before.

    `mime_of` is the provider that the types were offered for; without a script it may differ from the chosen one.
    """
    sent = data.copy()
    offered = mime_types.get(data.get("provider", ""))
    untouched = {"", mime_types.get(data.get("mime_of", ""), "")}
    for name in _row_names(data):
        if offered and data.get(f"{name}-mime_type", "").strip() in untouched:
            sent[f"{name}-mime_type"] = offered
    return sent


class ImportForm(KeylessForm):
    """Many resources as a text or a file. After validation, `reading` has them."""

    text = forms.CharField(required=False, strip=False)
    file = forms.FileField(required=False, allow_empty_file=True)

    def __init__(self, *args: Any, provider: str = "", known: Known | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider_name, self.known = provider, known
        self.reading = Reading()

    def clean(self) -> dict[str, Any]:
        """Read the text or file, if the provider is known: which fields a line needs depends on it."""
        data: dict[str, Any] = self.cleaned_data
        file, text = data.get("file"), data.get("text", "")
        if file and text.strip():
            raise ValidationError(
                {"file": "Choose a file or paste a text, not both: one of them would be lost."}
            )
        if not file and not text.strip():
            raise ValidationError({"text": "Paste a text, or choose a file."})
        if self.provider_name in PROVIDERS:
            self.take("file" if file else "text", file or text)
        return data

    def key_error(self, name: str, said: str) -> str:
        """The error with the numbers of the lines that held a key."""
        lines = str(self[name].value() or "").splitlines()
        held = [str(number) for number, line in enumerate(lines, 1) if REPLACEMENT in line]
        more = ", …" if len(held) > SHOWN else ""
        return f"{super().key_error(name, said)} Line{'s' if len(held) > 1 else ''} {', '.join(held[:SHOWN])}{more}."

    def take(self, field: str, sent: "UploadedFile[Any] | str") -> None:
        """Read it into `reading`, or add the error to its field."""
        try:
            _check_size(sent)
            if isinstance(sent, str):
                self.reading = read_text(sent, self.provider_name, most=MOST_LINES, known=self.known)
            else:
                self.reading = read_bytes(sent.read(), self.provider_name, most=MOST_LINES, known=self.known)
        except Unreadable as error:
            self.add_error(field, f"This cannot be read: {error}.")
            return
        if not self.reading.resources:
            self.add_error(field, [ValidationError(said) for said in _errors_of_import(self.reading)])


def _check_size(sent: "UploadedFile[Any] | str") -> None:
    """Raise Unreadable above MOST_BYTES."""
    size = len(sent.encode()) if isinstance(sent, str) else sent.size or 0
    if size > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES >> 20} MB: cut it into parts")


def _errors_of_import(reading: Reading) -> list[str]:
    """Why nothing in a file can be registered: the first bad lines, with their content."""
    bad = [
        f"{reading.unit.capitalize()} {line:,}: {said}. It reads: {text}"
        for line, said, text in reading.problems[:SHOWN]
    ]
    more = len(reading.problems) - len(bad)
    rest = [f"And {more:,} more."] if more else []
    return ["Nothing in it can be registered.", *bad, *rest]
