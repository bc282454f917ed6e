"""Where the sources of a program for the JVM stand in a source bundle."""


def bundled_as(class_name: str, file: str | None) -> str:
    """Return the name, in a bundle, of the source in which a class is.

    Whoever bundles knows folders and files, and a stack trace only the class and the
    name of the file, if it is one: the package is taken for the folder. Which language
    it is nobody can tell from a class, so each name ends in `.jvm`.

    Source: spec/serving 4.6; symbolicator-proguard, `build_source_file_name`.

    >>> bundled_as("com.example.Main$Inner", "SourceFile")
    '~/com/example/Main.jvm'
    >>> bundled_as("com.example.MainKt", "Main.kt"), bundled_as("Main", None)
    ('~/com/example/Main.jvm', '~/Main.jvm')
    """
    package, _, simple = class_name.rpartition(".")
    stem = (file or "").rpartition("/")[2].rpartition(".")[0]
    if not stem or "$" in stem:
        stem = simple.partition("$")[0]
    folders = [*package.split("."), stem] if package else [stem]
    return f"~/{'/'.join(folders)}.jvm"
