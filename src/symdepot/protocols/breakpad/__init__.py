"""The protocol of crash tools: GET /NAME/ID/NAME.sym."""
