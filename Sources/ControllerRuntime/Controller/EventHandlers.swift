// SPDX-License-Identifier: Apache-2.0
package import Kubernetes

/// What a Reflector does with each change, after its store shows it.
package typealias ChangeHandler<R: Resource> = @Sendable (StoreChange<R>) -> Void

/// Ready-made handlers: each turns a change into keys for a queue.
package enum EventHandlers {
    /// Adds the object itself, unless `isRelevant` says that the change does not matter.
    package static func enqueueObject<R: Resource>(
        _ queue: WorkQueue, where isRelevant: @escaping @Sendable (StoreChange<R>) -> Bool = { _ in true }
    ) -> ChangeHandler<R> {
        { change in
            if let key = change.key, isRelevant(change) { queue.add(key) }
        }
    }

    /// Adds the object's controlling owner, if that is of kind `owner`; a former one too.
    package static func enqueueController<R: Resource>(
        of owner: ResourceDefinition, _ queue: WorkQueue,
        where isRelevant: @escaping @Sendable (StoreChange<R>) -> Bool = { _ in true }
    ) -> ChangeHandler<R> {
        { change in
            guard isRelevant(change) else { return }
            for key in controllers(of: change, kind: owner) { queue.add(key) }
        }
    }

    /// The controlling owners of kind `owner`, of the object before and after the change.
    ///
    /// Group and kind must match, the version need not; references that make no sense are skipped.
    package static func controllers<R: Resource>(
        of change: StoreChange<R>, kind owner: ResourceDefinition
    ) -> Set<ObjectKey> {
        Set([change.old, change.new].compactMap { $0.flatMap { controller(of: $0.metadata, kind: owner) } })
    }

    private static func controller(of object: ObjectMeta, kind owner: ResourceDefinition) -> ObjectKey? {
        let reference = object.ownerReferences.first {
            $0.isController && $0.kind == owner.kind && $0.group == owner.group && isWellFormed($0)
        }
        guard let reference else { return nil }
        // An owner in a namespace owns objects of that namespace only.
        if owner.isNamespaced, object.namespace.isEmpty { return nil }
        return ObjectKey(namespace: owner.isNamespaced ? object.namespace : "", name: reference.name)
    }

    private static func isWellFormed(_ reference: OwnerReference) -> Bool {
        !reference.name.isEmpty && reference.apiVersion.utf8.count(where: { $0 == UInt8(ascii: "/") }) <= 1
    }
}

/// Which changes of an object are worth a reconcile.
package enum ChangePredicates {
    /// Whether anything but the status changed: spec, labels, annotations, finalizers, owners, deletion.
    ///
    /// Appearing and vanishing always count, and so does every change of a kind that does not count
    /// generations.
    package static func isBeyondStatus<R: Resource>(_ change: StoreChange<R>) -> Bool {
        guard let old = change.old?.metadata, let new = change.new?.metadata else { return true }
        if new.generation == 0 || new.generation != old.generation { return true }
        return new.deletionTimestamp != old.deletionTimestamp || new.finalizers != old.finalizers
            || new.labels != old.labels || new.annotations != old.annotations
            || new.ownerReferences != old.ownerReferences
    }
}
