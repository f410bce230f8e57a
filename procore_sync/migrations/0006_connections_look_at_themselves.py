"""The daily look: when it began, what it found of each hook; and sign-ins of Procore users under way."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('companies', '0002_audit_is_insert_only'),
        ("procore_sync", "0005_review"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Connections made before are looked at as well, from now on.
        migrations.RunSQL(
            "UPDATE procore_sync_procoreintegration SET next_at = now() WHERE state <> 'disconnected'",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name='procoreintegration',
            name='check_started_at',
            field=models.DateTimeField(help_text='Of the check that is going on.', null=True),
        ),
        migrations.AddField(
            model_name='procoreproject',
            name='checked_at',
            field=models.DateTimeField(help_text='When its hook and our permission were last looked at.', null=True),
        ),
        migrations.AddField(
            model_name='procoreproject',
            name='hook_problem',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AlterField(
            model_name='procoreproject',
            name='problem',
            field=models.CharField(blank=True, help_text='Of reading it.', max_length=300),
        ),
        migrations.CreateModel(
            name='OAuthState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('procore_company_id', models.BigIntegerField()),
                ('state_sha256', models.CharField(max_length=64, unique=True)),
                ('session_sha256', models.CharField(max_length=64)),
                ('expires_at', models.DateTimeField()),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='companies.company')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
