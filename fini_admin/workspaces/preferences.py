"""A workspace's settings: what each means, its bounds, and its default.

`SETTINGS` is the one table: the form, the page, the check before saving and the work all read it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError

from fini_admin.fini.providers import MIME_TYPE, PROVIDERS
from fini_admin.lib.key_text import looks_like_key
from fini_admin.lib.prepared import prepared
from fini_admin.workspaces.models import Workspace, WorkspaceSettings

Value = int | bool | str | None
LONGEST = 200
FALLBACK_HOURS, RETENTION_DAYS = 1, 400
MOST_FALLBACK_HOURS = 7 * 24
MIME = "mime_type_"


class SettingKind(StrEnum):
    """The type of a setting's value; None, the default, is always allowed."""

    NUMBER = "number"
    DECISION = "decision"
    MIME_TYPE = "mime type"


class Whose(StrEnum):
    """Who decides the default of a setting."""

    INSTALLATION = "installation"
    PROVIDER = "provider"
    PRODUCT = "product"
    FINI = "Fini"


def out_of_bounds(least: int, most: int) -> str:
    """The error for a number that is not between these."""
    return f"Enter a number from {least:,} to {most:,}, or leave it empty."


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` and `most` are functions, for they may come from the installation's settings."""

    name: str
    group: str
    label: str
    meaning: str
    kind: SettingKind
    whose: Whose
    default: Callable[[], Value]
    most: Callable[[], int] = lambda: 0
    least: int = 1

    @property
    def bounds_hint(self) -> str:
        """The hint beside the field; empty where a value is chosen from a list."""
        said = {
            SettingKind.NUMBER: f"{self.least:,} to {self.most():,}.",
            SettingKind.MIME_TYPE: "For example text/html.",
        }
        return said.get(self.kind, "")

    @property
    def out_of_bounds_error(self) -> str:
        """The error for a number out of bounds."""
        return out_of_bounds(self.least, self.most())

    @property
    def default_hint(self) -> str:
        """The hint that names the default."""
        value = self.default()
        if value is None:
            return ""
        whose = "" if self.whose == Whose.PRODUCT else f"the {self.whose}'s "
        return f"By default {whose}{value}."

    def check(self, value: Value) -> None:
        """Raise ValidationError for a value that this setting cannot have."""
        if value is None:
            return
        if self.kind == SettingKind.NUMBER:
            number = isinstance(value, int) and not isinstance(value, bool)
            if not number or not self.least <= int(value) <= self.most():
                raise ValidationError(self.out_of_bounds_error)
        elif self.kind == SettingKind.DECISION:
            if not isinstance(value, bool):
                raise ValidationError("Choose one of these.")
        elif not _is_mime_type(value):
            raise ValidationError("Write it as type/subtype, for example text/html, or leave it empty.")


def _is_mime_type(value: Value) -> bool:
    """Whether a value is a MIME type that may be sent, and holds no key (P5)."""
    return (
        isinstance(value, str)
        and len(value) <= LONGEST
        and MIME_TYPE.fullmatch(value) is not None
        and not looks_like_key(value)
    )


def _offered(name: str) -> Callable[[], Value]:
    """The MIME type that a provider's adapter offers."""
    return lambda: PROVIDERS[name].mime_type


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            "calls_per_minute",
            "Calls",
            "Calls a minute",
            "The budget: how many calls all workers together send to Fini within a minute."
            " A tenth is reserved for what a person is waiting for.",
            SettingKind.NUMBER,
            Whose.INSTALLATION,
            lambda: settings.FINI_CALLS_PER_MINUTE,
            lambda: settings.FINI_CALLS_PER_MINUTE,
        ),
        Setting(
            "batch_size",
            "Calls",
            "IDs in a call",
            "The batch size: how many IDs a register or ingest call carries. Fewer where Fini takes fewer."
            " A change applies to calls planned from now on.",
            SettingKind.NUMBER,
            Whose.INSTALLATION,
            lambda: settings.FINI_BATCH_SIZE,
            lambda: settings.MOST_BATCH_SIZE,
        ),
        Setting(
            "english",
            "Sent along with ingest",
            "English",
            "The ingest call's english: filled in on each preview, where it can be changed, and sent by commands."
            " Fini does not say how it decides.",
            SettingKind.DECISION,
            Whose.FINI,
            lambda: None,
        ),
        Setting(
            "baser",
            "Sent along with ingest",
            "Baser",
            "The ingest call's baser, used in the same way. Fini does not say what it does.",
            SettingKind.DECISION,
            Whose.FINI,
            lambda: None,
        ),
        Setting(
            "fallback_hours",
            "Keys and the audit trail",
            "Hours of fallback",
            "How long the previous key stays ready after a switch: if Fini refuses the new one, the work goes back"
            " to it by itself. Then it is switched off for good. A change applies to the next switch.",
            SettingKind.NUMBER,
            Whose.PRODUCT,
            lambda: FALLBACK_HOURS,
            lambda: MOST_FALLBACK_HOURS,
        ),
        Setting(
            "retention_days",
            "Keys and the audit trail",
            "Days the audit trail is kept",
            "Older rows of this workspace's trail are removed when the operator runs prune_audit; a signed anchor"
            " takes their place, and the trail still verifies across it.",
            SettingKind.NUMBER,
            Whose.PRODUCT,
            lambda: RETENTION_DAYS,
            lambda: 3650,
            least=30,
        ),
        *(
            Setting(
                f"{MIME}{provider.name}",
                "MIME types",
                provider.label,
                f"Offered for what comes from {provider.label} without a type of its own.",
                SettingKind.MIME_TYPE,
                Whose.PROVIDER,
                _offered(provider.name),
            )
            for provider in PROVIDERS.values()
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """The values that hold in a workspace: its own, else the defaults."""

    calls_per_minute: int
    batch_size: int
    english: bool | None
    baser: bool | None
    fallback_hours: int
    retention_days: int
    mime_types: Mapping[str, str]


def preferences(workspace: Workspace | UUID) -> Preferences:
    """The values that hold in a workspace now. Always read anew, for they may change while a worker runs."""
    key = workspace.pk if isinstance(workspace, Workspace) else workspace
    return _preferences_by(next(iter(_SETTINGS(key)), None))


_SETTINGS = prepared(lambda _, workspace: WorkspaceSettings.objects.filter(workspace=workspace))


def preferences_as_read(workspace: Workspace) -> Preferences:
    """The same by the settings that were read with the workspace: for pages, which read everything once."""
    return _preferences_by(getattr(workspace, "settings", None))


def _preferences_by(row: WorkspaceSettings | None) -> Preferences:
    """The values that hold by this row. Pure."""
    values = in_force(own_values(row) if row else {})
    return Preferences(
        calls_per_minute=_number(values["calls_per_minute"]),
        batch_size=_number(values["batch_size"]),
        english=_decision(values["english"]),
        baser=_decision(values["baser"]),
        fallback_hours=_number(values["fallback_hours"]),
        retention_days=_number(values["retention_days"]),
        mime_types=mime_types_by(row.mime_types if row else None),
    )


def mime_types_by(own: Mapping[str, Value] | None) -> dict[str, str]:
    """The MIME type that holds for each provider, by those that the workspace set itself."""
    set_here = own or {}
    return {name: str(set_here.get(name) or provider.mime_type) for name, provider in PROVIDERS.items()}


def in_force(own: Mapping[str, Value]) -> dict[str, Value]:
    """The value that holds for each setting: the workspace's own, else the default."""
    values = {
        name: setting.default() if own.get(name) is None else own[name] for name, setting in SETTINGS.items()
    }
    return values | {"calls_per_minute": limit_in_force(own.get("calls_per_minute"))}


def limit_in_force(own: Value) -> int:
    """The calls a minute: the workspace's own limit, unless the installation's was lowered since it was set."""
    most = settings.FINI_CALLS_PER_MINUTE
    return min(_number(own or most), most)


def _number(value: Value) -> int:
    """A number's value, for the type checker: a number has a default."""
    return int(value or 1)


def _decision(value: Value) -> bool | None:
    """A decision's value, for the type checker."""
    return value if isinstance(value, bool) else None


def own_values(row: WorkspaceSettings) -> dict[str, Value]:
    """The values that the row sets, by the settings' names; None where it sets none."""
    return {
        name: row.mime_types.get(name[len(MIME) :]) if name.startswith(MIME) else getattr(row, name)
        for name in SETTINGS
    }


def set_values(row: WorkspaceSettings, values: Mapping[str, Value]) -> None:
    """Set values in the row, which the caller saves."""
    for name, value in values.items():
        if not name.startswith(MIME):
            setattr(row, name, value)
    types = {name[len(MIME) :]: value for name, value in values.items() if name.startswith(MIME)}
    row.mime_types = {name: value for name, value in (row.mime_types | types).items() if value is not None}


def check_values(values: Mapping[str, Value]) -> None:
    """Raise ValidationError, by the settings' names, for values that they cannot have."""
    wrong: dict[str, list[str]] = {}
    for name, value in values.items():
        if name not in SETTINGS:
            raise ValidationError("There is no such setting.")
        try:
            SETTINGS[name].check(value)
        except ValidationError as error:
            wrong[name] = error.messages
    if wrong:
        raise ValidationError(wrong)
