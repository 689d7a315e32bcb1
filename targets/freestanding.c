/* The memory functions that LLVM and GCC call of themselves, so that a library needs no C library.
 * Hidden: another library's memset is never replaced by these. */

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)
/* Else GCC recognises these very loops and replaces them by calls of themselves. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint8_t block __attribute__((vector_size(16), aligned(1), may_alias));

__attribute__((visibility("hidden"))) void *memset(void *target, int value, size_t size) {
  uint8_t *to = target;
  const block filled = (block){0} + (uint8_t)value;
  for (; size >= sizeof(block); size -= sizeof(block), to += sizeof(block)) *(block *)to = filled;
  while (size--) *to++ = (uint8_t)value;
  return target;
}

static void copy_forward(uint8_t *to, const uint8_t *from, size_t size) {
  for (; size >= sizeof(block); size -= sizeof(block), to += sizeof(block), from += sizeof(block))
    *(block *)to = *(const block *)from;
  while (size--) *to++ = *from++;
}

__attribute__((visibility("hidden"))) void *memcpy(void *restrict target, const void *restrict source,
                                                   size_t size) {
  copy_forward(target, source, size);
  return target;
}

__attribute__((visibility("hidden"))) void *memmove(void *target, const void *source, size_t size) {
  uint8_t *to = target;
  const uint8_t *from = source;
  if ((uintptr_t)to - (uintptr_t)from >= size)
    copy_forward(to, from, size);
  else
    while (size--) to[size] = from[size];
  return target;
}

__attribute__((visibility("hidden"))) int memcmp(const void *left, const void *right, size_t size) {
  const uint8_t *a = left, *b = right;
  for (; size; --size, ++a, ++b)
    if (*a != *b) return *a - *b;
  return 0;
}

__attribute__((visibility("hidden"))) int bcmp(const void *left, const void *right, size_t size) {
  return memcmp(left, right, size);
}
