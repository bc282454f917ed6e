"""What was made of debug files for looking addresses up, and what could not be."""
