"""The URLconf. Every view has its rule (permissions.py); allauth's views get theirs here, and only those in use."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from django.conf import settings
from django.urls import path, re_path

from fini_admin.web import middleware
from fini_admin.web.accounts import challenge
from fini_admin.web.accounts import views as log_in
from fini_admin.web.accounts.sensitive import reauthenticated
from fini_admin.web.key_guard import as_typed
from fini_admin.web.permissions import enrols, public, signed_in
from fini_admin.web.views import (
    audit,
    discover,
    home,
    invitations,
    keys,
    members,
    palette,
    people,
    preferences,
    previews,
    probes,
    queue,
    register,
    runs,
    searches,
    shortcuts,
    sources,
    styleguide,
    web,
    workspaces,
)
from fini_admin.web.views import settings as workspace_settings

handler500 = middleware.server_error

urlpatterns = [
    path("", workspaces.choose, name="home"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("workspaces/", workspaces.index, name="workspaces"),
    path("workspaces/<uuid:workspace_id>/rename/", workspaces.rename, name="workspace_rename"),
    path("workspaces/<uuid:workspace_id>/archive/", workspaces.archive, name="workspace_archive"),
    path("workspaces/<uuid:workspace_id>/restore/", workspaces.restore, name="workspace_restore"),
    path("people/", people.index, name="people"),
    path("people/<int:number>/", people.person, name="person"),
    path("accounts/appearance/", preferences.index, name="preferences"),
    path("switch/", workspaces.switch_workspace, name="switch"),
    path("accounts/shortcuts/", shortcuts.index, name="shortcuts"),
    path("w/<slug:slug>/", home.home, name="workspace"),
    path("w/<slug:slug>/find/", palette.results, name="palette_results"),
    path("w/<slug:slug>/register/", register.register, name="register"),
    path("w/<slug:slug>/web/", web.index, name="web"),
    path("w/<slug:slug>/discover/", discover.index, name="discover"),
    path("w/<slug:slug>/discover/<str:provider>/", discover.provider, name="discover"),
    path("w/<slug:slug>/sources/", sources.index, name="sources"),
    path("w/<slug:slug>/sync/", sources.sync, name="sources_sync"),
    path("w/<slug:slug>/sources/<str:fini_id>/", sources.source, name="source"),
    path("w/<slug:slug>/runs/", runs.index, name="runs"),
    path("w/<slug:slug>/runs/<int:number>/", runs.run, name="run"),
    path("w/<slug:slug>/runs/hold/", runs.hold, name="runs_hold"),
    path("w/<slug:slug>/runs/<int:number>/steer/", runs.steer, name="run_steer"),
    path("w/<slug:slug>/runs/<int:number>/retry/", runs.retry, name="run_retry"),
    path("w/<slug:slug>/runs/<int:number>/register-again/", runs.register_again, name="run_register_again"),
    path("w/<slug:slug>/previews/<slug:token>/", previews.preview, name="preview"),
    path("w/<slug:slug>/previews/<slug:token>/delete/", previews.deletion, name="deletion"),
    path("w/<slug:slug>/queue/", queue.queue, name="queue"),
    path("w/<slug:slug>/audit/", audit.calls, name="calls"),
    path("w/<slug:slug>/audit/<uuid:call>/", audit.call, name="call"),
    path("w/<slug:slug>/audit/<uuid:call>/<slug:side>/", audit.body, name="call_body"),
    path("w/<slug:slug>/activity/", audit.activity, name="activity"),
    path("w/<slug:slug>/searches/", searches.index, name="searches"),
    path("w/<slug:slug>/keys/", keys.index, name="keys"),
    path("w/<slug:slug>/keys/<uuid:key_id>/verify/", keys.verify, name="key_verify"),
    path("w/<slug:slug>/keys/<uuid:key_id>/switch/", keys.switch, name="key_switch"),
    path("w/<slug:slug>/keys/<uuid:key_id>/off/", keys.switch_off, name="key_off"),
    path("w/<slug:slug>/keys/<uuid:key_id>/edit/", keys.edit, name="key_edit"),
    path("w/<slug:slug>/members/", members.index, name="members"),
    path("w/<slug:slug>/members/<int:number>/role/", members.role, name="member_role"),
    path("w/<slug:slug>/members/<int:number>/remove/", members.remove, name="member_remove"),
    path("w/<slug:slug>/invitations/<int:number>/withdraw/", members.withdraw, name="invitation_withdraw"),
    path("w/<slug:slug>/invitations/<int:number>/renew/", members.renew, name="invitation_renew"),
    path("w/<slug:slug>/settings/", workspace_settings.index, name="settings"),
    path(
        "w/<slug:slug>/settings/schedules/<str:provider>/take-over/",
        workspace_settings.take_over,
        name="schedule_take_over",
    ),
    path("invitations/", invitations.invitation, name="invitation"),
    path("invitations/<str:token>/", invitations.link, name="invitation_link"),
    path(
        "accounts/login/",
        public(as_typed("password")(log_in.invalid_is_422(log_in.Login.as_view()))),
        name="account_login",
    ),
    path("accounts/logout/", enrols(signed_in(account.logout)), name="account_logout"),
    path("accounts/inactive/", public(account.account_inactive), name="account_inactive"),
    path(
        "accounts/reauthenticate/",
        enrols(signed_in(log_in.reauthenticate)),
        name="account_reauthenticate",
    ),
    path(
        "accounts/reauthenticate/done/",
        enrols(signed_in(log_in.reauthenticated_elsewhere)),
        name="reauthenticated",
    ),
    path("accounts/oidc/login/", public(log_in.provider_login), name="provider_login"),
    path(
        "accounts/oidc/login/callback/",
        public(log_in.provider_callback),
        {"provider_id": settings.OIDC_ID},
        name="openid_connect_callback",
    ),
    path(
        "accounts/oidc/reauthenticate/",
        enrols(signed_in(log_in.provider_reauthenticate)),
        name="provider_reauthenticate",
    ),
    path("accounts/2fa/", signed_in(log_in.factor), name="mfa_index"),
    path("accounts/2fa/code/", public(log_in.invalid_is_422(mfa.authenticate)), name="mfa_authenticate"),
    path(
        "accounts/2fa/reauthenticate/",
        signed_in(log_in.reauthenticate),
        {"way": challenge.CODE},
        name="mfa_reauthenticate",
    ),
    path(
        "accounts/2fa/activate/",
        enrols(signed_in(reauthenticated(log_in.invalid_is_422(log_in.SetUp.as_view()), reading=True))),
        name="mfa_activate_totp",
    ),
    path("accounts/2fa/activate/qr.svg", enrols(signed_in(log_in.qr)), name="mfa_qr"),
    path(
        "accounts/2fa/deactivate/",
        signed_in(reauthenticated(log_in.invalid_is_422(log_in.TakeAway.as_view()), reading=True)),
        name="mfa_deactivate_totp",
    ),
    path(
        "accounts/2fa/codes/",
        signed_in(reauthenticated(log_in.Codes.as_view(), reading=True)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "accounts/2fa/codes/new/",
        signed_in(reauthenticated(log_in.invalid_is_422(log_in.NewCodes.as_view()), reading=True)),
        name="mfa_generate_recovery_codes",
    ),
    path("accounts/sessions/", signed_in(reauthenticated(log_in.own_sessions)), name="sessions"),
    path(
        "accounts/sessions/<int:number>/end/",
        signed_in(reauthenticated(log_in.end_session)),
        name="session_end",
    ),
    path(
        "accounts/password/change/",
        signed_in(as_typed("oldpassword")(log_in.invalid_is_422(log_in.ChangePassword.as_view()))),
        name="account_change_password",
    ),
    path(
        "accounts/password/reset/",
        public(log_in.invalid_is_422(account.password_reset)),
        name="account_reset_password",
    ),
    path(
        "accounts/password/reset/done/",
        public(account.password_reset_done),
        name="account_reset_password_done",
    ),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        public(log_in.invalid_is_422(log_in.NewPassword.as_view())),
        name="account_reset_password_from_key",
    ),
    path(
        "accounts/password/reset/key/done/",
        public(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    # allauth redirects a person with an unverified address here (one created outside `add_user`).
    path(
        "accounts/confirm-email/",
        public(account.email_verification_sent),
        name="account_email_verification_sent",
    ),
    re_path(
        r"^accounts/confirm-email/(?P<key>[-:\w]+)/$",
        public(log_in.ConfirmAddress.as_view()),
        name="account_confirm_email",
    ),
]
