// SPDX-License-Identifier: Apache-2.0
import CGlibc
import Glibc

/// Starts a program in a process group of its own, with all signals as a fresh process has them.
func spawn(
    _ command: ChildProcess.Command, input: Int32, output: Int32, error: Int32
) throws(SystemError) -> pid_t {
    let environment = command.environment.map { "\($0.key)=\($0.value)" }.sorted()
    // The C library would cut at a NUL and run something else.
    guard let program = command.arguments.first,
        !(command.arguments + environment).contains(where: { $0.utf8.contains(0) })
    else { throw SystemError(code: EINVAL) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, standard) in [(input, STDIN_FILENO), (output, STDOUT_FILENO), (error, STDERR_FILENO)] {
        posix_spawn_file_actions_adddup2(&actions, descriptor, standard)
    }
    // Not all descriptors are born with O_CLOEXEC; a pipe's end held by another program would delay the end of
    // what is read from it.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
    var attributes = freshAttributes()
    defer { posix_spawnattr_destroy(&attributes) }

    var process: pid_t = 0
    let code = withCStrings(command.arguments) { arguments in
        withCStrings(environment) { environment in
            posix_spawnp(&process, program, &actions, &attributes, arguments, environment)
        }
    }
    guard code == 0 else { throw SystemError(code: code) }
    return process
}

/// A new group, no signal blocked or ignored.
private func freshAttributes() -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(flags))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    return attributes
}

/// Lends the strings as the null-terminated array that C wants.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
        // The array has at least the terminator, so that there is a base.
        guard let base = buffer.baseAddress else { return withCStrings([""], body) }
        return body(base)
    }
}
