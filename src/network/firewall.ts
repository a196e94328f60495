/**
 * Keeps the engine's nftables table equal to the model. Changes that come while a transaction is under way, or in the
 * same turn of the event loop, go into one transaction; the next differences are taken from what was applied. When
 * somebody flushed the table (firewalld reload, `nft flush ruleset`; CVE-2025-54388), the whole table is made again.
 */
import type { EngineBase } from '../engine/context.ts'
import { renderDelta, renderTable, toElements, type Elements, type RulesetModel } from './ruleset.ts'

export interface Firewall {
  /** Resolves when a transaction that holds the present model is in force. */
  flush(): Promise<void>
  /** Makes the whole table afresh. */
  replace(): Promise<void>
  /** Makes the table again when it is gone. True when it had to. */
  repair(): Promise<boolean>
}

export function createFirewall(base: EngineBase, currentModel: () => RulesetModel): Firewall {
  const table = base.config.nftTable
  let applied: Elements | undefined
  let waiting: Promise<void> | undefined
  let running: Promise<unknown> = Promise.resolve()

  async function applyWhole(wanted: Elements): Promise<void> {
    applied = undefined
    if (wanted.bridges.size === 0) {
      // nothing to guard: an idle engine leaves no trace. Naming the table first makes its deletion never fail
      await base.host.nft.apply(`table inet ${table}\ndelete table inet ${table}\n`)
      return
    }
    await base.host.nft.apply(renderTable(table, wanted))
    applied = wanted
  }

  async function apply(): Promise<void> {
    const wanted = toElements(currentModel())
    if (applied === undefined || wanted.bridges.size === 0) {
      if (applied !== undefined || wanted.bridges.size > 0) await applyWhole(wanted)
      return
    }
    const delta = renderDelta(table, applied, wanted)
    if (delta === '') return
    try {
      await base.host.nft.apply(delta)
      applied = wanted
    } catch (error) {
      base.log('warn', 'the nftables table is not as it was left: making it again', { table, error: String(error) })
      await applyWhole(wanted)
    }
  }

  /** One at a time, in the order of the calls; a failure does not stop the next. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = running.then(work)
    running = turn.catch(() => {})
    return turn
  }

  return {
    flush() {
      waiting ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
        inTurn(async () => {
          waiting = undefined
          await apply()
        }),
      )
      return waiting
    },
    replace: () => inTurn(() => applyWhole(toElements(currentModel()))),
    async repair() {
      if (applied === undefined || (await base.host.nft.list(`chain inet ${table} forward`)) !== undefined) return false
      base.log('warn', 'the nftables table was removed by somebody: making it again', { table })
      await inTurn(() => applyWhole(toElements(currentModel())))
      return true
    },
  }
}
