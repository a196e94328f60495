/**
 * PURE: which of a user's annotations the runtime gets. Some are orders to a runtime (other seccomp filters, handlers,
 * hooks' output, systemd properties): those are left out, by name. Source: man 8 crun and runc (annotations),
 * CVE-2026-53488.
 */
const ORDERS = ['run.oci.', 'io.crun.', 'krun.', 'module.wasm.', 'org.criu.', 'org.systemd.', 'io.katacontainers.']

export function toAnnotations(
  wishes: Readonly<Record<string, string>>,
  warn: (text: string) => void,
): Readonly<Record<string, string>> {
  const entries = Object.entries(wishes).filter(([name]) => {
    const isOrder = ORDERS.some((prefix) => name.startsWith(prefix))
    if (isOrder) warn(`annotation ${name} would give the OCI runtime an order: ignored`)
    return !isOrder
  })
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
