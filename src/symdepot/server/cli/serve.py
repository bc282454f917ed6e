"""`symdepot serve`."""

from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir, Host, Port, PublicUrl, Workers

EXAMPLES = """
Alone on this machine: symdepot serve

Behind a proxy: symdepot serve --host 0.0.0.0 --public-url https://symbols.example.com
"""


def serve(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    *,
    public_url: PublicUrl = None,
) -> None:
    """Run the server and its background workers.

    Makes the database on the first start, and brings it up to date on later ones. The
    first start also makes an organization and a project, both called "default", and
    prints what sentry-cli needs to upload to them. Stop it with Ctrl-C: requests and
    files in work are finished first.
    """
    chosen = setup.setup(
        host=host, port=port, workers=workers, data_dir=data_dir, public_url=public_url
    )
    from symdepot.server import launch

    launch.serve(chosen)
