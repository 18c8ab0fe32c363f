#!/usr/bin/env python3
"""Prove that our protos say what the official ones say.

Compiles everything under Protos/ and compares each message, field (number, type, label, presence, oneof),
enum value and service method with the descriptor of the same full name in the PyPI package xds-protos.
Ours may leave things out, but may not differ. Needs protoc and: pip install xds-protos
"""
import pathlib, pkgutil, subprocess, sys, tempfile

from google.protobuf import descriptor_pb2, descriptor_pool

# Modules whose import registers the official descriptors of everything we use.
OFFICIAL = """
envoy.config.cluster.v3.cluster_pb2 envoy.config.endpoint.v3.endpoint_pb2 envoy.config.listener.v3.listener_pb2
envoy.config.route.v3.route_pb2 envoy.config.trace.v3.datadog_pb2 envoy.config.trace.v3.opentelemetry_pb2
envoy.config.trace.v3.zipkin_pb2 envoy.extensions.filters.http.credential_injector.v3.credential_injector_pb2
envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2
envoy.extensions.http.injected_credentials.generic.v3.generic_pb2 envoy.extensions.filters.http.router.v3.router_pb2
envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2
envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2
envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 envoy.extensions.transport_sockets.tls.v3.tls_pb2
envoy.extensions.request_id.uuid.v3.uuid_pb2
envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 envoy.service.discovery.v3.ads_pb2
envoy.service.runtime.v3.rtds_pb2 envoy.type.tracing.v3.custom_tag_pb2 google.rpc.status_pb2
""".split()

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = {number: name for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()}
ASPECTS = ("name", "kind", "type", "label", "presence", "oneof", "packing")


class Checker:
    def __init__(self, ours, official):
        self.ours, self.official = ours, official
        self.messages = self.fields = self.values = self.methods = 0
        self.faults = []

    def fault(self, name, text):
        self.faults.append(f"{name}: {text}")

    def find(self, lookup, name):
        try:
            return lookup(name)
        except KeyError:
            self.fault(name, "the official API has no such name")

    def file(self, proto):
        prefix = proto.package + "."
        for message in proto.message_type:
            self.message(prefix + message.name)
        for enum in proto.enum_type:
            self.enum(prefix + enum.name)
        for service in proto.service:
            self.service(prefix + service.name)

    def message(self, name):
        mine, theirs = self.ours.FindMessageTypeByName(name), self.find(self.official.FindMessageTypeByName, name)
        if theirs is None:
            return
        self.messages += 1
        for field in mine.fields:
            self.fields += 1
            other = theirs.fields_by_number.get(field.number)
            if other is None:
                self.fault(field.full_name, f"the official message has no field number {field.number}")
                continue
            for what, a, b in zip(ASPECTS, describe(field), describe(other)):
                if a != b:
                    self.fault(field.full_name, f"{what} is {a}, officially {b}")
        for nested in mine.nested_types:
            self.message(nested.full_name)
        for enum in mine.enum_types:
            self.enum(enum.full_name)

    def enum(self, name):
        mine, theirs = self.ours.FindEnumTypeByName(name), self.find(self.official.FindEnumTypeByName, name)
        if theirs is None:
            return
        for value in mine.values:
            self.values += 1
            other = theirs.values_by_number.get(value.number)
            if other is None or other.name != value.name:
                self.fault(f"{name}.{value.name}", f"{value.number} is officially {other.name if other else 'unused'}")

    def service(self, name):
        mine, theirs = self.ours.FindServiceByName(name), self.find(self.official.FindServiceByName, name)
        if theirs is None:
            return
        for method in mine.methods:
            self.methods += 1
            other = theirs.methods_by_name.get(method.name)
            if other is None:
                self.fault(method.full_name, "the official service has no such method")
            elif signature(method) != signature(other):
                self.fault(method.full_name, f"is {signature(method)}, officially {signature(other)}")


def describe(field):
    named = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return (field.name, KINDS.get(field.type, field.type), named and named.full_name,
            "repeated" if field.is_repeated else "singular", field.has_presence, oneof and oneof.name, field.is_packed)


def signature(method):
    return (method.input_type.full_name, method.output_type.full_name, method.client_streaming, method.server_streaming)


def compile_ours():
    sources = sorted(str(p.relative_to(ROOT / "Protos")) for p in (ROOT / "Protos").rglob("*.proto"))
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        subprocess.run(["protoc", f"--proto_path={ROOT / 'Protos'}", "--include_imports",
                        f"--descriptor_set_out={out.name}", *sources], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    return pool, [file for file in files if not file.name.startswith("google/protobuf/")]


def main():
    try:
        for module in OFFICIAL:
            pkgutil.resolve_name(module)
    except ImportError as error:
        sys.exit(f"check-protos: {error}; install the official descriptors with: pip install xds-protos")
    pool, files = compile_ours()
    checker = Checker(pool, descriptor_pool.Default())
    for file in files:
        checker.file(file)
    print("\n".join(checker.faults), end="\n" if checker.faults else "", file=sys.stderr)
    print(f"{checker.messages} messages, {checker.fields} fields checked "
          f"({checker.values} enum values, {checker.methods} methods)")
    sys.exit(1 if checker.faults or not checker.fields else 0)


if __name__ == "__main__":
    main()
