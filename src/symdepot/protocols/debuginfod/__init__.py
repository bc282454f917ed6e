"""The protocol of gdb and all users of libdebuginfod: GET /buildid/ID/KIND."""
