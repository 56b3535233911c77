"""The forms of the web's page: addresses to bring in, and where a crawl begins."""

from django import forms
from django.core.exceptions import ValidationError

from fini_admin.fini.routes import CRAWL_LIMIT
from fini_admin.ingestion.kinds.crawls import MOST_FOUND, MOST_SEEDS
from fini_admin.ingestion.kinds.web_addresses import (
    MOST,
    PastedAddresses,
    patterns_fault,
    read_addresses,
    read_patterns,
)
from fini_admin.web.forms.base import KeylessForm, NumberField
from fini_admin.web.forms.runs import OneTimeForm

SHOWN = 5


def _lines(rows: int, **attributes: object) -> forms.Textarea:
    """A field of lines that are no prose."""
    return forms.Textarea(attrs={"rows": rows, "class": "mono", "spellcheck": "false", **attributes})


class PasteForm(KeylessForm):
    """Addresses, one a line."""

    addresses = forms.CharField(
        label="Addresses",
        widget=_lines(8),
        help_text="One per line, each starting with https://.",
        error_messages={"required": "Paste at least one address, starting with https://."},
    )

    def clean_addresses(self) -> PastedAddresses:
        """What the text holds; what is left out of it the preview says."""
        found = read_addresses(self.cleaned_data["addresses"])
        if found.too_many:
            raise ValidationError(
                f"More than {MOST:,} addresses, with the words that are none: paste them in parts."
            )
        if not found.addresses:
            line, said, text = (found.problems or [(1, "holds no address", "")])[0]
            raise ValidationError(f"Line {line:,}: {text} {said}.")
        return found


class CrawlForm(OneTimeForm):
    """Where a crawl begins, how much it finds, and what of that is kept."""

    links = forms.CharField(
        label="Begin at",
        widget=_lines(3),
        help_text="One address per line. Fini lists the addresses below them.",
        error_messages={"required": "Enter an address to begin at, starting with https://."},
    )
    limit = NumberField(
        label="Limit",
        min_value=1,
        max_value=MOST_FOUND,
        initial=CRAWL_LIMIT,
        widget=forms.TextInput(attrs={"size": 6}),
        help_text=f"At most this many addresses are listed. Fini's own default is {CRAWL_LIMIT}.",
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Enter a number from 1 to {MOST_FOUND:,}."
        ),
    )
    include = forms.CharField(
        label="Include",
        required=False,
        widget=_lines(2),
        help_text="Keep only addresses that contain one of these, one a line; * stands for any text, as in https://*/docs/*.",
    )
    exclude = forms.CharField(
        label="Exclude",
        required=False,
        widget=_lines(2),
        help_text="Leave out those that contain one of these.",
    )

    def clean_links(self) -> list[str]:
        """The addresses; each must be one that Fini takes."""
        found = read_addresses(self.cleaned_data["links"])
        if found.too_many:
            raise ValidationError(f"A crawl begins at {MOST_SEEDS} addresses at most.")
        if found.problems:
            said = [f"Line {line:,}: {text} {what}." for line, what, text in found.problems[:SHOWN]]
            raise ValidationError(said)
        if len(found.addresses) > MOST_SEEDS:
            raise ValidationError(f"A crawl begins at {MOST_SEEDS} addresses at most.")
        if not found.addresses:
            raise ValidationError(self.fields["links"].error_messages["required"])
        return found.addresses

    def clean_include(self) -> list[str]:
        return self._patterns("include")

    def clean_exclude(self) -> list[str]:
        return self._patterns("exclude")

    def _patterns(self, name: str) -> list[str]:
        found = read_patterns(self.cleaned_data[name])
        if said := patterns_fault(found):
            raise ValidationError(f"{said}.")
        return found
