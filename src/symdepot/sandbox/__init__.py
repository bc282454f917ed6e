"""The sandbox: native parsers run in child processes with resource limits.

symbolic and libarchive are native code, and a hostile file can crash them, exhaust
memory or loop. So they never parse an uploaded file in a server process.

* `operations` is the interface: inspect a file, convert it to a symcache, query a
  mapping. Each operation has a zygote of its own, so that they do not wait for each
  other, and conversions run at low priority.
* A `zygote` has everything imported and no secrets in its environment. It forks one
  child per file within milliseconds; a new interpreter would take 50 ms to import
  symbolic. It has one thread, which makes forking safe, and parses nothing itself. It
  is started on first use by `zygote_client`, which sends one request at a time over a
  socket, and it exits with the server.
* The `child` lowers its `resource_limits` (address space, CPU time, stack, open files,
  bytes written), performs the operation and exits. Its response is JSON of limited size
  (`protocol`, large data in `mapping_query_json`) and never unpickled, because hostile code
  could have taken over the child.
* In the zygote, `child_monitor` reads the response and kills the child when its time is
  up, so a hanging parser does not depend on its own limits.
* A dead child is a result: the file crashed its parser and would do so again
  (`ParserDied`). Only a child killed from outside, an unreadable disk, or a missing
  zygote is worth a retry (`SandboxUnavailable`).
* Archives are streamed instead: `archive_reader` starts a new `archive_child` for each
  and reads the members from its pipe.

Nothing but this package imports the modules that parse with native code; import
contracts check that. symcaches are our own files and are read in any process.
"""
