from django.db import migrations, models

_FILL = """
    UPDATE uploads_chunkowner SET
        checksum = (SELECT checksum FROM uploads_chunk WHERE id = chunk_id),
        size_bytes = (SELECT size_bytes FROM uploads_chunk WHERE id = chunk_id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0002_offered_by'),
    ]

    operations = [
        migrations.AddField(
            model_name='chunkowner',
            name='checksum',
            field=models.CharField(max_length=40, default=''),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='chunkowner',
            name='size_bytes',
            field=models.PositiveBigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name='chunkowner',
            name='one_proof_an_organization',
        ),
        migrations.AddConstraint(
            model_name='chunkowner',
            constraint=models.UniqueConstraint(fields=('organization', 'checksum', 'size_bytes'), name='one_proof_an_organization'),
        ),
    ]
