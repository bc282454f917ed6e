"""`symdepot store`."""

import typer

from symdepot.server import setup
from symdepot.server.cli.arguments import DataDir

app = typer.Typer(
    name="store", help="Which disk or bucket has the bytes.", no_args_is_help=True
)

ADOPT_EXAMPLES = "After the bytes were copied to a new bucket: symdepot store adopt"


@app.command(epilog=ADOPT_EXAMPLES)
def adopt(data_dir: DataDir = None) -> None:
    """Make the storage of SYMDEPOT_BLOB_URL the one of this database.

    The database and its storage have the same random id, so that nothing is written
    into the mount point of a missing disk or into another bucket. A complete copy of the
    storage has the id, too, and needs no command. Run this for a copy without the object
    `store-id`, or to begin anew with an empty storage. Running servers notice by
    themselves.
    """
    setup.setup(data_dir=data_dir)
    from symdepot.blobs.configured import blob_store
    from symdepot.uploads import store_identity

    store_id = store_identity.adopt(blob_store())
    typer.echo(f"The storage {store_id} is now the one of this database.")
    typer.echo("`symdepot fsck --quick` lists what it lacks.")
