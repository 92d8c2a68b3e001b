"""Who may read a content is asked of each bucket, not of each object that has it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0004_depth'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(fields=['blob', 'bucket'], name='object_content'),
        ),
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(condition=models.Q(('blob__isnull', True), ('is_delete_marker', False)), fields=['sha256'], name='object_of_segments'),
        ),
        # The first takes the place of the foreign key's own. Altering the field would
        # have SQLite remake the table, and forget its triggers.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL('DROP INDEX stored_object_blob_id_83e3972f', migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='storedobject',
                    name='blob',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='stored_objects', to='objects_app.blob'),
                ),
            ],
        ),
    ]
