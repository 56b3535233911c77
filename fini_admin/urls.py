"""The pages. Every view carries its rule (permissions.py); allauth's get theirs here, and only those in use."""

from allauth.account import views as account
from django.urls import path, re_path

from fini_admin import pages, styleguide
from fini_admin.ingestion.views import home, previews, runs
from fini_admin.permissions import public, signed_in
from fini_admin.workspaces import views as workspaces

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", pages.healthz, name="healthz"),
    path("readyz", pages.readyz, name="readyz"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("workspaces/", workspaces.index, name="workspaces"),
    path("switch/", pages.switch, name="switch"),
    path("w/<slug:slug>/", home.home, name="workspace"),
    path("w/<slug:slug>/runs/", runs.index, name="runs"),
    path("w/<slug:slug>/runs/<int:number>/", runs.run, name="run"),
    path("w/<slug:slug>/previews/<str:token>/", previews.preview, name="preview"),
    path("accounts/login/", public(account.login), name="account_login"),
    path("accounts/logout/", signed_in(account.logout), name="account_logout"),
    path("accounts/inactive/", public(account.account_inactive), name="account_inactive"),
    path("accounts/reauthenticate/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("accounts/password/change/", signed_in(account.password_change), name="account_change_password"),
    path("accounts/password/reset/", public(account.password_reset), name="account_reset_password"),
    path(
        "accounts/password/reset/done/",
        public(account.password_reset_done),
        name="account_reset_password_done",
    ),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        public(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/key/done/",
        public(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    # Where allauth sends someone whose address nobody vouched for (a person made outside `add_user`).
    path(
        "accounts/confirm-email/",
        public(account.email_verification_sent),
        name="account_email_verification_sent",
    ),
    re_path(
        r"^accounts/confirm-email/(?P<key>[-:\w]+)/$",
        public(account.confirm_email),
        name="account_confirm_email",
    ),
]
