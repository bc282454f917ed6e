"""Zips of debug files, and their upload."""

import io
import zipfile

from django.core.files.uploadedfile import SimpleUploadedFile
from tests.factories import Answer, a_client, a_project, files_url


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return archive.getvalue()


def posted(archive: bytes) -> Answer:
    a_project()
    file = SimpleUploadedFile("symbols.zip", archive)
    return a_client().post(files_url(), {"file": file})
