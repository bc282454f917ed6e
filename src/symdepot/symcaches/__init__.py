"""Symcaches: debug files converted for address lookup, and why some could not be.

A row of `SymCache` per object of a file says whether its symcache is queued, being made,
made or failed; `lifecycle` is its only writer. A row is queued when its debug file enters
the catalogue, by `pipeline.symcache_backfill`, and when `opener` finds it missing, due for
another attempt, or with damaged bytes.

The bytes are in three places:

- the blob store, under their SHA-1, for the whole installation;
- the disk cache of each machine (`disk_cache`), verified and ready to be mapped;
- the memory cache of each process (`opener.MemoryCache`), mapped and parsed.

`opener` goes through them from the last to the first. `failure_report` reports failures.
"""
