"""From a page's view one finds its template, and the reverse."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
WEB = ROOT / "fini_admin" / "web"
# Where allauth looks for its pages; they are shown by accounts/.
ALLAUTHS = {"account", "mfa", "socialaccount", "usersessions"}
NAME = re.compile(r"""["']([\w/]+\.html)[#"']""")


def views() -> dict[str, str]:
    """What each view's file says, by its name."""
    return {path.stem: path.read_text() for path in (WEB / "views").glob("[!_]*.py")}


def test_a_view_shows_the_templates_of_its_own_name_and_shared_parts() -> None:
    shown = {(view, name) for view, text in views().items() for name in NAME.findall(text)}
    assert {view for view, _ in shown} == set(views())
    strange = [(view, name) for view, name in shown if re.split(r"[/.]", name)[0] not in {view, "components"}]
    assert strange == []


def test_a_folder_of_templates_has_the_name_of_what_shows_it() -> None:
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()} - ALLAUTHS - {"components"}
    assert folders <= set(views()) | {"accounts", "pages"}


def test_every_template_of_ours_is_shown() -> None:
    texts = [path.read_text() for path in [*WEB.rglob("*.py"), *TEMPLATES.rglob("*.html")]]
    named = {name for text in texts for name in NAME.findall(text)}
    ours = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    pages = {
        name
        for name in ours
        if name.split("/")[0] not in ALLAUTHS and not re.fullmatch(r"\d+\w*\.html", name)
    }
    assert pages - named == set()
