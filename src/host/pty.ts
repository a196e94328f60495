/**
 * Terminals for `exec -t`: the runtime makes the pseudo-terminal and sends its master over a unix socket as an
 * SCM_RIGHTS message, which Node cannot receive. Source: man 7 unix, runc docs/terminals.md.
 */

export interface Pty {
  /** Listens on `socketPath` (at most 107 bytes), waits for one connection and one descriptor. */
  receiveMaster(socketPath: string, options: { readonly timeoutMs: number }): Promise<number>
  /** TIOCSWINSZ. sync */
  resize(masterFd: number, rows: number, columns: number): void
}
