"""dagster-gcp with the credentials of a destination: a service account's key, or those of the
environment."""

from dagster_gcp.gcs import GCSResource
from google.cloud import storage
from pydantic import Field

from evexport_dagster.settings import GcsDestination, destination_of
from evexport_dagster.stores.gcs import GcsStore


class GCSDestinationResource(GCSResource):
    """A client of Google Cloud Storage for one destination, with its key and its endpoint."""

    folder: str = Field(description="The project folder.")
    destination: str = Field(description="A destination of its `evexport.yaml`, of type `gcs`.")

    def get_client(self) -> storage.Client:
        """A client; raises AccessError where the key cannot be read."""
        found = destination_of(self.folder, self.destination, GcsDestination)
        return GcsStore(self.destination, found).client(self.project)
