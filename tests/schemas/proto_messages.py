"""The messages of `proto-schemas/`, compiled for the test run, and the Python classes that say the same."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast, get_args

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor
from google.protobuf.message import Message
from grpc_tools import protoc
from makima_schemas.agent import Restarts
from makima_schemas.codec import EVENT_CLASSES
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.model import Deliverable, Gate, Phase
from makima_schemas.daemon import DaemonCommand
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.heartbeat import AgentHeartbeat, ChildProcess, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorCommand

FOLDER: Final = Path(__file__).parents[2] / "proto-schemas"
PACKAGE: Final = "makima.v1"
COMMANDS: Final[tuple[type, ...]] = (
    *get_args(ContractCommand),
    *get_args(SupervisorCommand),
    *get_args(DaemonCommand),
)
EVENTS: Final[tuple[type, ...]] = tuple(cls for classes in EVENT_CLASSES.values() for cls in classes)
HEARTBEATS: Final[tuple[type, ...]] = (SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)
PARTS: Final[tuple[type, ...]] = (Deliverable, Gate, Phase, Evidence, Arrival, Restarts, ChildProcess)
CLASSES: Final = {cls.__name__: cls for cls in (*EVENTS, *COMMANDS, *HEARTBEATS, *PARTS)}
# Messages that no Python class stands for: lists that may be null, a union, and the envelope, which
# `test_proto_envelope` holds.
OWN: Final = {"StringList", "PhaseList", "TaskRequirement", "CloudEvent"}


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """All schemas, compiled by the protoc of grpcio-tools."""
    names = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("makima/v1/*.proto"))
    with TemporaryDirectory() as folder:
        out = Path(folder) / "all.pb"
        standard = str(files("grpc_tools").joinpath("_proto"))
        status = cast(
            "int",
            protoc.main(
                [
                    "protoc",
                    f"-I{FOLDER}",
                    f"-I{standard}",
                    "--include_imports",
                    f"--descriptor_set_out={out}",
                    *names,
                ]
            ),
        )
        assert status == 0, "the schemas do not compile"
        described = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    made = descriptor_pool.DescriptorPool()
    for file in described.file:
        made.Add(file)  # pyright: ignore[reportDeprecated] - the pure and the C implementation both have it
    return made


@cache
def messages() -> Mapping[str, Descriptor]:
    """Name → message, of the package."""
    found: dict[str, Descriptor] = {}
    for path in FOLDER.glob("makima/v1/*.proto"):
        found.update(pool().FindFileByName(str(path.relative_to(FOLDER))).message_types_by_name)
    return found


@cache
def enums() -> Mapping[str, EnumDescriptor]:
    found: dict[str, EnumDescriptor] = {}
    for path in FOLDER.glob("makima/v1/*.proto"):
        found.update(pool().FindFileByName(str(path.relative_to(FOLDER))).enum_types_by_name)
    return found


@cache
def enumerations() -> Mapping[tuple[str, str], str]:
    """(message, member) → the enumeration it is of."""
    return {
        (name, field.name): field.enum_type.name
        for name, message in messages().items()
        for field in message.fields
        if field.enum_type is not None
    }


def new(name: str) -> Message:
    return message_factory.GetMessageClass(messages()[name])()
