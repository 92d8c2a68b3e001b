"""What the admin does is in the journal."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0009_administration'),
    ]

    operations = [
        migrations.AlterField(
            model_name='journalentry',
            name='operation',
            field=models.CharField(choices=[('create_bucket', 'Create Bucket'), ('delete_bucket', 'Delete Bucket'), ('put', 'Put'), ('delete', 'Delete'), ('copy', 'Copy'), ('move', 'Move'), ('restore', 'Restore'), ('change_object', 'Change Object'), ('delete_version', 'Delete Version'), ('change_bucket', 'Change Bucket'), ('change_allowance', 'Change Allowance'), ('grant', 'Grant'), ('revoke_grant', 'Revoke Grant'), ('create_key', 'Create Key'), ('revoke_key', 'Revoke Key'), ('create_token', 'Create Token'), ('presign', 'Presign'), ('login', 'Login'), ('login_failed', 'Login Failed'), ('logout', 'Logout'), ('change_password', 'Change Password'), ('rotate_secrets', 'Rotate Secrets'), ('end_session', 'End Session'), ('release_lock', 'Release Lock'), ('create_user', 'Create User'), ('change_user', 'Change User'), ('create_group', 'Create Group'), ('change_group', 'Change Group'), ('delete_group', 'Delete Group'), ('cancel_job', 'Cancel Job'), ('abort_upload', 'Abort Upload'), ('verify', 'Verify'), ('sweep', 'Sweep')], max_length=32),
        ),
    ]
