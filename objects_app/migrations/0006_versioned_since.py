"""When a bucket began to keep versions."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0005_content_in_segments'),
    ]

    operations = [
        migrations.AddField(
            model_name='bucket',
            name='versioned_since',
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
