"""Serves files by symbol paths of any layout.

Source: spec/serving 2, 4.2 and 9.
"""

from django.http import HttpRequest, HttpResponseBase

from symdepot.debugfiles import contents
from symdepot.domain.symbol_paths import path_parser
from symdepot.domain.symbol_paths.path_parser import Layout
from symdepot.protocols import download_lookup, file_response, plain_text_responses


@plain_text_responses.text_view(
    plain_text_responses.SYMBOL_SERVER, lambda _: "symstore"
)
def by_path(
    request: HttpRequest,
    path: str,
    token: str | None = None,
    layout: Layout = Layout.SYMSTORE,
) -> HttpResponseBase:
    """Answer with the file of `path` in `layout`.

    The other files of a store on disk (`index2.txt`, `pingme.txt`, `file.ptr`, `x.pd_`)
    do not exist here. Like all paths of no layout they need no token.
    """
    query = path_parser.parse(layout, path)
    if query is None:
        return plain_text_responses.ignored_response()
    found = download_lookup.find_file(request, token, query)
    return file_response.serve(
        request, contents.file_content(found), filename=found.object_name
    )
