from django.db import migrations, models

from symdepot.domain.symbol_paths import name_normalization

_ROWS_A_STATEMENT = 500


def fill_in(apps, schema_editor):
    rows = apps.get_model('debugfiles', 'DebugFile').objects
    known = rows.order_by('pk').values_list('pk', 'object_name')
    with schema_editor.connection.cursor() as cursor:
        after = 0
        while some := list(known.filter(pk__gt=after)[:_ROWS_A_STATEMENT]):
            values = ', '.join(['(%s, %s)'] * len(some))
            named = [value for pk, name in some for value in (pk, name_normalization.normalize(name))]
            cursor.execute(_FILL_IN.format(values=values), named)
            after = some[-1][0]


# The columns get their types from the first row: on Postgres, bigint and text.
_FILL_IN = '''
    WITH known (id, name) AS (VALUES {values})
    UPDATE debugfiles_debugfile SET bare_name = known.name
    FROM known WHERE debugfiles_debugfile.id = known.id
'''


class Migration(migrations.Migration):

    dependencies = [
        ('debugfiles', '0002_associations_and_wanted_ids'),
        ('projects', '0003_public_projects'),
        ('uploads', '0004_leases_at_rest'),
    ]

    operations = [
        migrations.AddField(
            model_name='debugfile',
            name='bare_name',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='debugfile',
            index=models.Index(fields=['project', 'bare_name', 'id'], name='by_bare_name'),
        ),
    ]
