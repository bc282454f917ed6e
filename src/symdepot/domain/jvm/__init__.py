"""Stack traces of the JVM and the mappings of ProGuard and R8."""
