"""The properties of a request: its own over its environment's, its type's and its provider's."""

from __future__ import annotations

from collections.abc import Mapping

from krmfn.nodes.node_types import Offer
from krmfn.nodes.request import Request
from krmfn.platform import properties as platform_properties
from krmfn.platform.named_objects import NamedObjects
from krmfn.platform.properties import (
    ENVIRONMENT,
    IMAGE_DATASOURCE,
    IMAGE_URL,
    MERGE_TEMPLATE,
    NEEDS_LEAVE,
    OS_IMAGE,
    SOURCES,
    Given,
    Leave,
    given,
)
from krmfn.problems import Collector, Place
from krmfn.records import record


@record(frozen=True)
class Effective:
    """The properties of a request: all of them, and the `traits` that describe its node.

    What an OSImage adds says how to get the image: it is not a trait.
    """

    given: Given
    traits: dict[str, str]


@record(frozen=True)
class Properties:
    """Finds the effective properties of requests.

    `leave` is what the config leaves to them.
    """

    objects: NamedObjects
    leave: Leave

    def effective(
        self, request: Request, offer: Offer, provider: Place, problems: Collector
    ) -> Effective:
        """Return the effective properties of a request, each with the place that gave it.

        `provider` is the place of the provider's spec.
        """
        asked = request.asked
        claimed: Given = {}
        for part in asked.written:
            claimed |= given(part.properties, part.at)
        inherited = given(offer.provider.spec.properties, provider.field("properties"))
        inherited |= given(offer.type_properties, offer.at.field("properties"))
        environment = (inherited | claimed).get(ENVIRONMENT)
        if environment is None and asked.environment:
            environment = (asked.environment, asked.at.field("environmentRef"))
        if environment:
            inherited |= self._environment(request, *environment, problems)
        properties = inherited | claimed
        traits = {key: value for key, (value, _) in properties.items()}
        return Effective(self._with_image(properties, problems), traits)

    def _environment(self, request: Request, name: str, at: Place, problems: Collector) -> Given:
        """Return the properties of a NodeEnvironment that `at` names.

        It has to be for the request's provider and virtual cluster.
        """
        from krmfn.platform.node_environment import NodeEnvironment

        environment, where = self.objects.find(
            NodeEnvironment, name, at, request.namespace, problems
        )
        if environment is None:
            return {}
        spec, asked = environment.spec, request.asked
        for key, value, expected in (
            ("providerRef", spec.provider_ref, asked.provider),
            ("vClusterRef", spec.v_cluster_ref, asked.virtual_cluster),
        ):
            if value and value != expected:
                message = f"names an environment whose {key} is {value}, not {expected}"
                problems.append(at.error(message))
        if spec.control_plane:
            message = "names an environment of control planes; krmfn renders worker nodes"
            problems.append(at.error(message))
        self._check(spec.properties, where, (ENVIRONMENT,), problems)
        if MERGE_TEMPLATE in spec.properties and not self.leave.templates:
            # An environment belongs to the project, as its claims do.
            place = where.field("properties", MERGE_TEMPLATE)
            problems.append(place.error(NEEDS_LEAVE))
        return given(spec.properties, where.field("properties"))

    def _with_image(self, properties: Given, problems: Collector) -> Given:
        """Add the properties of the OSImage that is named, which win."""
        if OS_IMAGE not in properties:
            return properties
        from krmfn.platform.os_image import OSImage

        name, at = properties[OS_IMAGE]
        image, where = self.objects.find(OSImage, name, at, None, problems)
        if image is None:
            return properties
        self._check(image.spec.properties, where, (OS_IMAGE, ENVIRONMENT), problems)
        added = given(image.spec.properties, where.field("properties"))
        if IMAGE_URL not in added and IMAGE_DATASOURCE not in added:
            return properties | added
        # Its image takes the place of any other, whichever property names that.
        others = {key: value for key, value in properties.items() if key not in SOURCES}
        return others | added

    def _check(
        self,
        properties: Mapping[str, str],
        where: Place,
        nested: tuple[str, ...],
        problems: Collector,
    ) -> None:
        """Check the properties of an object that is named by one of `nested`."""
        at = where.field("properties")
        problems += platform_properties.problems(properties, at, self.leave)
        for key in nested:
            if key in properties:
                message = "can't be set here: it is what names this object"
                problems.append(at.field(key).error(message))
