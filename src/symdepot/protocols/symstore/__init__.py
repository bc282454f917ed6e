"""The protocol of WinDbg, .NET and Symbolicator: GET /NAME/ID/NAME, and other layouts."""
