"""What gdb and all others with libdebuginfod speak: GET /buildid/ID/KIND."""
