"""Who works where, and the workspaces' API keys (sealed; only vault.py opens one)."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Makes people; their addresses are compared and stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """One person; without a password nobody can log in as them."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an e-mail address. A superuser administers all workspaces (design 5, roles)."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()
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
    """One Fini workspace. Its chain in the audit trail is named by its ID. It is archived, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.slug


class Role(models.TextChoices):
    """What someone is in a workspace; what each may do stands in permissions.py beside it."""

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
    """One key of a workspace is live; the others wait to be switched to, or are off for good."""

    LIVE = "live"
    WAITING = "waiting"
    OFF = "off"


class ApiKey(models.Model):
    """A workspace's key to Fini, sealed (P5). `last_four` is empty for a key too short to show any of it.

    `fingerprint` finds the same key again and tells nothing of it (vault.py). `scopes` are what the last verification
    found, at `verified_at`; `same_workspace` is None where nothing told. A key that is off keeps its row, for the trail
    names it, but neither seal nor fingerprint.

    A waiting key with `fallback_until` was live before the last switch: the work goes back to it when Fini refuses the
    new one before then. `fallen_back_at`: this key was live and refused, and the work went back to another by itself.
    `refused_at` is since when Fini refuses it; `last_refused_at` stays when it takes it again.
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
                violation_error_message="The workspace has a key with this label already.",
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
    """What a workspace set for itself; null, a missing line or a missing row is the default (preferences.py).

    `mime_types` holds the type to offer for a provider's resources that come without one, by the provider's name.
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
