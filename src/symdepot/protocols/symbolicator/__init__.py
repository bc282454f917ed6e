"""What crash tools speak: POST /symbolicate, with modules and stack traces."""
