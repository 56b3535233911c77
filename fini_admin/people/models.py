"""Invitations, and log-ins that wait to be linked. The person herself is in workspaces/models.py."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from fini_admin.workspaces.models import Role, User, Workspace


class Invitation(models.Model):
    """One address may become a member of one workspace, by a link that is shown once.

    Of the link only a hash is kept, so that a stolen database opens no door. It counts until it was accepted, was
    withdrawn, or expired; a row that did is kept.
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
        """Whether its time is over."""
        return self.expires_at <= timezone.now()


class LinkRequest(models.Model):
    """An identifier (subject) at the log-in provider that proved a person's address while another one is linked.

    It was refused. A superuser may link it, which ends the request.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="link_requests")
    provider = models.CharField(max_length=200)
    uid = models.CharField(max_length=191)
    asked_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "provider", "uid"], name="one_link_request"),)

    def __str__(self) -> str:
        return f"{self.uid} asks for {self.user_id}"
