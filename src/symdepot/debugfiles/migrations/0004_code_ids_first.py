from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('debugfiles', '0003_bare_names'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='debugfile',
            name='by_code_id',
        ),
        migrations.AddIndex(
            model_name='debugfile',
            index=models.Index(fields=['code_id', 'project'], name='by_code_id_first'),
        ),
    ]
