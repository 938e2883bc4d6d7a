// SPDX-License-Identifier: Apache-2.0
// What the program was built from. Package.swift defines it: Swift has no other way to get a text at compile time.
#pragma once

#ifndef TALOS_OPERATOR_REVISION
#define TALOS_OPERATOR_REVISION
#endif
#ifndef TALOS_OPERATOR_SOURCE_DATE
#define TALOS_OPERATOR_SOURCE_DATE 0
#endif
#define BUILD_STAMP_QUOTED(words) #words
#define BUILD_STAMP_TEXT(macro) BUILD_STAMP_QUOTED(macro)

/// The commit; empty if the builder did not say.
static inline const char *_Nonnull build_stamp_revision(void) { return BUILD_STAMP_TEXT(TALOS_OPERATOR_REVISION); }
/// Seconds since 1970 of that commit; 0 if the builder did not say.
static inline long long build_stamp_source_date(void) { return TALOS_OPERATOR_SOURCE_DATE; }
