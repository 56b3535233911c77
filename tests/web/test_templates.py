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
    """What each page's file says, by its name. Probes are answered in plain text."""
    files = (WEB / "views").glob("[!_]*.py")
    return {path.stem: path.read_text() for path in files if path.stem != "probes"}


def test_a_view_shows_the_templates_of_its_own_name_and_shared_parts() -> None:
    shown = {(view, name) for view, text in views().items() for name in NAME.findall(text)}
    assert {view for view, _ in shown} == set(views())
    strange = [(view, name) for view, name in shown if re.split(r"[/.]", name)[0] not in {view, "components"}]
    assert strange == []


def test_a_folder_of_templates_has_the_name_of_what_shows_it() -> None:
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()} - ALLAUTHS - {"components"}
    assert folders <= set(views())


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


def test_a_telephone_knows_what_each_cell_of_a_table_is() -> None:
    # phone.css makes blocks of rows by these; a cell without one is not shown there.
    roles = re.compile(r'class="[^"]*\b(title|state|when|reason|gauge|fact|act|pick)\b|data-label=')
    matrices = {"components/_chart_table.html", "members/members.html"}
    cells = [
        (name, cell)
        for path in TEMPLATES.rglob("*.html")
        if (name := path.relative_to(TEMPLATES).as_posix()) not in matrices
        for cell in re.findall(r"<td\b(?:[^>{]|{[%{].*?[%}]})*>", path.read_text())
    ]
    assert len(cells) > 50
    assert [(name, cell) for name, cell in cells if not roles.search(cell)] == []


def test_what_destroys_looks_alike_and_is_never_the_first_choice() -> None:
    destroys = re.compile(
        r"^(Archive|Delete|End|Remove|Stop|Switch off|Take away|Withdraw)\b(?!.*from the queue)"
    )
    found = [
        (path.relative_to(TEMPLATES).as_posix(), attributes, " ".join(text.split()))
        for path in TEMPLATES.rglob("*.html")
        # A row of the form that was not sent yet is no loss.
        if path.name != "register.html"
        for attributes, text in re.findall(r"<(?:button|a)\b([^>]*button[^>]*)>([^<]*)", path.read_text())
    ]
    of_these = [(name, attributes) for name, attributes, text in found if destroys.match(text)]
    assert len(of_these) > 8
    assert [name for name, attributes in of_these if "button-danger" not in attributes] == []
