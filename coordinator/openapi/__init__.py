"""The API's documents: OpenAPI 3.1 from what the routes declare, Swagger UI, ReDoc."""

from coordinator.openapi.document import DescribedRoute, build_document
from coordinator.openapi.routes import document_handlers

__all__ = ["DescribedRoute", "build_document", "document_handlers"]
