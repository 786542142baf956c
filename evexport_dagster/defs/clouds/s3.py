"""dagster-aws with the credentials of a destination: keys, a role, or the environment's."""

from typing import Any

from dagster_aws.s3 import S3Resource
from pydantic import Field

from evexport_dagster.settings import S3Destination, destination_of
from evexport_dagster.stores.s3 import S3Store


class S3DestinationResource(S3Resource):
    """A client of S3 for one destination: a role is assumed with its external id, and its keys
    are renewed while the client lives."""

    folder: str = Field(description="The project folder.")
    destination: str = Field(description="A destination of its `evexport.yaml`, of type `s3`.")

    def get_client(self) -> Any:
        """A boto3 client; raises AccessError or UnavailableError where the role is refused."""
        found = destination_of(self.folder, self.destination, S3Destination)
        return S3Store(self.destination, found).client(self.max_attempts)
