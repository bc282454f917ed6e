from django.db import migrations, models

_LET_GO = """
    UPDATE uploads_assembly SET lease_expires_at = NULL
    WHERE state NOT IN ('created', 'assembling')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0003_owners_by_checksum'),
    ]

    operations = [
        migrations.RunSQL(_LET_GO, migrations.RunSQL.noop),
        migrations.RemoveIndex(
            model_name='assembly',
            name='assembly_leases',
        ),
        migrations.AddIndex(
            model_name='assembly',
            index=models.Index(condition=models.Q(('lease_expires_at__isnull', False)), fields=['lease_expires_at'], name='assembly_leases'),
        ),
    ]
