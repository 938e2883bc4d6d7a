// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// The target to run, from `FUZZ_TARGET`.
private let target: FuzzTarget = {
    let name = ProcessEnvironment.variables["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        print("FUZZ_TARGET must be one of", FuzzTarget.all.map(\.name).joined(separator: " "))
        exit(2)
    }
    return target
}()

/// Raised by the task that runs the target; libFuzzer's thread waits for it.
nonisolated(unsafe) private let isDone: UnsafeMutablePointer<sem_t> = {
    let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
    return semaphore
}()

/// What libFuzzer calls for each input; a property that does not hold is a crash to it.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    Task.detached {
        do {
            try await target.run(bytes)
        } catch {
            print("\(target.name): does not hold: \(error)")
            fflush(nil)  // What stands in the buffer would be lost.
            abort()
        }
        sem_post(isDone)
    }
    while sem_wait(isDone) != 0 {}
    return 0
}
