"""What a principal may do."""

from coordinator.clients.model import Principal, Scope
from coordinator.errors import Forbidden


def require(principal: Principal, *scopes: Scope) -> None:
    """Check that a principal has one of the scopes.

    Raises:
        Forbidden: it has none of them (A3).
    """
    if not principal.scopes.intersection(scopes):
        names = " or ".join(f"`{scope.value}`" for scope in scopes)
        raise Forbidden(f"This needs an API key with the scope {names}")
