from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0006_sweeps_leave'),
    ]

    operations = [
        migrations.CreateModel(
            name='StoreIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('store_id', models.CharField(max_length=64)),
                ('is_written', models.BooleanField(default=False)),
            ],
        ),
    ]
