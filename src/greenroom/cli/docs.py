"""`greenroom docs`: the documentation as static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from greenroom.app import build_app
from greenroom.errors import Refused
from greenroom.settings import Settings
from greenroom.web.docs.export import INDEX, export
from greenroom.web.docs.pages import load_site


def docs(
    directory: Annotated[Path, typer.Argument(help="Directory to write to; created if it is missing.")],
) -> None:
    """
    Write the documentation of this version as static files, with a search in the browser.

    Any web server can serve the directory, under any path; the pages also open from disk, without a network. The
    directory has to be empty or to contain an earlier export, whose files are replaced.
    """
    if directory.exists() and not directory.is_dir():
        raise Refused(f"{directory} is a file. Name a directory.")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / INDEX).exists():
        raise Refused(f"{directory} has other files, so nothing was written. Name an empty directory, or a new one.")
    app = build_app(Settings())
    pages = 0
    try:
        for path, content in export(load_site(app), app.openapi()):
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.parent.chmod(0o755)  # for the web server's user, whatever the umask for the gateway's data is
            target.write_bytes(content)
            target.chmod(0o644)
            pages += path.endswith(".html")
    except OSError as error:
        raise Refused(f"{error.filename or directory} cannot be written: {error.strerror}.") from None
    typer.echo(f"Wrote {pages} pages to {directory}. Open {directory / 'index.html'}.")
