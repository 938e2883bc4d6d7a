// SPDX-License-Identifier: Apache-2.0
// What the C library has (2.34 and later) and its Swift module, made without _GNU_SOURCE, does not show: closing
// descriptors in a new process, and the tuning of the allocator.
#pragma once
#include <malloc.h>
#include <spawn.h>

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
