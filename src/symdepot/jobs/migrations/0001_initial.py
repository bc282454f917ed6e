from django.db import migrations, models


class Migration(migrations.Migration):
    """Takes over the table `uploads_sweep`, without changing it."""

    dependencies = [
        ('uploads', '0006_sweeps_leave'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='PeriodicLock',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=50, unique=True)),
                        ('holder', models.CharField(blank=True, max_length=32)),
                        ('lease_expires_at', models.DateTimeField(null=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                    ],
                    options={
                        'db_table': 'uploads_sweep',
                    },
                ),
            ],
        ),
    ]
