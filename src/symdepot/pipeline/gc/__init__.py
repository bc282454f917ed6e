"""Garbage collection: delete what retention rules expire and what no row refers to.

References, from the outside in::

    DebugFile ──> File ──> FileChunk ──> Chunk ──> blob
                   ^                       ^
                   └── SymCache ──> blob   ├── ChunkOwner    (one per organization) <── ChunkProof
    Assembly ──────────────────────────────┴── AwaitedChunk  (unfinished upload)

Only debug files expire: by the retention rules of their project, or because they have
been superseded for long enough (`retention_rules`). All else is deleted once nothing
refers to it. A chunk also stays as long as an unfinished upload awaits it, and for
`KEEP_UNASSEMBLED_HOURS` after it was last received.

`planner` computes what to delete without changing anything; its result is the dry run.
`collector` deletes it from the outside in: debug files, files with their symcaches,
uploads, chunk ownerships, chunks, outdated symcaches, and at last orphans, which are
blobs that no row names. Each batch is one short transaction that checks its rows again,
so a run can be interrupted, and can run beside uploads and other runs.

Rows are deleted first and blobs last. A crash in between leaves an orphan, which the
next run deletes, and never a row without its blob.

Freeing and recording chunks exclude each other (`chunks.freeing`,
`chunks.not_while_freeing`). Otherwise gc could find that no row names a blob, an upload
could write such a row, and gc would then delete the blob. With the lock, `delete_blobs`
either sees the row of a chunk that was uploaded again, or `chunks.record_chunks` sees
that the blob is gone and lets the client send it again. `delete_blobs` takes the lock
for a few blobs at a time, so uploads never wait long.

`deletion` holds the statements; `steps`, `upload_requests` and the protocols use it, too.
"""
