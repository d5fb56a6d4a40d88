"""What the release leaves when it is uninstalled: nothing."""

import pytest

from tests.k8s.readme import BLOCKS, as_it_stands
from tests.k8s.release import Release
from tests.suite.here import gone_within

pytestmark = [pytest.mark.k8s, pytest.mark.timeout(400)]
KINDS = (
    "pods,deployments,services,secrets,configmaps,jobs,cronjobs,serviceaccounts,roles,rolebindings,"
    "components.dapr.io,configurations.dapr.io,resiliencies.dapr.io,persistentvolumeclaims"
)
OF_THE_NAMESPACE = {"kube-root-ca.crt", "dapr-trust-bundle", "default"}


def test_uninstalling_as_in_the_readme_leaves_nothing(release: Release) -> None:
    uninstall, delete_namespace = BLOCKS[1].strip().splitlines()
    as_it_stands(uninstall)

    def left() -> set[str]:
        names = set(release.names(KINDS)) - OF_THE_NAMESPACE
        return {one for one in names if not one.startswith("dapr-")}

    gone_within(left, 90)
    as_it_stands(delete_namespace)
