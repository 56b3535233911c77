"""The length of a password (OWASP ASVS 2.1); the other rules are Django's, in the settings."""

import re

from django.core.exceptions import ValidationError

LEAST, MOST = 12, 128
PATTERN = rf"[\s\S]{{{LEAST},{MOST}}}"
IN_WORDS = (
    f"{LEAST} to {MOST} characters, not only digits, no common password, and unlike your name and address."
)


class Length:
    """A validator for AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError below 12 characters, a run of spaces counting as one, and above 128."""
        if len(re.sub(r"\s+", " ", password)) < LEAST:
            raise ValidationError(f"A password needs at least {LEAST} characters.", code="password_too_short")
        if len(password) > MOST:
            raise ValidationError(f"A password has at most {MOST} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        return f"A password has {LEAST} to {MOST} characters."
