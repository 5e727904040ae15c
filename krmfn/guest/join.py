"""What the guests of a virtual cluster need to join it: endpoint, token and trust."""

from __future__ import annotations

from collections.abc import Iterator

from krmfn.guest.certificate import default_authority, read_authority
from krmfn.guest.endpoint import endpoint_url
from krmfn.guest.secrets import Lookup
from krmfn.guest.token import read_token
from krmfn.manifests.item import Item
from krmfn.patterns import pattern
from krmfn.platform.config import KeyRef, VirtualCluster
from krmfn.problems import Collector, Place, Problem, show
from krmfn.records import record

# At most 64, as the name of a file on an ISO 9660 disk.
_SECRET_KEY = pattern(r"(?!\.)[-._a-zA-Z0-9]{1,64}")
DEFAULT_FILE = "token"
_DISK = "; with joinToken.delivery: Disk the machines get it from the cluster"


@record(frozen=True)
class Join:
    """What a guest of one virtual cluster needs to join.

    It has either `token` or, if a disk brings the token, the names of the disk's Secret (`disk`)
    and of the file on it. `authority` is `file` (with `pem`), `system` or `none`. `arguments` are
    flags for the join script.
    """

    endpoint: str
    token: str
    authority: str
    pem: str = ""
    disk: str = ""
    file: str = ""
    arguments: tuple[str, ...] = ()


def read_join(
    cluster: VirtualCluster, lookup: Lookup, at: Place, problems: Collector
) -> tuple[Join | None, Item | None]:
    """Read what the guests of a virtual cluster join with; `at` is its place in the config.

    Return None if there are errors. The second value is the token's Secret, if the run consumes
    it.
    """
    collected = Collector()
    url = endpoint_url(cluster.endpoint, at.field("endpoint"), collected)
    by_disk = cluster.join_token.delivery == "Disk"
    ref, where = cluster.join_token.secret_key_ref, at.field("joinToken", "secretKeyRef")
    token = disk = file = ""
    if by_disk:
        # Others put the Secret there, often not from Git. It need not be among the items, and
        # if it is, it is not consumed.
        secret = lookup.find("Secret", ref, where, None, Collector())
        disk, file = ref.name, ref.key or DEFAULT_FILE
        collected += _file_problems(ref, where)
    else:
        secret = lookup.find("Secret", ref, where, None, collected, _DISK)
        token = read_token(secret, ref, collected) if secret else ""
    chosen, where = cluster.certificate_authority, at.field("certificateAuthority")
    authority = None
    if chosen:
        authority = read_authority(chosen, lookup, where, collected)
    elif secret or by_disk:
        # A token's Secret that is missing is reported already.
        authority = default_authority(secret, where, collected)
    arguments: tuple[str, ...] = ()
    if cluster.join_arguments:
        # Imported by need: most configs have none, and the start is what most users wait for.
        from krmfn.guest.join_arguments import join_arguments

        place = at.field("joinArguments")
        arguments = join_arguments(cluster.join_arguments, place, collected)
    problems += collected
    consumed = None if by_disk else secret
    if collected.has_errors or authority is None:
        return None, consumed
    return Join(url, token, authority.kind, authority.pem, disk, file, arguments), consumed


def _file_problems(ref: KeyRef, at: Place) -> Iterator[Problem]:
    """Check that the key can be the name of a file on the disk."""
    if ref.key is not None and not _SECRET_KEY.fullmatch(ref.key):
        grammar = "must be the key of a Secret: A-Z, a-z, 0-9, -, _ and ."
        yield at.field("key").error(f"is {show(ref.key)}; {grammar}")
