"""Invitations, and log-ins that wait to be linked. The model of a person is in workspaces/models.py."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from fini_admin.workspaces.models import Role, User, Workspace


class Invitation(models.Model):
    """An address that may become a member of a workspace, by a link that is shown once.

    Only a hash of the link's token is kept, so that a stolen database lets nobody in. The link is good until it is
    accepted or withdrawn, or expires; the row stays.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(email=Lower("email")), name="invitation_email_lower_case"),
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation",
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.workspace_id}"

    @property
    def expired(self) -> bool:
        """Whether the link is too old."""
        return self.expires_at <= timezone.now()


class LinkRequest(models.Model):
    """An identifier (subject) at the log-in provider that was refused, for another one is linked to its person.

    A superuser may link it, which deletes the row.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="link_requests")
    provider = models.CharField(max_length=200)
    uid = models.CharField(max_length=191)
    asked_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "provider", "uid"], name="one_link_request"),)

    def __str__(self) -> str:
        return f"{self.uid} asks for {self.user_id}"
