"""Each provider on Home: how much of what it lists is in Fini, and how fresh that is."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma

from fini_admin.fini.providers import PROVIDERS
from fini_admin.ingestion.kinds.discovery import Discovery, discoveries_of
from fini_admin.ingestion.models import NOT_CONNECTED
from fini_admin.ingestion.schedules import schedule_statuses
from fini_admin.sources import tree
from fini_admin.sources.tree import LeafCounts, Scope
from fini_admin.web.charts import LEAST_IN_COLUMN, Part, PartsBar, parts_bar
from fini_admin.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """A provider's discovery, its resources as its tree counts them, and when it is discovered next."""

    found: Discovery
    number: LeafCounts
    next_at: datetime | None

    @property
    def chart(self) -> PartsBar:
        held = self.number.total - self.number.new
        return parts_bar(
            [
                Part("usable", held, intcomma(held)),
                Part("waiting", self.number.new, intcomma(self.number.new)),
            ],
            least=LEAST_IN_COLUMN,
        )

    @property
    def held(self) -> int:
        """How many of its resources are in Fini."""
        return self.number.total - self.number.new

    @property
    def connected(self) -> bool:
        """Whether Fini said nothing else when it was asked last."""
        return self.found.run is None or self.found.run.error_kind != NOT_CONNECTED

    @property
    def button(self) -> str:
        """What the link to its page says."""
        if not self.connected:
            return "What to do"
        return f"See {intcomma(self.number.new)} new" if self.number.new else "Discover"

    @property
    def query(self) -> str:
        return "?show=new" if self.connected and self.number.new else ""


def provider_lines(workspace: Workspace) -> list[ProviderLine]:
    planned = {one.schedule.provider: one.schedule.next_at for one in schedule_statuses(workspace)}
    discoveries = discoveries_of(workspace, PROVIDERS)
    listed = [found for found in discoveries if found.listed]
    numbers = tree.totals(Scope(workspace, found.provider, found.number) for found in listed)
    return [
        ProviderLine(found, numbers.get(found.provider, LeafCounts()), planned.get(found.provider))
        for found in discoveries
    ]
