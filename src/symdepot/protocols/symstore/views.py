"""One resolver for all layouts in which the path says what is asked for.

Source: spec/serving 2, 4.2 and 9.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase

from symdepot.debugfiles import project_files
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import download_lookup, file_response, text_views
from symdepot.protocols.symstore.errors import ERRORS


@text_views.text_view(ERRORS, lambda _: "symstore")
def by_path(
    request: HttpRequest,
    path: str,
    token: str | None = None,
    layout: Layout = Layout.SYMSTORE,
) -> HttpResponseBase:
    """Answer with the file that `path` asks for in `layout`.

    `index2.txt`, `pingme.txt`, `file.ptr`, `x.pd_` and whatever else stands in a
    store on a disk is not here, as is nothing else that is no path of a layout; to
    find that out nobody has to be known.
    """
    asked = path_parser.parse(layout, path)
    if asked is None:
        return text_views.text_response(
            "Symbol Not Found (and ignored)", HTTPStatus.NOT_FOUND
        )
    row = download_lookup.find_file(request, token, asked)
    return file_response.serve(
        request, project_files.file_content(row), filename=row.object_name
    )
