"""Buckets, objects, blobs, the journal, and the guard in the database itself."""

import django.db.models.functions.datetime
import objects_app.models
from django.conf import settings
from django.db import migrations, models


REFERRING = ("stored_object", "segment", "upload_part")

POSTGRESQL = [
    # Followers read the journal below pg_snapshot_xmin: ids commit out of order.
    "ALTER TABLE journal_entry ADD COLUMN xid xid8 NOT NULL"
    " DEFAULT pg_current_xact_id()",
    "CREATE INDEX journal_entry_xid ON journal_entry (xid)",
    # Overwriting is never a HOT update here (indexed columns change).
    "ALTER TABLE stored_object SET (autovacuum_vacuum_scale_factor = 0.05)",
    "ALTER TABLE blob SET (autovacuum_vacuum_scale_factor = 0.05)",
    # The guard: a referenced blob cannot become deleting, a deleting one cannot be
    # referred to, whatever the code above does.
    "ALTER TABLE blob ADD COLUMN usable boolean"
    " GENERATED ALWAYS AS (deleting_since IS NULL) STORED",
    "ALTER TABLE blob ADD CONSTRAINT blob_id_usable UNIQUE (id, usable)",
    *(
        f"ALTER TABLE {table}"
        f" ADD CONSTRAINT {table}_usable CHECK (blob_usable),"
        f" ADD CONSTRAINT {table}_guard FOREIGN KEY (blob_id, blob_usable)"
        " REFERENCES blob (id, usable) NOT DEFERRABLE"
        for table in REFERRING
    ),
]

REFERRED = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE blob_id = OLD.id)" for table in REFERRING
)

# SQLite drops a table's triggers when a later migration remakes the table: such a
# migration has to make them again (tests/test_guard.py fails otherwise).
SQLITE = [
    "CREATE TRIGGER blob_guard_mark BEFORE UPDATE OF deleting_since ON blob"
    f" WHEN NEW.deleting_since IS NOT NULL AND ({REFERRED})"
    " BEGIN SELECT RAISE(ABORT, 'a referenced blob cannot be deleting'); END",
    *(
        f"CREATE TRIGGER {table}_guard_{name} BEFORE {event} ON {table}"
        " WHEN NEW.blob_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob"
        " WHERE id = NEW.blob_id AND deleting_since IS NULL)"
        " BEGIN SELECT RAISE(ABORT, 'the blob is gone or being removed'); END"
        for table in REFERRING
        for name, event in (("insert", "INSERT"), ("update", "UPDATE OF blob_id"))
    ),
]

# What a person expects from SELECT * FROM objects.
VIEW = (
    "CREATE VIEW objects AS SELECT b.name AS bucket, o.key, o.sha256 AS hash, o.size,"
    " o.content_type, o.node_id, o.created_at"
    " FROM stored_object o JOIN bucket b ON b.id = o.bucket_id"
    " WHERE o.is_latest AND NOT o.is_delete_marker"
)


def finish_schema(apps, schema_editor):
    """Add what the ORM cannot say: the guard, the journal's order, the view."""
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:  # the guard's key does all that Django's plain one would
        schema_editor.deferred_sql = [
            statement
            for statement in schema_editor.deferred_sql
            if 'REFERENCES "blob"' not in str(statement)
        ]
    for statement in [*(POSTGRESQL if postgresql else SQLITE), VIEW]:
        schema_editor.execute(statement, params=None)


def drop_view(apps, schema_editor):
    """The rest goes with its tables."""
    schema_editor.execute("DROP VIEW objects", params=None)


class Migration(migrations.Migration):
    """The whole schema."""

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BucketTotals',
            fields=[
                ('bucket_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('objects_total', models.BigIntegerField(default=0)),
                ('bytes_total', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name_plural': 'bucket totals',
                'db_table': 'bucket_totals',
            },
        ),
        migrations.CreateModel(
            name='JournalEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('bucket_id', models.BigIntegerField()),
                ('bucket_name', objects_app.models.KeyField()),
                ('key', objects_app.models.KeyField(default='')),
                ('version_id', models.CharField(default='', max_length=64)),
                ('operation', models.CharField(choices=[('create_bucket', 'Create Bucket'), ('delete_bucket', 'Delete Bucket'), ('put', 'Put'), ('delete', 'Delete')], max_length=32)),
                ('objects_delta', models.IntegerField(default=0)),
                ('bytes_delta', models.BigIntegerField(default=0)),
                ('sha256', models.CharField(default='', max_length=64)),
                ('old_blob_id', models.BigIntegerField(null=True)),
                ('actor', models.CharField(max_length=255)),
                ('node_id', models.CharField(max_length=128)),
                ('request_id', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'verbose_name_plural': 'journal entries',
                'db_table': 'journal_entry',
            },
        ),
        migrations.CreateModel(
            name='JournalWatermark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'journal_watermark',
            },
        ),
        migrations.CreateModel(
            name='Blob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('md5', models.CharField(blank=True, max_length=32, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('verified_at', models.DateTimeField(blank=True, null=True)),
                ('condemned_at', models.DateTimeField(blank=True, null=True)),
                ('deleting_since', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'blob',
                'indexes': [models.Index(condition=models.Q(('condemned_at__isnull', False)), fields=['condemned_at'], name='blob_condemned')],
                'constraints': [models.UniqueConstraint(fields=('sha256',), name='one_blob_per_digest'), models.CheckConstraint(condition=models.Q(('size__gte', 0)), name='blob_size_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Bucket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', objects_app.models.KeyField()),
                ('visibility', models.CharField(choices=[('private', 'Private')], default='private', max_length=16)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='buckets', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'bucket',
                'constraints': [models.UniqueConstraint(fields=('name',), name='one_bucket_per_name')],
            },
        ),
        migrations.CreateModel(
            name='StoredObject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blob_usable', models.BooleanField(db_default=True, editable=False)),
                ('key', objects_app.models.KeyField()),
                ('version_id', models.CharField(default='null', max_length=64)),
                ('is_latest', models.BooleanField(default=True)),
                ('is_delete_marker', models.BooleanField(default=False)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('prev_size', models.BigIntegerField(editable=False, null=True)),
                ('prev_blob_id', models.BigIntegerField(editable=False, null=True)),
                ('etag', models.CharField(max_length=128)),
                ('content_type', models.CharField(max_length=255)),
                ('headers', models.JSONField(default=dict)),
                ('metadata', models.JSONField(default=dict)),
                ('tags', models.JSONField(default=dict)),
                ('node_id', models.CharField(max_length=128)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('superseded_at', models.DateTimeField(editable=False, null=True)),
                ('blob', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='stored_objects', to='objects_app.blob')),
                ('bucket', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stored_objects', to='objects_app.bucket')),
            ],
            options={
                'verbose_name': 'object',
                'db_table': 'stored_object',
            },
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blob_usable', models.BooleanField(db_default=True, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('offset', models.BigIntegerField()),
                ('size', models.BigIntegerField()),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='segments', to='objects_app.blob')),
                ('object', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='segments', to='objects_app.storedobject')),
            ],
            options={
                'db_table': 'segment',
            },
        ),
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('upload_id', models.CharField(max_length=64, unique=True)),
                ('key', objects_app.models.KeyField()),
                ('content_type', models.CharField(max_length=255)),
                ('headers', models.JSONField(default=dict)),
                ('metadata', models.JSONField(default=dict)),
                ('actor', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('bucket', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uploads', to='objects_app.bucket')),
            ],
            options={
                'db_table': 'upload',
            },
        ),
        migrations.CreateModel(
            name='UploadPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blob_usable', models.BooleanField(db_default=True, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('size', models.BigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='upload_parts', to='objects_app.blob')),
                ('upload', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='objects_app.upload')),
            ],
            options={
                'db_table': 'upload_part',
            },
        ),
        migrations.AddConstraint(
            model_name='storedobject',
            constraint=models.UniqueConstraint(condition=models.Q(('is_latest', True)), fields=('bucket', 'key'), name='one_latest_per_key'),
        ),
        migrations.AddConstraint(
            model_name='storedobject',
            constraint=models.UniqueConstraint(fields=('bucket', 'key', 'version_id'), name='one_row_per_version'),
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(fields=('object', 'number'), name='one_segment_a_place'),
        ),
        migrations.AddConstraint(
            model_name='uploadpart',
            constraint=models.UniqueConstraint(fields=('upload', 'number'), name='one_part_a_number'),
        ),
        migrations.RunPython(finish_schema, drop_view),
    ]
