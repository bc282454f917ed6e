"""What crash tools speak: GET /NAME/ID/NAME.sym."""
