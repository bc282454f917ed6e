"""What WinDbg, .NET and Symbolicator speak: GET /NAME/ID/NAME, and other layouts."""
