"""Headers of every response, whichever part of the server makes it."""

import pytest
from tests.clients.depot import Depot

pytestmark = pytest.mark.server

ID = "5ab380779000ffff1234567890abcdef"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nothing/here"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", f"/buildid/{ID}/debuginfo"),
        ("HEAD", f"/buildid/{ID}/executable"),
        ("GET", f"/buildid/{ID}/section/.text"),
        ("POST", f"/buildid/{ID}/debuginfo"),
        ("GET", "/buildid/nonsense/debuginfo"),
        ("GET", f"/s/nonsense/buildid/{ID}/debuginfo"),
        ("GET", f"/a.pdb/{ID.upper()}a/a.pdb"),
        ("GET", f"/a.pdb/{ID.upper()}A/a.sym"),
        ("GET", "/api/0/"),
        ("GET", "/api/0/organizations/other/chunk-upload/"),
        ("POST", "/symbolicate"),
        ("POST", "/symbolicate/v5"),
    ],
)
def test_browsers_do_not_guess_the_type_of_a_response(
    depot: Depot, method: str, path: str
) -> None:
    answer = depot.wire.ask(method, path)

    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_length_of_many_digits_causes_no_internal_error(depot: Depot) -> None:
    length = ("Content-Length", "0" * 30)

    answer = depot.wire.ask("GET", "/health/live", headers=[length])

    assert answer.status == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
