"""Django database backend: Postgres that may go away and come back."""
