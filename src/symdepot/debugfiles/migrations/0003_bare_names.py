from django.db import migrations, models

from symdepot.domain import bare_names

_ROWS_A_STATEMENT = 5000


def fill_in(apps, schema_editor):
    rows = apps.get_model('debugfiles', 'DebugFile').objects
    known = rows.order_by('pk').values_list('pk', 'object_name')
    update = 'UPDATE debugfiles_debugfile SET bare_name = %s WHERE id = %s'
    with schema_editor.connection.cursor() as cursor:
        after = 0
        while some := list(known.filter(pk__gt=after)[:_ROWS_A_STATEMENT]):
            cursor.executemany(update, [(bare_names.bare(name), pk) for pk, name in some])
            after = some[-1][0]


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
