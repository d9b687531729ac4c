"""Sites that the clients of the SDK call, as the tests of the API have them."""

from tests.api.conftest import closed_site, empty_databases, folder, site

__all__ = ["closed_site", "empty_databases", "folder", "site"]
