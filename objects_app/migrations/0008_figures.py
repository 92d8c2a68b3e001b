"""Figures for people, counted and measured."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('objects_app', '0007_job_error'),
    ]

    operations = [
        migrations.CreateModel(
            name='BucketFigures',
            fields=[
                ('bucket_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('objects_total', models.BigIntegerField()),
                ('named_bytes', models.BigIntegerField()),
                ('stored_bytes', models.BigIntegerField()),
                ('measured_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'bucket figures',
                'db_table': 'bucket_figures',
            },
        ),
        migrations.CreateModel(
            name='Chore',
            fields=[
                ('name', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('ended_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('outcome', models.JSONField(default=dict)),
            ],
            options={
                'db_table': 'chore',
            },
        ),
        migrations.CreateModel(
            name='DuplicatedContent',
            fields=[
                ('blob_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.BigIntegerField()),
                ('uses', models.BigIntegerField()),
            ],
            options={
                'db_table': 'duplicated_content',
            },
        ),
        migrations.CreateModel(
            name='RequestCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('node_id', models.CharField(max_length=128)),
                ('requests', models.BigIntegerField(default=0)),
                ('refused', models.BigIntegerField(default=0)),
                ('errors', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'request_count',
                'constraints': [models.UniqueConstraint(fields=('hour', 'node_id'), name='one_count_per_hour_and_node')],
            },
        ),
        migrations.CreateModel(
            name='UsageSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('taken_at', models.DateTimeField()),
                ('bucket_id', models.BigIntegerField()),
                ('objects_total', models.BigIntegerField()),
                ('named_bytes', models.BigIntegerField()),
                ('stored_bytes', models.BigIntegerField()),
            ],
            options={
                'db_table': 'usage_sample',
                'indexes': [models.Index(fields=['taken_at'], name='sample_time')],
                'constraints': [models.UniqueConstraint(fields=('bucket_id', 'taken_at'), name='one_sample_at_a_time')],
            },
        ),
    ]
