# SPDX-License-Identifier: Apache-2.0
"""/cosi.resource.State: resources are read and watched here, and never written."""
import re

from . import messages
from .dispatch import READER, STREAM, UNARY, rpc
from .errors import denied, invalid, not_found, unimplemented
from .resource_specs import NAMESPACES, SENSITIVE, SINCE, TYPES

FULL = {name.lower(): name for name in TYPES}


def check(node, call, namespace, kind):
    """The type by its full name, if whoever asks may read it."""
    full = FULL.get(kind.lower())
    if not full or node.version.line < SINCE.get(full, (0, 0)):
        raise denied(f'resource type "{kind}" is not supported')
    if namespace not in NAMESPACES:
        raise denied(f'namespace "{namespace}" is not supported')
    if full in SENSITIVE and (node.in_maintenance or not call.is_admin):
        raise denied("not authorized")
    return full


@rpc("/cosi.resource.State/Get", roles=READER, types=(UNARY, messages.GetRequest, messages.GetResponse))
async def get(node, request, call):
    kind = check(node, call, request.namespace, request.type)
    # Some follow from other nodes.
    node.resources.refresh()
    found = node.resources.find(request.namespace, kind, request.id)
    if not found:
        raise not_found(f"resource {kind}({request.namespace}/{request.id}@undefined) doesn't exist")
    return messages.GetResponse(resource=found.message())


@rpc("/cosi.resource.State/List", roles=READER, types=(STREAM, messages.ListRequest, messages.ListResponse))
async def list_all(node, request, call):
    kind = check(node, call, request.namespace, request.type)
    wanted = selector(request.options.label_query, request.options.id_query)
    node.resources.refresh()
    for found in of_kind(node, request.namespace, kind):
        if wanted(found):
            yield messages.ListResponse(resource=found.message())


def of_kind(node, namespace, kind):
    return [found for key, found in sorted(node.resources.kept.items()) if key[:2] == (namespace, kind)]


def selector(label_queries, id_query):
    """Whether a resource is among those asked for."""
    pattern = re.compile(id_query.regexp) if id_query.regexp else None

    def is_wanted(found):
        return (not pattern or pattern.search(found.key[2])) and (
            not label_queries or any(all(holds(term, found.labels) for term in query.terms)
                                     for query in label_queries))
    return is_wanted


def holds(term, labels):
    operation = messages.LabelTermOperation
    value = labels.get(term.key)
    match term.op:
        case operation.EXISTS:
            found = value is not None
        case operation.EQUAL:
            found = value == (term.value or [None])[0]
        case operation.NOT_EXISTS:
            found = value is None
        case operation.IN:
            found = value in term.value
        case _:
            raise invalid(f"unsupported label query operator: {term.op}")
    return found != term.invert


@rpc("/cosi.resource.State/Watch", roles=READER, types=(STREAM, messages.WatchRequest, messages.WatchResponse))
async def watch(node, request, call):
    kind = check(node, call, request.namespace, request.type)
    options = request.options
    if request.id is not None and (options.bootstrap_contents or options.label_query):
        raise unimplemented("bootstrap_contents and label_query are not supported for a single resource")
    with node.resources.subscription() as queue:
        # The first message says that the watch has begun.
        yield messages.WatchResponse()
        if request.id is not None:
            wanted = single(request.id)
            yield answer(first_event(node, request, kind))
        else:
            wanted = selector(options.label_query, options.id_query)
            first = contents(node, request, kind, wanted)
            if options.aggregated and first:
                yield messages.WatchResponse(event=first)
            else:
                for event in first:
                    yield answer(event)
        while True:
            event_type, new, old = await queue.get()
            if new.key[:2] == (request.namespace, kind) and wanted(new):
                yield answer(event_of(event_type, new, old))


def single(identifier):
    return lambda found: found.key[2] == identifier


def answer(event):
    return messages.WatchResponse(event=[event])


def event_of(kind, new, old=None):
    event = messages.Event(resource=new.message(), event_type=kind, bookmark=str(new.version).encode())
    if old:
        event.old = old.message()
    return event


def first_event(node, request, kind):
    found = node.resources.find(request.namespace, kind, request.id)
    if found:
        return event_of(messages.EventType.CREATED, found)
    tombstone = messages.Resource(metadata=messages.ResourceMetadata(
        namespace=request.namespace, type=kind, id=request.id, version="undefined", phase="running"))
    return messages.Event(resource=tombstone, event_type=messages.EventType.DESTROYED)


def contents(node, request, kind, wanted):
    """What a watch begins with: all there is, and then that this was all."""
    if not request.options.bootstrap_contents:
        return []
    events = [event_of(messages.EventType.CREATED, found)
              for found in of_kind(node, request.namespace, kind) if wanted(found)]
    if request.api_version >= 1:
        events.append(messages.Event(event_type=messages.EventType.BOOTSTRAPPED, resource=messages.Resource(
            metadata=messages.ResourceMetadata(namespace=request.namespace, type=kind, version="undefined"))))
    return events
