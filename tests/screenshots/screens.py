"""Every screen: where it is, and what is opened on it before it is pictured."""

from typing import NamedTuple


class Screen(NamedTuple):
    """A screen's file name, what it shows, and its address.

    In `path` stand the names of what `filling.fill` returns. `click` are elements to
    click on first, by Playwright's selectors. `signed_in` is False for what strangers
    see.
    """

    name: str
    title: str
    path: str
    click: tuple[str, ...] = ()
    signed_in: bool = True


_PHOTOS = "/ui/buckets/photos"
_PANORAMA = "key=2025%2Ficeland%2Fpanorama.png"

SCREENS = (
    Screen("login", "Sign in", "/ui/login/", signed_in=False),
    Screen("buckets", "Buckets", "/ui/"),
    Screen("browser", "A folder", "/ui/buckets/photos/?prefix=2025%2Ficeland%2F"),
    Screen("new-bucket", "A new bucket", "/ui/new-bucket/"),
    Screen(
        "time-travel",
        "A folder as it was",
        "/ui/buckets/photos/?prefix=2025%2Ficeland%2F&at={at}",
    ),
    Screen(
        "time-travel-choice",
        "Choosing a moment",
        "/ui/buckets/photos/?prefix=2025%2Ficeland%2F",
        click=("summary:has-text('Time travel')",),
    ),
    Screen("search", "Search over everything", "/ui/search/?q=img_20"),
    Screen("object", "An object", f"{_PHOTOS}/object?{_PANORAMA}"),
    Screen("share", "A link to share", f"{_PHOTOS}/share?{_PANORAMA}"),
    Screen("object-tags", "Tags", f"{_PHOTOS}/object/description?{_PANORAMA}"),
    Screen("object-move", "Moving", f"{_PHOTOS}/object/move?{_PANORAMA}"),
    Screen("object-copy", "Copying", f"{_PHOTOS}/object/copy?{_PANORAMA}"),
    Screen("object-delete", "Deleting", f"{_PHOTOS}/object/delete?{_PANORAMA}"),
    Screen("settings", "A bucket's settings", "/ui/buckets/photos/settings/"),
    Screen(
        "restore",
        "A folder goes back in time",
        "/ui/buckets/photos/restore/?prefix=2025%2Ficeland%2F&at={at}",
    ),
    Screen("uploads", "Unfinished uploads", "/ui/buckets/photos/uploads/"),
    Screen("jobs", "Jobs", "/ui/jobs/"),
    Screen("job", "A job", "/ui/jobs/{job}/"),
    Screen("overview", "Overview", "/ui/overview/"),
    Screen("activity", "Activity", "/ui/activity/"),
    Screen("keys", "My access keys", "/ui/keys/"),
    Screen("account", "My account and sessions", "/ui/account/"),
    Screen("users", "Users", "/ui/users/"),
    Screen("user", "A user", "/ui/users/maria/"),
    Screen("groups", "Groups", "/ui/groups/"),
    Screen("group", "A group", "/ui/groups/one?name=field-team"),
    Screen("everyones-keys", "Everyone's access keys", "/ui/everyones-keys/"),
    Screen("lockouts", "Lock-outs", "/ui/lockouts/"),
    Screen("password", "Change a password", "/ui/password/"),
    Screen("admin", "Django admin", "/admin/"),
    Screen("admin-objects", "Objects in the admin", "/admin/objects_app/storedobject/"),
)

# Names of the dashboard's paths that answer GET, and that no picture is of.
EXCEPTIONS = {
    "activity_csv": "a file",
    "extent": "numbers for a script",
    "javascript_catalog": "a script",
    "oidc": "leads to the identity provider",
    "oidc_callback": "comes from the identity provider",
    "overview_health": "a part of the overview",
}
