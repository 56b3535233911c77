"""The keys that do something on pages, and whether a person wants those without Ctrl or ⌘."""

from django.contrib import messages
from django.http import HttpResponse

from fini_admin.web.forms.shortcuts import ShortcutsForm
from fini_admin.web.pages import redirect_to, render_page
from fini_admin.web.permissions import SignedInRequest, signed_in
from fini_admin.workspaces.appearance import change_appearance

WITH_CTRL = (("Ctrl K or ⌘ K", "Go to a page, a source, a run or a call"),)
SINGLE = (
    ("/", "Search on this page"),
    ("j and k", "Next and previous row"),
    ("x", "Tick the row, or untick it"),
    ("Enter", "Open the row"),
    ("?", "Show these keys"),
)
ANYWHERE = (
    ("Esc", "Close what is open, else clear the selection"),
    ("Arrow keys", "In a tree: next and previous, open and close a branch"),
)


@signed_in
def index(request: SignedInRequest) -> HttpResponse:
    """The keys; posted, whether single ones do something."""
    form = ShortcutsForm(
        request.POST if request.method == "POST" else None, initial={"single_keys": request.user.single_keys}
    )
    if request.method == "POST" and form.is_valid():
        change_appearance(request.user, single_keys=form.cleaned_data["single_keys"])
        messages.success(request, "Saved.")
        return redirect_to(request, request.get_full_path())
    context: dict[str, object] = {
        "form": form,
        "groups": (("With Ctrl or ⌘", WITH_CTRL), ("Single keys", SINGLE), ("Everywhere", ANYWHERE)),
    }
    return render_page(request, "shortcuts.html", context, parts=("keys",))
