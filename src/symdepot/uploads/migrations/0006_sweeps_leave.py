from django.db import migrations


class Migration(migrations.Migration):
    """Leaves the table `uploads_sweep` to `jobs.PeriodicLock`."""

    dependencies = [
        ('uploads', '0005_assemblies_by_debug_id'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(
                    name='Sweep',
                ),
            ],
        ),
    ]
