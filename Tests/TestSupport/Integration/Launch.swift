// SPDX-License-Identifier: Apache-2.0
import CGlibc
import Glibc

/// A program that was started, and our ends of what it reads and writes.
struct Launch: Sendable {
    var pid: pid_t
    var output: Int32
    /// nil if its standard input is empty.
    var input: Int32?
}

/// Starts a program that ends with the calling thread, its output in a pipe.
func launchTied(
    _ arguments: [String], _ environment: [String: String], hasInput: Bool
) throws(Subprocess.StartError) -> Launch {
    guard let program = arguments.first, access(program, X_OK) == 0 else {
        throw Subprocess.StartError(description: "\(arguments.first ?? "nothing") is no program")
    }
    var (output, input): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    // A socket for standard input: writing to a program that is gone is an error then, not SIGPIPE.
    guard pipe(&output) == 0, !hasInput || socketpair(AF_UNIX, type, 0, &input) == 0 else {
        throw Subprocess.StartError(description: "no pipe: \(errno)")
    }
    for end in output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if hasInput {
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    posix_spawn_file_actions_adddup2(&actions, output[1], 2)
    // A pipe that another test is about to mark as its own would not end before this program does.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setsigmask(&attributes, &signals)

    let argv = cStrings(["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"] + arguments)
    let envp = cStrings(environment.map { "\($0.key)=\($0.value)" })
    defer { for pointer in argv + envp { free(pointer) } }
    var child = pid_t()
    let code = posix_spawn(&child, "/usr/bin/setpriv", &actions, &attributes, argv, envp)
    for end in [output[1], input[0]] where end >= 0 { close(end) }
    guard code == 0 else {
        for end in [output[0], input[1]] where end >= 0 { close(end) }
        throw Subprocess.StartError(description: "\(program): \(String(cString: strerror(code)))")
    }
    return Launch(pid: child, output: output[0], input: hasInput ? input[1] : nil)
}

private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    texts.map { strdup($0) } + [nil]
}
