"""Which error ended a job."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0006_versioned_since'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='error',
            field=models.CharField(default='', max_length=64),
        ),
    ]
