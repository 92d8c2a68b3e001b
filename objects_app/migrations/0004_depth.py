"""Versions, uploads in parts, jobs."""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
import objects_app.models.fields
from django.conf import settings
from django.db import migrations, models

_initial = import_module("objects_app.migrations.0001_initial")
_TRIGGERS = [statement for statement in _initial.SQLITE if "upload_part" in statement]


def let_go(apps, schema_editor):
    """SQLite remakes tables, which nothing must refer to meanwhile."""
    schema_editor.execute("DROP VIEW objects", params=None)
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER blob_guard_mark", params=None)


def finish_schema(apps, schema_editor):
    """Make the view again, and what of SQLite's guard went with the table of parts."""
    on_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in [*(_TRIGGERS if on_sqlite else []), _initial.VIEW]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0003_access'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(let_go, migrations.RunPython.noop),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job_id', models.CharField(max_length=64, unique=True)),
                ('kind', models.CharField(choices=[('copy', 'Copy'), ('move', 'Move'), ('delete', 'Delete'), ('restore', 'Restore')], max_length=16)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=16)),
                ('bucket_id', models.BigIntegerField()),
                ('target_bucket_id', models.BigIntegerField(null=True)),
                ('parameters', models.JSONField(default=dict)),
                ('actor', models.JSONField(default=list)),
                ('after', objects_app.models.fields.KeyField(default='')),
                ('keys_total', models.BigIntegerField(default=0)),
                ('keys_done', models.BigIntegerField(default=0)),
                ('problem', models.TextField(default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('started_at', models.DateTimeField(editable=False, null=True)),
                ('finished_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'db_table': 'job',
            },
        ),
        migrations.AddField(
            model_name='bucket',
            name='versioning',
            field=models.CharField(choices=[('off', 'Off'), ('enabled', 'Enabled'), ('suspended', 'Suspended')], db_default='off', default='off', max_length=16),
        ),
        migrations.AddField(
            model_name='upload',
            name='completed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='upload',
            name='conditions',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='upload',
            name='expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='upload',
            name='length',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='upload',
            name='protocol',
            field=models.CharField(choices=[('multipart', 'Multipart'), ('tus', 'Tus')], db_default='multipart', default='multipart', max_length=16),
        ),
        migrations.AddField(
            model_name='upload',
            name='received',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='upload',
            name='tags',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='upload',
            name='version_id',
            field=models.CharField(db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='uploadpart',
            name='sha256',
            field=models.CharField(db_default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='journalentry',
            name='operation',
            field=models.CharField(choices=[('create_bucket', 'Create Bucket'), ('delete_bucket', 'Delete Bucket'), ('put', 'Put'), ('delete', 'Delete'), ('copy', 'Copy'), ('move', 'Move'), ('restore', 'Restore'), ('change_object', 'Change Object'), ('delete_version', 'Delete Version'), ('change_bucket', 'Change Bucket'), ('change_allowance', 'Change Allowance'), ('grant', 'Grant'), ('revoke_grant', 'Revoke Grant'), ('create_key', 'Create Key'), ('revoke_key', 'Revoke Key'), ('create_token', 'Create Token'), ('presign', 'Presign'), ('login', 'Login'), ('login_failed', 'Login Failed'), ('logout', 'Logout'), ('change_password', 'Change Password'), ('rotate_secrets', 'Rotate Secrets')], max_length=32),
        ),
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(condition=models.Q(('is_latest', False)), fields=['bucket', 'key', '-created_at', 'superseded_at'], name='object_history'),
        ),
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(condition=models.Q(('is_delete_marker', False), ('sha256', '')), fields=['id'], name='object_without_digest'),
        ),
        migrations.AddIndex(
            model_name='upload',
            index=models.Index(fields=['expires_at'], name='upload_expiry'),
        ),
        migrations.AddIndex(
            model_name='upload',
            index=models.Index(condition=models.Q(('completed_at__isnull', True)), fields=['bucket', 'key', 'upload_id'], name='upload_unfinished'),
        ),
        migrations.AddField(
            model_name='job',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'running'])), fields=['id'], name='job_unfinished'),
        ),
        migrations.RunPython(finish_schema, migrations.RunPython.noop),
    ]
