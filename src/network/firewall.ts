/**
 * Keeps the engine's nftables table equal to the model. Changes that come while a transaction is under way, or in the
 * same turn of the event loop, go into one transaction; the next differences are taken from what was applied. When
 * somebody flushed the table (firewalld reload, `nft flush ruleset`; CVE-2025-54388), the whole table is made again: the
 * kernel numbers its transactions, and after one that is not ours the rules are counted.
 */
import type { EngineBase } from '../engine/context.ts'
import {
  expectedCensus,
  renderDelta,
  renderTable,
  toElements,
  type Census,
  type Elements,
  type RulesetModel,
} from './ruleset.ts'

export interface Firewall {
  /** Resolves when a transaction that holds the present model is in force. */
  flush(): Promise<void>
  /** Makes the whole table afresh. */
  replace(): Promise<void>
  /** Makes the table again when it is gone or lacks something. True when it had to. Cheap while nobody changes rules. */
  repair(): Promise<boolean>
}

/** The part of libnftables-json that is counted. */
interface Listing {
  readonly nftables: readonly {
    readonly rule?: { readonly chain: string }
    readonly set?: { readonly name: string; readonly elem?: readonly unknown[] }
    readonly map?: { readonly name: string; readonly elem?: readonly unknown[] }
  }[]
}

function count({ nftables }: Listing): Census {
  const census = new Map<string, number>()
  for (const { rule, set, map = set } of nftables) {
    if (rule !== undefined) census.set(rule.chain, (census.get(rule.chain) ?? 0) + 1)
    if (map !== undefined) census.set(map.name, map.elem?.length ?? 0)
  }
  return census
}

export function createFirewall(base: EngineBase, currentModel: () => RulesetModel): Firewall {
  const table = base.config.nftTable
  let applied: Elements | undefined
  let waiting: Promise<void> | undefined
  let running: Promise<unknown> = Promise.resolve()

  let checkedGeneration: number | undefined

  async function isWhole(elements: Elements): Promise<boolean> {
    const listing = await base.host.nft.list(`table inet ${table}`)
    if (listing === undefined) return false
    const found = count(listing as Listing)
    return [...expectedCensus(elements)].every(([name, size]) => (found.get(name) ?? 0) >= size)
  }

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
      const generation = applied === undefined ? undefined : base.host.links.rulesetGeneration()
      if (generation === checkedGeneration) return false
      let repaired = false
      await inTurn(async () => {
        if (applied === undefined || (await isWhole(applied))) return
        base.log('warn', 'the nftables table was changed by somebody: making it again', { table })
        await applyWhole(toElements(currentModel()))
        repaired = true
      })
      if (!repaired) checkedGeneration = generation
      return repaired
    },
  }
}
