"""dagster-azure with the credentials of a destination: a SAS token, or those of the environment."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.storage.blob import BlobServiceClient
from dagster_azure.blob import AzureBlobStorageDefaultCredential, AzureBlobStorageResource
from pydantic import Field

from evexport_dagster.settings import AzureDestination, destination_of
from evexport_dagster.stores.azure import AzureStore


class AzureDestinationResource(AzureBlobStorageResource):
    """A client of Azure Blob Storage for one destination, also at an account's own domain."""

    account_url: str = Field("", description="Not needed: that of the destination counts.")
    credential: AzureBlobStorageDefaultCredential = Field(
        AzureBlobStorageDefaultCredential(),
        description="Not needed: that of the destination counts.",
    )
    folder: str = Field(description="The project folder.")
    destination: str = Field(description="A destination of its `evexport.yaml`, of type `azure`.")

    @contextmanager
    def get_client(self) -> Iterator[BlobServiceClient]:
        """A client, closed afterwards; raises AccessError where the token is malformed."""
        found = destination_of(self.folder, self.destination, AzureDestination)
        with AzureStore(self.destination, found).client() as client:
            yield client
