"""The styles and scripts that every page loads, joined into one file of each when static files are collected."""

from collections.abc import Iterator
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

# In the order in which they count.
BUNDLES = {
    "css/all.css": (
        "css/base.css",
        "css/frame.css",
        "css/components.css",
        "css/charts.css",
        "css/pages.css",
        "css/phone.css",
    ),
    "js/all.js": (
        "js/frame.js",
        "js/beacon.js",
        "js/live.js",
        "js/selection.js",
        "js/list.js",
        "js/preview.js",
        "js/keep.js",
        "js/reauthentication.js",
        "js/errors.js",
        "js/palette.js",
        "js/keys.js",
    ),
}


class BundledStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # published without types
    """WhiteNoise's storage, which also holds the bundles."""

    bundled = True

    def post_process(
        self,
        paths: dict[str, Any],
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as Django's
        **options: Any,
    ) -> Iterator[Any]:
        """As WhiteNoise's, with the bundles among the files that were collected."""
        for name, parts in {} if dry_run else BUNDLES.items():
            self.delete(name)
            self.save(name, ContentFile(b"\n".join(self._bytes_of(part) for part in parts)))
            paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)

    def _bytes_of(self, name: str) -> bytes:
        with self.open(name) as file:
            return bytes(file.read())


def files_of(bundle: str) -> tuple[str, ...]:
    """The files that a page loads for a bundle: itself, or its parts where nothing is collected."""
    return (bundle,) if getattr(staticfiles_storage, "bundled", False) else BUNDLES[bundle]
