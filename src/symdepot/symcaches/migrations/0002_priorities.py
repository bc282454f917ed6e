from django.db import migrations, models
from django.utils import timezone


def make_claimable(apps, schema_editor):
    """Earlier versions wrote when a queued row's task counts as lost, up to hours later."""
    SymCache = apps.get_model("symcaches", "SymCache")
    SymCache.objects.filter(outcome="queued").update(lease_expires_at=timezone.now())


class Migration(migrations.Migration):

    dependencies = [
        ("symcaches", "0001_initial"),
        ("uploads", "0006_sweeps_leave"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="symcache",
            name="symcache_leases",
        ),
        migrations.AddField(
            model_name="symcache",
            name="priority",
            field=models.PositiveBigIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name="symcache",
            index=models.Index(
                condition=models.Q(("lease_expires_at__isnull", False)),
                fields=["-priority", "id"],
                name="symcache_queue",
            ),
        ),
        migrations.RunPython(make_claimable, migrations.RunPython.noop, elidable=True),
    ]
