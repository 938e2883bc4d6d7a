// SPDX-License-Identifier: Apache-2.0
// libcurl's variadic functions, one typed wrapper for each argument kind: Swift cannot call variadics.
// The names in parentheses step around the type-checking macros of <curl/typecheck-gcc.h>.
#pragma once
#include <curl/curl.h>
#include <stdbool.h>

#if LIBCURL_VERSION_NUM < 0x075800
#error "libcurl 7.88 or newer is needed"
#endif

typedef size_t (*ccurl_data_function)(char *, size_t, size_t, void *);
typedef int (*ccurl_seek_function)(void *, curl_off_t, int);
typedef int (*ccurl_prerequisite_function)(void *, char *, char *, int, int);
typedef int (*ccurl_socket_function)(void *, curl_socket_t, curlsocktype);

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
    return (curl_easy_setopt)(easy, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return (curl_easy_setopt)(easy, option, value);
}

// libcurl takes a copy of the bytes.
static inline CURLcode ccurl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return (curl_easy_setopt)(easy, option, &blob);
}

static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *list) {
    return (curl_easy_setopt)(easy, option, list);
}

static inline CURLcode ccurl_set_data_function(CURL *easy, CURLoption option, ccurl_data_function function) {
    return (curl_easy_setopt)(easy, option, function);
}

static inline CURLcode ccurl_set_seek_function(CURL *easy, ccurl_seek_function function) {
    return (curl_easy_setopt)(easy, CURLOPT_SEEKFUNCTION, function);
}

static inline CURLcode ccurl_set_prerequisite_function(CURL *easy, ccurl_prerequisite_function function) {
    return (curl_easy_setopt)(easy, CURLOPT_PREREQFUNCTION, function);
}

static inline CURLcode ccurl_set_socket_function(CURL *easy, ccurl_socket_function function) {
    return (curl_easy_setopt)(easy, CURLOPT_SOCKOPTFUNCTION, function);
}

static inline CURLcode ccurl_get_long(CURL *easy, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLcode ccurl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return (curl_easy_getinfo)(easy, info, value);
}

static inline CURLcode ccurl_get_private(CURL *easy, void **value) {
    return (curl_easy_getinfo)(easy, CURLINFO_PRIVATE, value);
}

// OpenSSL's SSL of the connection under the request; null if there is none, or not of OpenSSL.
static inline void *ccurl_get_ssl(CURL *easy) {
    struct curl_tlssessioninfo *session = NULL;
    if ((curl_easy_getinfo)(easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session) return NULL;
    return session->backend == CURLSSLBACKEND_OPENSSL ? session->internals : NULL;
}

static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return (curl_multi_setopt)(multi, option, value);
}

// The next finished transfer and its result; false when there is none left.
static inline bool ccurl_multi_next_done(CURLM *multi, CURL **easy, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        *easy = message->easy_handle;
        *result = message->data.result;
        return true;
    }
    return false;
}
