"""A person's own theme, density and time zone."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from fini_admin.web.forms.preferences import AppearanceForm
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import SignedInRequest, signed_in
from fini_admin.workspaces.appearance import change_appearance


@signed_in
def index(request: SignedInRequest) -> HttpResponse:
    """The form; posted, by it or by a button of the menu's foot, what was chosen."""
    if request.method != "POST":
        held = {name: getattr(request.user, name) for name in AppearanceForm.base_fields}
        return render(request, "preferences.html", {"form": AppearanceForm(initial=held)})
    form = AppearanceForm(request.POST)
    if not form.is_valid():
        return render(request, "preferences.html", {"form": form}, status=422)
    change_appearance(request.user, **form.chosen())
    back = request.POST.get("next", "")
    if back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect_to(request, back)
    messages.success(request, "Saved.")
    return redirect_to(request, request.get_full_path())
