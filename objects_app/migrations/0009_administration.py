"""Whose session is whose; the journal by what it is asked for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0008_figures'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConsoleSession',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='console_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'console_session',
            },
        ),
        migrations.AlterField(
            model_name='journalentry',
            name='operation',
            field=models.CharField(choices=[('create_bucket', 'Create Bucket'), ('delete_bucket', 'Delete Bucket'), ('put', 'Put'), ('delete', 'Delete'), ('copy', 'Copy'), ('move', 'Move'), ('restore', 'Restore'), ('change_object', 'Change Object'), ('delete_version', 'Delete Version'), ('change_bucket', 'Change Bucket'), ('change_allowance', 'Change Allowance'), ('grant', 'Grant'), ('revoke_grant', 'Revoke Grant'), ('create_key', 'Create Key'), ('revoke_key', 'Revoke Key'), ('create_token', 'Create Token'), ('presign', 'Presign'), ('login', 'Login'), ('login_failed', 'Login Failed'), ('logout', 'Logout'), ('change_password', 'Change Password'), ('rotate_secrets', 'Rotate Secrets'), ('end_session', 'End Session'), ('release_lock', 'Release Lock'), ('create_user', 'Create User'), ('change_user', 'Change User'), ('create_group', 'Create Group'), ('change_group', 'Change Group'), ('delete_group', 'Delete Group')], max_length=32),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(fields=['created_at', 'id'], name='journal_by_time'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(fields=['actor', 'created_at', 'id'], name='journal_by_actor'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(fields=['bucket_name', 'created_at', 'id'], name='journal_by_bucket'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(condition=models.Q(('key_id', ''), _negated=True), fields=['key_id', 'created_at', 'id'], name='journal_by_key_id'),
        ),
        migrations.AddIndex(
            model_name='journalentry',
            index=models.Index(condition=models.Q(('operation', 'put'), _negated=True), fields=['operation', 'created_at', 'id'], name='journal_by_operation'),
        ),
    ]
