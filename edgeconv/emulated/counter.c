/* A QEMU plugin (interface version 1, QEMU 6.0 and newer) that counts executed guest instructions.

   The guest asks with a system call that no Linux has: number 7777, its argument an open file
   descriptor. The count so far is written there as eight bytes, in the machine's byte order; the
   call itself then fails with ENOSYS, under the plugin as without it. QEMU's user mode passes file
   descriptors on unchanged, so guest and plugin mean the same file.

   Every block of translated code adds its number of instructions inline, without a lock: the count
   is exact for a program with one thread. The few declarations of QEMU's interface that are used
   are repeated here, so that no header of QEMU is needed. */
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
enum { ASK_FOR_COUNT = 7777, INLINE_ADD_U64 = 0 };

typedef uint64_t plugin_id;
struct qemu_info;
struct qemu_plugin_tb;
typedef void (*on_translation)(plugin_id, struct qemu_plugin_tb *);
typedef void (*on_syscall)(plugin_id, unsigned cpu, int64_t number, uint64_t, uint64_t, uint64_t,
                           uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_translation);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_syscall);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int operation,
                                                     void *counter, uint64_t addend);

EXPORTED int qemu_plugin_version = 1;
static uint64_t executed;

static void translated(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &executed,
                                             qemu_plugin_tb_n_insns(block));
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t descriptor, uint64_t b,
                   uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == ASK_FOR_COUNT) {
        uint64_t count = executed;
        ssize_t written = write((int)descriptor, &count, sizeof count);
        (void)written; /* whoever asked sees that nothing came */
    }
}

EXPORTED int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc,
                                 char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
