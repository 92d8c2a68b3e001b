"""Paths of the console: dashboard and Django admin."""

from django.contrib import admin
from django.urls import path

from objects_app.web import (
    account,
    activity,
    browser,
    bucket_restore,
    bucket_settings,
    bucket_uploads,
    buckets,
    catalog,
    groups,
    guards,
    jobs,
    keys,
    object_changes,
    object_description,
    objects,
    overview,
    refusals,
    search,
    sharing,
    sign_in,
    single_sign_on,
    uploads_form,
    users,
)
from objects_app.web.pages import page

handler400 = refusals.bad_request
handler404 = refusals.not_found

urlpatterns = [
    path("ui/", buckets.home, name="home"),
    path("ui/new-bucket/", buckets.new_bucket, name="new_bucket"),
    path(
        "ui/first-steps/dismiss",
        buckets.dismiss_first_steps,
        name="dismiss_first_steps",
    ),
    path("ui/search/", search.search, name="search"),
    path("ui/buckets/<bucket>/", browser.browser, name="browser"),
    path("ui/buckets/<bucket>/upload", uploads_form.upload, name="upload"),
    path("ui/buckets/<bucket>/extent", browser.extent, name="extent"),
    path("ui/buckets/<bucket>/archive", browser.download, name="archive"),
    path("ui/buckets/<bucket>/object", objects.stored_object, name="object"),
    path(
        "ui/buckets/<bucket>/restore/",
        bucket_restore.bucket_restore,
        name="bucket_restore",
    ),
    path(
        "ui/buckets/<bucket>/uploads/",
        bucket_uploads.bucket_uploads,
        name="bucket_uploads",
    ),
    path(
        "ui/buckets/<bucket>/uploads/abort",
        bucket_uploads.abort,
        name="bucket_uploads_abort",
    ),
    path("ui/jobs/", jobs.job_list, name="jobs"),
    path("ui/jobs/<job_id>/", jobs.job, name="job"),
    path("ui/jobs/<job_id>/cancel", jobs.cancel, name="job_cancel"),
    path(
        "ui/buckets/<bucket>/settings/",
        bucket_settings.bucket_settings,
        name="bucket_settings",
    ),
    path(
        "ui/buckets/<bucket>/settings/delete",
        bucket_settings.delete_bucket,
        name="delete_bucket",
    ),
    path(
        "ui/buckets/<bucket>/settings/empty",
        bucket_settings.empty_bucket,
        name="empty_bucket",
    ),
    path(
        "ui/buckets/<bucket>/settings/<what>",
        bucket_settings.change_bucket,
        name="change_bucket",
    ),
    path("ui/buckets/<bucket>/object/move", object_changes.move, name="object_move"),
    path("ui/buckets/<bucket>/object/copy", object_changes.copy, name="object_copy"),
    path(
        "ui/buckets/<bucket>/object/delete", object_changes.delete, name="object_delete"
    ),
    path(
        "ui/buckets/<bucket>/object/restore",
        object_changes.restore,
        name="object_restore",
    ),
    path(
        "ui/buckets/<bucket>/object/description",
        object_description.describe,
        name="object_description",
    ),
    path("ui/buckets/<bucket>/share", sharing.share, name="object_share"),
    path("ui/overview/", overview.overview, name="overview"),
    path("ui/overview/health/", overview.overview_health, name="overview_health"),
    path("ui/keys/", keys.my_keys, name="my_keys"),
    path("ui/keys/revoke", keys.revoke, name="revoke_key"),
    path("ui/account/", account.account, name="account"),
    path("ui/account/end", account.end_session, name="end_session"),
    path("ui/account/end-others", account.end_others, name="end_others"),
    path("ui/users/", users.all_users, name="users"),
    path("ui/users/<path:name>/", users.one_user, name="user"),
    path("ui/groups/", groups.all_groups, name="groups"),
    path("ui/groups/one", groups.one_group, name="group"),
    path("ui/everyones-keys/", guards.everyones_keys, name="everyones_keys"),
    path("ui/lockouts/", guards.lockouts, name="lockouts"),
    path("ui/activity/", activity.activity, name="activity"),
    path("ui/activity/activity.csv", activity.activity_csv, name="activity_csv"),
    path("ui/texts.js", catalog.texts, name="javascript_catalog"),
    path("ui/login/", sign_in.SignIn.as_view(), name="login"),
    path("ui/logout/", sign_in.SignOut.as_view(), name="logout"),
    path("ui/password/", page(sign_in.Password.as_view()), name="password"),
    path("ui/oidc/", single_sign_on.begin, name="oidc"),
    path("ui/oidc/callback", single_sign_on.callback, name="oidc_callback"),
    # Before the admin's own, whose names lead here too.
    path("admin/login/", sign_in.to_sign_in),
    path("admin/logout/", sign_in.SignOut.as_view()),
    path("admin/password_change/", sign_in.to_password),
    path("admin/", admin.site.urls),
]
