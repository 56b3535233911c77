"""Who works where, and the workspaces' API keys (sealed; only vault.py opens one)."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

LABEL_TAKEN = "The workspace has a key with this label already."


class Theme(models.TextChoices):
    """The colours of pages, where a person wants others than their system's."""

    LIGHT = "light"
    DARK = "dark"


class Density(models.TextChoices):
    """How close lines stand, where a person wants them closer than usual."""

    COMPACT = "compact"


class User(AbstractBaseUser, PermissionsMixin):
    """A person, identified by an e-mail address. A superuser administers all workspaces."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    # How pages look to this person; empty: as their browser says.
    theme = models.CharField(max_length=10, blank=True, choices=Theme)
    density = models.CharField(max_length=10, blank=True, choices=Density)
    zone = models.CharField(max_length=60, blank=True)
    # Whether single keys do something on pages (keys.js).
    single_keys = models.BooleanField(default=True)

    objects = BaseUserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower_case"),
        )

    def __str__(self) -> str:
        return self.email


class Workspace(models.Model):
    """One Fini workspace. Its ID is the name of its chain in the audit trail. It can be archived, not deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.slug


class Role(models.TextChoices):
    """A person's role in a workspace. What each may do is in permissions.py."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Membership(models.Model):
    """A person's role in a workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "workspace"], name="one_role_per_workspace"),)

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"


class KeyState(models.TextChoices):
    """At most one key of a workspace is live. The others wait to be switched to, or are off for good."""

    LIVE = "live"
    WAITING = "waiting"
    OFF = "off"


class ApiKey(models.Model):
    """A workspace's key to Fini, sealed (P5). `last_four` is empty for a key that is too short to show a part of it.

    `fingerprint` finds the same key again without telling its text (vault.py). `scopes` and `same_workspace` are what
    the last verification found at `verified_at`; `same_workspace` is None where nothing could tell. A key that is off
    keeps its row, which the trail names, without seal and fingerprint.

    A waiting key with `fallback_until` was live before the last switch: until then the work goes back to it when Fini
    refuses the new one. `fallen_back_at` is when Fini refused this key and the work went back to another. `refused_at`
    is since when Fini refuses the key, null when it takes it; `last_refused_at` stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="keys")
    label = models.CharField(max_length=60)
    purpose = models.CharField(max_length=120, blank=True, default="")
    owner = models.CharField(max_length=150, blank=True, default="")
    expires_on = models.DateField(null=True, blank=True)
    sealed = models.BinaryField()
    fingerprint = models.CharField(max_length=72, null=True, editable=False, db_index=True)
    last_four = models.CharField(max_length=4, blank=True)
    state = models.CharField(max_length=10, choices=KeyState, default=KeyState.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.TextField()
    scopes = models.CharField(max_length=40, blank=True, default="")
    verified_at = models.DateTimeField(null=True, blank=True)
    same_workspace = models.BooleanField(null=True, blank=True)
    fallback_until = models.DateTimeField(null=True, blank=True)
    fallen_back_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    last_refused_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["workspace", "label"],
                name="one_key_per_label",
                violation_error_message=LABEL_TAKEN,
            ),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(state=KeyState.LIVE), name="one_live_key_per_workspace"
            ),
            models.CheckConstraint(
                condition=Q(fallback_until=None) | Q(state=KeyState.WAITING),
                name="only_a_waiting_key_falls_back",
            ),
        )

    def __str__(self) -> str:
        return self.label


class WorkspaceSettings(models.Model):
    """The settings of a workspace. Null, a missing entry or a missing row is the default (preferences.py).

    `mime_types`: by provider, the MIME type to offer for resources that come without one.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="settings"
    )
    calls_per_minute = models.PositiveIntegerField(null=True, blank=True)
    batch_size = models.PositiveIntegerField(null=True, blank=True)
    english = models.BooleanField(null=True, blank=True)
    baser = models.BooleanField(null=True, blank=True)
    fallback_hours = models.PositiveIntegerField(null=True, blank=True)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    mime_types = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"settings of {self.workspace_id}"


class SearchedPage(models.TextChoices):
    """The pages whose searches can be saved, by the names of their views."""

    CALLS = "calls"
    ACTIVITY = "activity"


class SavedSearch(models.Model):
    """A search of the audit trail that somebody saved: `query` is the address behind the question mark."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=10, choices=SearchedPage.choices)
    name = models.CharField(max_length=60)
    query = models.TextField()
    shared = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["workspace", "owner", "name"], name="one_search_per_name"),
        )

    def __str__(self) -> str:
        return self.name
