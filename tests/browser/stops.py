"""Every page with its address, and the workspace in which everything was done once."""

from dataclasses import dataclass

from tests.browser.product import PEOPLE, Place, Product

ARTICLES = [
    ("en-us-360912", "Parcel is late <b>or lost</b>", "usable"),
    ("en-us-360913", "طرد متأخر 📦", "usable"),
    (
        "en-us-360914",
        "Refunds, exchanges and returns: what a customer may ask for, until when, and " * 3,
        "usable",
    ),
    ("en-us-360915", "Nothing but pictures", "empty"),
    ("en-us-360916", "A page behind a log-in", "failed"),
]

# As long as an address may reasonably be: it stands in most lists.
WHO = "anna-katharina.von-und-zu-hohenlohe@knowledge.international.example.com"


@dataclass(frozen=True)
class Stop:
    """A page: its address, `{…}` filled in from the workspace, and a text that must be visible."""

    name: str
    path: str
    sees: str
    role: str = "admin"


PAGES = [
    Stop("home", "{full}", "sources"),
    Stop("discover-notion", "{full}discover/notion/", "Discover"),
    Stop("discover-zendesk", "{full}discover/zendesk/", "OWASP Cheat Sheets"),
    Stop("discover-confluence", "{full}discover/confluence/", "Discover"),
    Stop("register", "{full}register/", "External ID"),
    Stop("web", "{full}web/", "Found by crawling"),
    Stop("queue", "{full}queue/", "Waits in the queue"),
    Stop("preview", "{full}previews/{preview}/", "Nothing has been sent yet"),
    Stop("deletion", "{full}previews/{deletion}/delete/", "Type 1 to delete 1 source"),
    Stop("sources", "{full}sources/", "Nothing but pictures"),
    Stop("source", "{full}sources/{usable}/", "en-us-360912"),
    Stop("source-failed", "{full}sources/{failed}/", "A page behind a log-in"),
    Stop("runs", "{full}runs/", "zendesk"),
    Stop("run", "{full}runs/{run}/", "Nothing but pictures"),
    Stop("audit", "{full}audit/", "POST"),
    Stop("call", "{full}audit/{call}/", "Who, why"),
    Stop("activity", "{full}activity/", "grace@fini.example"),
    Stop("timeline", "{full}activity/?show=all", "register"),
    Stop("searches", "{full}searches/?page=calls&query=q%3Droute%253Alist", "route:list"),
    Stop("keys", "{full}keys/", "Verify"),
    Stop("key-edit", "{full}keys/{key}/edit/", "Save key"),
    Stop("members", "{full}members/", "Vera Molnár"),
    Stop("settings", "{full}settings/", "Settings"),
    Stop("people", "/people/", "Grace Hopper", role="superuser"),
    Stop("workspaces", "/workspaces/", "Parcels", role="superuser"),
    Stop("styleguide", "/styleguide/", "Filter bar", role="superuser"),
    Stop("password", "/accounts/password/change/", "Change password"),
    Stop("choice", "/", "Parcels"),
    Stop("appearance", "/accounts/appearance/", "Time zone"),
    Stop("viewer-call", "{full}audit/{call}/", "Admins see the bodies", role="viewer"),
    Stop("empty-home", "{empty}", "First steps"),
    Stop("empty-discover", "{empty}discover/notion/", "Discover"),
    Stop("empty-web", "{empty}web/", "Paste addresses"),
    Stop("empty-queue", "{empty}queue/", "Queue"),
    Stop("empty-sources", "{empty}sources/", "Sources"),
    Stop("empty-runs", "{empty}runs/", "Runs"),
    Stop("empty-audit", "{empty}audit/", "No call was made yet"),
    Stop("empty-keys", "{empty}keys/", "API key"),
]


def furnished(product: Product) -> Place:
    """A workspace in which everything was done once: usable, empty, failed, waiting, and something discovered."""
    place = product.place("parcels", "Parcels")
    known = [article(number, title) for number, title, _ in ARTICLES]
    waits = article("waits", "Waits in the queue")
    with product.pace(outcomes={number: outcome for number, _, outcome in ARTICLES}):
        place.work(
            actor=WHO,
            discover=["notion", "confluence", "zendesk"],
            crawl=["https://help.acme.example/hc/"],
            register=[
                {"provider": "zendesk", "resources": known, "then_ingest": True},
                {"provider": "notion", "resources": [waits], "then_ingest": False},
            ],
        )
    product.place("nothing-yet", "Nothing yet", with_key=False)
    return place


def article(number: str, title: str) -> dict[str, str]:
    """A resource, as the product's functions take it."""
    return {
        "external_id": number,
        "title": title,
        "original_url": f"https://help.acme.example/hc/articles/{number}",
        "mime_type": "text/html",
        "object": "article",
    }


def filled_in(product: Product, parcels: Place) -> dict[str, str]:
    """What stands for `{…}` in the addresses."""
    ids = {document["externalId"]: document["id"] for document in parcels.documents()}
    last = parcels.calls("POST")[-1]["request_id"]
    made = product.furnish(slug=parcels.slug, people={}, preview=PEOPLE["admin"][0])
    return {
        "full": parcels.at(),
        "empty": "/w/nothing-yet/",
        "usable": ids["en-us-360912"],
        "failed": ids["en-us-360916"],
        "run": "5",
        "call": last,
        "preview": made["preview"],
        "deletion": made["deletion"],
        "key": made["key"],
    }
