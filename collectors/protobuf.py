"""Protobuf messages of a few lines of schema, without a compiler's output."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

Message = Any  # its classes are made when the program runs, and have no types


def messages(package: str, schema: Mapping[str, str]) -> Mapping[str, Message]:
    """Classes by name, of proto3; each is written as `number type name, ...`, `type*` repeats."""
    # A pool of its own: another library may have registered the same names in the default one.
    pool = DescriptorPool()
    pool.AddSerializedFile(_file(package, schema).SerializeToString())
    return {
        name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema
    }


def _file(package: str, schema: Mapping[str, str]) -> FileDescriptorProto:
    file = FileDescriptorProto(name="messages.proto", package=package, syntax="proto3")
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            number, kind, field_name = text.split(" ")
            field = message.field.add(name=field_name, number=int(number))
            repeated = FieldDescriptorProto.LABEL_REPEATED
            field.label = repeated if kind[-1] == "*" else FieldDescriptorProto.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in schema:
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".{package}.{kind}"
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    return file
