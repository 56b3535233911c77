"""The people of this installation, for superusers: switch off and on, remove a lost second factor, link a log-in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from fini_admin.lib.paging import page as paged
from fini_admin.people import linking, second_factor
from fini_admin.people.access import switch_off_user, switch_on_user
from fini_admin.people.linking import link_login
from fini_admin.people.second_factor import remove_second_factor
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.pages import redirect_to
from fini_admin.web.permissions import SignedInRequest, superuser_only
from fini_admin.workspaces.models import User


@superuser_only
def index(request: SignedInRequest) -> HttpResponse:
    """All people of this installation, for superusers."""
    found = paged(second_factor.with_has_factor(User.objects.all()), cursor=request.GET.get("after"))
    asked = linking.latest_requests(found.rows)
    rows = [{"person": person, "asked": asked.get(person.pk)} for person in found.rows]
    return render(
        request, "people/people.html", {"page": found, "rows": rows, "provider": settings.OIDC_NAME}
    )


@superuser_only
@reauthenticated
def person(request: SignedInRequest, number: int) -> HttpResponse:
    """Switch a person off or on, remove a lost second factor, or link a log-in."""
    user = get_object_or_404(User, pk=number)
    do = request.POST.get("do") if request.method == "POST" else None
    who: dict[str, Any] = {"by": request.by, "user": user}
    try:
        if do == "off":
            alone = switch_off_user(**who)
            messages.success(request, f"{user.email} is switched off; every session ended.")
            if alone:
                messages.warning(request, f"No admin is left in {', '.join(alone)}. Make somebody else one.")
        elif do == "on":
            switch_on_user(**who)
            messages.success(request, f"{user.email} can log in again.")
        elif do == "factor":
            remove_second_factor(**who)
            messages.success(
                request, f"{user.email} logs in without a second factor until a new one is set up."
            )
        elif do == "link":
            link_login(**who, number=request.POST.get("which", ""))
            messages.success(
                request, f"{user.email} can log in with that log-in at {settings.OIDC_NAME} too."
            )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect_to(request, reverse("people"))
