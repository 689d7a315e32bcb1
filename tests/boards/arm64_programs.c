/* Preloaded into the programs of a board that is not there: what they start of ARM64 code runs under qemu.
 *
 * ARM64_QEMU is the emulator, ARM64_CPU the core. armlet's RPC server is told that it is emulated. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*execve_function)(const char *, char *const[], char *const[]);

static int is_arm64(const char *path) {
  Elf64_Ehdr header;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const int whole = file >= 0 && read(file, &header, sizeof header) == sizeof header;
  if (file >= 0) close(file);
  return whole && !memcmp(header.e_ident, ELFMAG, SELFMAG) && header.e_machine == EM_AARCH64;
}

int execve(const char *path, char *const argv[], char *const envp[]) {
  const execve_function original = (execve_function)dlsym(RTLD_NEXT, "execve");
  char *const qemu = getenv("ARM64_QEMU"), *const cpu = getenv("ARM64_CPU");
  if (access(path, X_OK) || !qemu || !cpu || !is_arm64(path)) return original(path, argv, envp);
  int count = 0, serves = 0;
  while (argv[count]) serves |= !strcmp(argv[count++], "./server");
  char **command = calloc((size_t)count + 10, sizeof *command), **at = command;
  *at++ = qemu;
  *at++ = "-cpu";
  *at++ = cpu;
  *at++ = "-U";
  *at++ = "LD_PRELOAD";
  *at++ = (char *)path;
  for (int i = 1; i < count; ++i) *at++ = argv[i];
  if (serves) {
    *at++ = "--emulated";
    *at++ = cpu;
  }
  return original(qemu, command, envp);
}

int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

int execvp(const char *file, char *const argv[]) {
  const execve_function original = (execve_function)dlsym(RTLD_NEXT, "execvp");
  return strchr(file, '/') ? execve(file, argv, environ) : original(file, argv, NULL);
}
